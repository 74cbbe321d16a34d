//! What keys are called. The braces keep all keys of an instance together, also in a cluster.

use std::time::Duration;

use ebb_core::ids::{InstanceId, SessionId};

/// The set of the instances that gave a sign of life here.
pub(super) const INSTANCES: &str = "ebb:instances";
/// It goes by itself when no host is left to take itself out.
pub(super) const INSTANCES_TTL: Duration = Duration::from_hours(24);

/// The keys of one instance.
#[derive(Debug)]
pub(super) struct Keys {
    instance: InstanceId,
    ttl: Duration,
}

impl Keys {
    pub(super) const fn new(instance: InstanceId, ttl: Duration) -> Self {
        Self { instance, ttl }
    }

    pub(super) const fn instance(&self) -> &InstanceId {
        &self.instance
    }

    /// How long a key lives whatever happens.
    pub(super) const fn ttl(&self) -> Duration {
        self.ttl
    }

    /// There while the instance lives.
    pub(super) fn lease(&self) -> String {
        format!("ebb:{{{}}}:lease", self.instance)
    }

    /// The sessions that have a set.
    pub(super) fn index(&self) -> String {
        format!("ebb:{{{}}}:sessions", self.instance)
    }

    /// The numbers of a session's cursors.
    pub(super) fn set(&self, session: &SessionId) -> String {
        format!("ebb:{{{}}}:s:{session}", self.instance)
    }

    /// The bytes of one cursor.
    pub(super) fn payload(&self, session: &SessionId, number: u64) -> String {
        format!("ebb:{{{}}}:c:{session}:{number}", self.instance)
    }

    /// Every key of the instance.
    pub(super) fn pattern(&self) -> String {
        format!("ebb:{{{}}}:*", self.instance)
    }

    /// Whose a key of this instance is: the session of a set or a payload.
    pub(super) fn owner(&self, key: &str) -> Option<SessionId> {
        let rest = key.strip_prefix("ebb:{")?.strip_prefix(self.instance.as_str())?.strip_prefix("}:")?;
        let rest = rest.strip_prefix("s:").or_else(|| rest.strip_prefix("c:"))?;
        SessionId::parse(rest.split(':').next()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_whose_they_are() {
        let keys = Keys::new(InstanceId::new(), Duration::from_secs(1));
        let session = SessionId::new();
        assert_eq!(keys.owner(&keys.set(&session)), Some(session.clone()));
        assert_eq!(keys.owner(&keys.payload(&session, 12)), Some(session.clone()));
        for other in [keys.lease(), keys.index(), INSTANCES.to_owned(), "ebb:{".to_owned()] {
            assert_eq!(keys.owner(&other), None, "{other}");
        }
        assert_eq!(Keys::new(InstanceId::new(), Duration::ZERO).owner(&keys.set(&session)), None);
    }
}
