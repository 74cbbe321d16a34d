//! What can be clicked in the tray and on notifications. An item carries its session's id, so that a menu that changes
//! under the pointer can never end another session than the one that was read.

use ebb_core::ids::SessionId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Click {
    Open,
    More,
    Attention,
    /// Cleanups, those with problems first.
    Problems,
    /// All cleanups.
    History,
    Idle,
    Accept,
    Connect,
    Settings,
    Autostart,
    Quit,
    Details(SessionId),
    Copy(SessionId),
    End(SessionId),
}

impl Click {
    /// The id of the menu item.
    pub(crate) fn id(&self) -> String {
        match self {
            Self::Open => "open".to_owned(),
            Self::More => "more".to_owned(),
            Self::Attention => "attention".to_owned(),
            Self::Problems => "problems".to_owned(),
            Self::History => "history".to_owned(),
            Self::Idle => "idle".to_owned(),
            Self::Accept => "accept".to_owned(),
            Self::Connect => "connect".to_owned(),
            Self::Settings => "settings".to_owned(),
            Self::Autostart => "autostart".to_owned(),
            Self::Quit => "quit".to_owned(),
            Self::Details(session) => format!("details {session}"),
            Self::Copy(session) => format!("copy {session}"),
            Self::End(session) => format!("end {session}"),
        }
    }

    pub(crate) fn from_id(id: &str) -> Option<Self> {
        let (act, session) = id.split_once(' ').unwrap_or((id, ""));
        let session = SessionId::parse(session);
        match (act, session) {
            ("open", None) => Some(Self::Open),
            ("more", None) => Some(Self::More),
            ("attention", None) => Some(Self::Attention),
            ("problems", None) => Some(Self::Problems),
            ("history", None) => Some(Self::History),
            ("idle", None) => Some(Self::Idle),
            ("accept", None) => Some(Self::Accept),
            ("connect", None) => Some(Self::Connect),
            ("settings", None) => Some(Self::Settings),
            ("autostart", None) => Some(Self::Autostart),
            ("quit", None) => Some(Self::Quit),
            ("details", Some(session)) => Some(Self::Details(session)),
            ("copy", Some(session)) => Some(Self::Copy(session)),
            ("end", Some(session)) => Some(Self::End(session)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_click_reads_back_from_its_id() {
        let session = SessionId::new();
        let plain = [
            Click::Open,
            Click::More,
            Click::Attention,
            Click::Problems,
            Click::History,
            Click::Idle,
            Click::Accept,
            Click::Connect,
            Click::Settings,
            Click::Autostart,
            Click::Quit,
        ];
        let of_session = [Click::Details, Click::Copy, Click::End].map(|click| click(session.clone()));
        for click in plain.into_iter().chain(of_session) {
            assert_eq!(Click::from_id(&click.id()), Some(click));
        }
        assert_eq!(Click::from_id("end"), None);
        assert_eq!(Click::from_id("end ses_nonsense"), None);
    }
}
