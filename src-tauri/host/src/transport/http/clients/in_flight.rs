//! Requests of one `Mcp-Session-Id` that wait for their answers.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use serde_json::Value;

/// Those of one client. Copies are the same ones.
#[derive(Clone, Default)]
pub(super) struct Requests(Arc<Mutex<HashSet<String>>>);

/// One of them, until the last copy is dropped.
#[derive(Clone)]
pub(crate) struct InFlight {
    _entry: Arc<Entry>,
}

struct Entry {
    requests: Requests,
    id: String,
}

impl Requests {
    /// Notes the request with this id; none where it is noted already.
    pub(super) fn begin(&self, id: &Value) -> Option<InFlight> {
        let id = id.to_string();
        let entry = || InFlight { _entry: Arc::new(Entry { requests: self.clone(), id: id.clone() }) };
        self.0.lock().insert(id.clone()).then(entry)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.requests.0.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_free_again_when_its_last_guard_is_gone() {
        let requests = Requests::default();
        let first = requests.begin(&json!(1)).unwrap();
        let copy = first.clone();
        assert!(requests.begin(&json!(1)).is_none());
        // A text and a number are two ids.
        assert!(requests.begin(&json!("1")).is_some());
        drop(first);
        assert!(requests.begin(&json!(1)).is_none());
        drop(copy);
        assert!(requests.begin(&json!(1)).is_some());
    }
}
