//! Navigations that do not end where they began.

use std::time::{Duration, Instant};

use support::{Calls, Site, TestHost};

/// The first document never has its content: its script waits for ever. The one it sends on to has.
#[test]
fn a_document_that_sends_its_reader_on_at_once() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client("agent");
    let url = site.page("/door", "<script>location.replace('/ok')</script><script src=/hang></script><p>never");
    let began = Instant::now();
    let page = client.open(&url);
    assert!(page.must("Snapshot").contains("All is well"), "{}", page.text);
    assert!(page.must("Page").contains(&site.url("/ok")), "{}", page.text);
    assert!(began.elapsed() < Duration::from_secs(30), "only its deadline ended it: {:?}", began.elapsed());
}
