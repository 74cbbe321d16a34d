use super::*;

#[test]
fn vast_pages_are_read_as_far_as_it_goes() {
    let mut ordeal = Ordeal::new();

    // Ten megabytes of title, in the page, in its tab and in a frame's name.
    let seen = ordeal.visit(
        "title",
        "<h1>Here</h1><iframe name=f></iframe><script>document.title = 'tEnd '.repeat(2e6); \
         document.querySelector('iframe').title = 't'.repeat(10e6); document.querySelector('h1').id = 'i'.repeat(10e6);</script>",
    );
    assert!(seen.must("Snapshot").contains("heading \"Here\""), "{} bytes", seen.text.len());
    assert!(seen.text.len() < 64 * 1024, "{} bytes", seen.text.len());
    let tabs = ordeal.call("browser_tabs", json!({"action": "list"}));
    assert!(tabs.text.len() < 16 * 1024, "{} bytes", tabs.text.len());
    ordeal.leave();

    // Deeper than any stack: whether the browser itself can draw that or not, the call says so.
    for (name, style) in [("deep", ""), ("contents", "display:contents"), ("unseen", "visibility:hidden")] {
        let html = format!(
            "<button>Top</button><div id=d></div><script>let at = d; for (let n = 0; n < 50_000; n++) {{ \
             const next = document.createElement('div'); next.style.cssText = '{style}'; at.append(next); at = next; }} \
             at.textContent = 'bottom'; document.title = 'built';</script>"
        );
        let seen = ordeal.visit(name, &html);
        let read = seen.section("Snapshot").is_some_and(|text| text.contains("button \"Top\""));
        let console = ordeal.call("browser_console_messages", json!({}));
        let said = console.text.contains("Page crashed and was reset to about:blank.");
        assert!(read || said, "{name}: {}", &seen.text[..seen.text.len().min(600)]);
        ordeal.leave();
    }

    // Shadow roots by the thousand, with sheets of their own, and some in each other.
    let seen = ordeal.visit(
        "shadows",
        "<h1>Here</h1><div id=d></div><script>
        for (let n = 0; n < 4_000; n++) {
          const host = document.createElement('section');
          host.attachShadow({mode: 'open'}).innerHTML = `<style>b::before { content: 'x${n}' }</style><b>s${n}</b><slot></slot>`;
          host.append('light ' + n);
          d.append(host);
        }
        let at = document.body;
        for (let n = 0; n < 300; n++) {
          const host = document.createElement('div');
          at.append(host);
          at = host.attachShadow({mode: 'open'});
          if (n % 2) { const slot = document.createElement('slot'); host.append(document.createElement('i')); at.append(slot); }
        }
        at.innerHTML = '<button>Innermost</button>';
        customElements.define('x-storm', class extends HTMLElement {
          connectedCallback() {
            const root = this.attachShadow({mode: 'open'});
            root.innerHTML = '<p>storm</p>';
            setTimeout(() => { this.remove(); document.body.append(document.createElement('x-storm')); }, 1);
          }
        });
        for (let n = 0; n < 50; n++) document.body.append(document.createElement('x-storm'));
        </script>",
    );
    assert!(seen.must("Snapshot").contains("heading \"Here\""), "{}", &seen.text[..seen.text.len().min(600)]);
    let found = ordeal.call("browser_find", json!({"text": "Innermost"}));
    assert!(found.text.contains("button \"Innermost\""), "{}", found.text);
    let pressed = ordeal.call("browser_click", json!({"target": "getByRole('button', { name: 'Innermost' })"}));
    assert!(!pressed.is_error, "{}", pressed.text);
    ordeal.leave();

    // Attributes and texts of megabytes, and a select of many options.
    let seen = ordeal.visit(
        "wide",
        "<h1>Here</h1><p id=p></p><a id=a>link</a><textarea id=t></textarea><select id=s></select><script>
        p.textContent = 'word '.repeat(5e5); a.href = 'http://h/' + 'u'.repeat(5e6); t.value = 'v'.repeat(5e5);
        a.setAttribute('aria-label', 'n'.repeat(5e6)); p.setAttribute('aria-labelledby', 'x '.repeat(1e6));
        for (let n = 0; n < 20_000; n++) s.add(new Option('option ' + n));
        for (let n = 0; n < 5_000; n++) p.setAttribute('data-' + n, 'z');
        </script>",
    );
    assert!(seen.must("Snapshot").contains("heading \"Here\""), "{}", &seen.text[..seen.text.len().min(600)]);
    let located = ordeal.call("browser_click", json!({"target": "getByRole('heading')"}));
    assert!(!located.is_error, "{}", located.text);
    ordeal.leave();
}
