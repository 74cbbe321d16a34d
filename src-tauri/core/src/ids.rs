//! Identifiers: a prefix and 128 random bits in 26 characters of lower-case base32.
//!
//! Ids are capabilities only together with their owner: every use is checked against the session or
//! client it belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// RFC 4648 base32 without padding, in lower case: letters and digits that survive being spoken.
fn encode(bytes: &[u8]) -> String {
    data_encoding::BASE32_NOPAD.encode(bytes).to_lowercase()
}

/// 128 bits from the operating system. Where it has none to give, time and address-space layout
/// stand in: an id must never be a reason to stop.
fn random_bits() -> [u8; 16] {
    let mut bits = [0_u8; 16];
    if getrandom::fill(&mut bits).is_err() {
        use std::hash::{BuildHasher, RandomState};
        let high = RandomState::new().hash_one(std::time::SystemTime::now());
        let low = RandomState::new().hash_one(high);
        bits[..8].copy_from_slice(&high.to_le_bytes());
        bits[8..].copy_from_slice(&low.to_le_bytes());
    }
    bits
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id from 128 random bits.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default id would read like a constant")]
            pub fn new() -> Self {
                Self(format!("{}{}", $prefix, encode(&random_bits())))
            }

            /// The id in `text`, if it has the right prefix, length and alphabet.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let body = text.strip_prefix($prefix)?;
                let well_formed = body.len() == 26 && body.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
                well_formed.then(|| Self(text.to_owned()))
            }

            /// The whole id, prefix included.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One browser session; also the handle that `session_open` gives out.
    SessionId, "ses_"
);
id!(
    /// One frozen result.
    CursorId, "cur_"
);
id!(
    /// One client program as Ebb sees it.
    ClientId, "cli_"
);
id!(
    /// One run of the host process.
    InstanceId, "run_"
);
id!(
    /// One removal's report.
    ReportId, "rep_"
);
id!(
    /// Something a removal could not free.
    LeftoverId, "lef_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_prefix_and_26_characters() {
        let id = SessionId::new();
        assert_eq!(id.as_str().len(), 30);
        assert_eq!(SessionId::parse(id.as_str()), Some(id));
    }

    #[test]
    fn foreign_text_is_no_id() {
        for text in [
            "",
            "ses_",
            "cur_aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "ses_AAAAAAAAAAAAAAAAAAAAAAAAAA",
            "ses_../../../../etc/passwd000",
        ] {
            assert_eq!(SessionId::parse(text), None, "{text}");
        }
    }
}
