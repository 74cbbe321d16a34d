//! What a page's style sheets believe about the reader: colours, motion, contrast, paper.

use std::{collections::BTreeMap, sync::Arc};

use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetEmulatedMediaParams};
use ebb_core::Result;

use super::{tab::Tab, tab_state::TabState};

/// A tool's argument and what CSS calls it.
const FEATURES: [(&str, &str); 4] = [
    ("colorScheme", "prefers-color-scheme"),
    ("reducedMotion", "prefers-reduced-motion"),
    ("forcedColors", "forced-colors"),
    ("contrast", "prefers-contrast"),
];

/// What is emulated in one tab, by the names of the tool's arguments; what is missing is the browser's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Media(BTreeMap<&'static str, String>);

impl Media {
    /// Sets `name` (`colorScheme`, ..., `media`), or gives it back to the browser.
    pub(crate) fn set(&mut self, name: &'static str, value: Option<String>) {
        match value {
            Some(value) => drop(self.0.insert(name, value)),
            None => drop(self.0.remove(name)),
        }
    }

    /// The command that makes it so. It replaces everything that was set before.
    pub(crate) fn command(&self) -> SetEmulatedMediaParams {
        let of = |name: &str| self.0.get(name).cloned().unwrap_or_default();
        let features = FEATURES.iter().map(|(name, css)| MediaFeature::new(*css, of(name))).collect::<Vec<_>>();
        SetEmulatedMediaParams::builder().media(of("media")).features(features).build()
    }
}

/// Changes what is emulated in `tab`: each name with its value, none for the browser's own.
///
/// # Errors
/// As [`Tab::call`].
pub(crate) async fn emulate(tab: &Arc<Tab>, changes: Vec<(&'static str, Option<String>)>) -> Result<()> {
    let mut media = tab.peek(|state| state.media.clone());
    for (name, value) in changes {
        media.set(name, value);
    }
    let command = media.command();
    tab.call(&command).await?;
    // Frames in processes of their own have style sheets too.
    for session in tab.peek(TabState::frame_sessions) {
        tab.post_to(&session, &command);
    }
    tab.poke(|state| state.media = media);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_stays_set_until_it_is_given_back() {
        let mut media = Media::default();
        media.set("colorScheme", Some("dark".to_owned()));
        media.set("media", Some("print".to_owned()));
        media.set("colorScheme", Some("light".to_owned()));
        media.set("contrast", None);
        let command = serde_json::to_value(media.command()).unwrap();
        assert_eq!(command["media"], "print");
        assert_eq!(command["features"][0], serde_json::json!({"name": "prefers-color-scheme", "value": "light"}));
        media.set("colorScheme", None);
        assert_eq!(serde_json::to_value(media.command()).unwrap()["features"][0]["value"], "");
    }
}
