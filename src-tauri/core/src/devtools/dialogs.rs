//! The dialog that a tab waits with.

use super::console::clip;

/// Characters kept of a dialog's message; pages choose it, people read the beginning.
const MAX_CHARS: usize = 2_000;

/// An open dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    /// `alert`, `confirm`, `prompt`, `beforeunload`.
    pub kind: String,
    /// Its message.
    pub message: String,
    /// What a prompt suggests.
    pub default_prompt: Option<String>,
}

impl Dialog {
    pub(super) fn new(kind: String, message: String, default_prompt: Option<String>) -> Self {
        let mut dialog = Self { kind, message, default_prompt };
        clip(&mut dialog.kind, 32);
        clip(&mut dialog.message, MAX_CHARS);
        if let Some(prompt) = &mut dialog.default_prompt {
            clip(prompt, MAX_CHARS);
        }
        dialog
    }

    pub(super) fn bytes(&self) -> u64 {
        let prompt = self.default_prompt.as_ref().map_or(0, String::len);
        (size_of::<Self>() + self.kind.len() + self.message.len() + prompt) as u64
    }
}
