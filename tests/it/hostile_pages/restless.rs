use super::*;

#[test]
fn pages_that_never_rest_are_looked_at_and_left() {
    let mut ordeal = Ordeal::new();

    // Parts that never come: the page is there all the same.
    let seen = ordeal.visit(
        "waits",
        "<h1>Here</h1><button>Push</button><img src=/hang><script async src=/hang></script><iframe src=/hang></iframe>",
    );
    assert!(seen.must("Snapshot").contains("button \"Push\""), "{}", seen.text);
    let pushed = ordeal.call("browser_click", json!({"target": seen.reference("button \"Push\"")}));
    assert!(!pushed.is_error, "{}", pushed.text);
    ordeal.leave();

    // A document that never ends: opening it fails in its time, and what has come can be read.
    let url = ordeal.site.url("/unfinished");
    let seen = ordeal.visit_url(&url);
    assert!(seen.must("Snapshot").contains("button \"Push\""), "{}", seen.text);
    let pushed = ordeal.call("browser_click", json!({"target": seen.reference("button \"Push\"")}));
    assert!(!pushed.is_error, "{}", pushed.text);
    ordeal.leave();

    // Something changes in every frame, on every timer, and whenever something changed.
    let seen = ordeal.visit(
        "changes",
        "<h1>Here</h1><button>Push</button><ul id=u></ul><script>
        const turn = () => { u.append(Object.assign(document.createElement('li'), {textContent: 'n' + Math.random()})); \
          if (u.children.length > 200) u.firstChild.remove(); };
        const draw = () => { turn(); requestAnimationFrame(draw); }; draw();
        setInterval(turn, 0);
        new MutationObserver(() => setTimeout(() => u.setAttribute('data-n', Math.random()), 0)).observe(u, {attributes: true});
        u.setAttribute('data-n', 1);
        const channel = new MessageChannel(); channel.port1.onmessage = () => { turn(); channel.port2.postMessage(0); }; channel.port2.postMessage(0);
        </script>",
    );
    assert!(seen.must("Snapshot").contains("button \"Push\""), "{}", seen.text);
    let pushed = ordeal.call("browser_click", json!({"target": seen.reference("button \"Push\"")}));
    assert!(!pushed.is_error, "{}", pushed.text);
    ordeal.leave();

    // Frames that take longer than they last.
    let seen = ordeal.visit(
        "draws",
        "<h1>Here</h1><button onclick='this.textContent = \"Pushed\"'>Push</button><script>
        const busy = () => { const end = performance.now() + 60; while (performance.now() < end); requestAnimationFrame(busy); }; busy();
        </script>",
    );
    let pushed = ordeal.call("browser_click", json!({"target": seen.reference("button \"Push\"")}));
    assert!(!pushed.is_error, "{}", pushed.text);
    assert!(ordeal.look().text.contains("button \"Pushed\""));
    ordeal.leave();

    // It asks while it goes, opens itself again, and holds on to what it has.
    let seen = ordeal.visit(
        "clings",
        "<h1>Here</h1><button>Push</button><script>
        for (const type of ['unload', 'pagehide', 'visibilitychange', 'beforeunload']) addEventListener(type, (event) => {
          if (type === 'beforeunload') event.preventDefault();
          alert(type); confirm(type); prompt(type); window.open(location.href); location.reload(); history.back();
          navigator.sendBeacon('/hang', 'x'); fetch('/hang', {keepalive: true});
          const request = new XMLHttpRequest(); request.open('GET', '/slow?ms=300', false); try { request.send(); } catch {}
        });</script>",
    );
    let pushed = ordeal.call("browser_click", json!({"target": seen.reference("button \"Push\"")}));
    assert!(!pushed.is_error, "{}", pushed.text);
    let url = ordeal.site.url("/ok");
    let left = ordeal.call("browser_navigate", json!({"url": url}));
    assert!(left.text.contains("\"beforeunload\" dialog") || left.text.contains("All is well"), "{}", left.text);
    for _ in 0..8 {
        if !ordeal.call("browser_snapshot", json!({})).text.contains("browser_handle_dialog") {
            break;
        }
        ordeal.call("browser_handle_dialog", json!({"accept": true}));
    }
    let seen = ordeal.call("browser_snapshot", json!({}));
    assert!(seen.text.contains("All is well"), "{}", seen.text);
    ordeal.leave();

    // The whole document is written anew, again and again, and its address with it.
    let seen = ordeal.visit(
        "rewrites",
        "<h1>Here</h1><script>let n = 0; const again = () => { document.open(); \
         document.write('<title>t</title><h1>Here ' + ++n + '</h1><button>Push</button>'); document.close(); \
         try { history.pushState(0, '', '#' + n); } catch {} }; window.opened = setInterval(again, 5);</script>",
    );
    assert!(seen.is_error || seen.text.contains("Here"), "{}", seen.text);
    ordeal.leave();
}

#[test]
fn fifty_windows_from_one_click_are_as_many_as_a_session_may_have() {
    let mut ordeal = Ordeal::new();
    ordeal.site.page("/kid", "<!doctype html><title>kid</title>");
    let seen = ordeal.visit(
        "fifty",
        "<button onclick=\"for (let n = 0; n < 50; n++) window.open('/kid?' + n, '_blank'); this.textContent = 'Done'\">Go</button>",
    );
    // Whether that takes longer than a click may or not: the page goes on by itself, and nothing else is held up.
    ordeal.call("browser_click", json!({"target": seen.reference("button \"Go\"")}));
    support::wait_for("all windows are asked for", ANSWER, || {
        let seen = ordeal.look();
        if seen.text.contains("button \"Done\"") { Ok(()) } else { Err(seen.text) }
    });
    let tabs = ordeal.call("browser_tabs", json!({"action": "list"}));
    assert_eq!(tabs.must("Result").lines().count(), 32, "{}", tabs.text);
    // Windows beyond the limit ask no site for anything.
    let asked = ordeal.site.requests().iter().filter(|path| path.starts_with("/kid")).count();
    assert!(asked < 32, "{asked} were asked for");
    ordeal.call("browser_close", json!({}));
    ordeal.leave();
}
