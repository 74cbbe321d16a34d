//! How much text is how many tokens, and how many a page may have.
//!
//! Nobody can count a client's tokens without its tokenizer, so Ebb estimates on the safe side, in
//! quarters of a token: an ASCII byte is one quarter (4 bytes a token), a character of two UTF-8
//! bytes two (accents, Greek, Cyrillic: 2 characters a token), of three bytes four (most other
//! scripts: 1 character a token), of four bytes eight (emoji: 2 tokens a character). A text never
//! weighs less than its length in bytes, so a page's budget also bounds its bytes.

use crate::{Result, cursors::errors};

/// The smallest page a call can ask for, in tokens.
pub const MIN_PAGE_TOKENS: u32 = 500;
/// The largest page, in tokens: clients that cut results at 25,000 still get all of it.
pub const MAX_PAGE_TOKENS: u32 = 20_000;

/// Quarters of a token, by the first byte of a character; the bytes after it weigh nothing.
const fn quarters(byte: u8) -> u64 {
    match byte {
        0x00..=0x7F => 1,
        0x80..=0xBF => 0,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 4,
        0xF0..=0xFF => 8,
    }
}

/// What `text` weighs, in quarters of a token.
pub(super) fn weigh(text: &str) -> u64 {
    if text.is_ascii() {
        return text.len() as u64;
    }
    text.bytes().map(quarters).sum()
}

/// What one character weighs, in quarters of a token.
pub(super) const fn weigh_char(c: char) -> u64 {
    match c.len_utf8() {
        1 => 1,
        2 => 2,
        3 => 4,
        _ => 8,
    }
}

/// The estimated tokens of `text`.
#[must_use]
pub fn tokens(text: &str) -> u64 {
    weigh(text).div_ceil(4)
}

/// The page size that a call of `tool` asked for in its argument `max_tokens`: clamped to
/// [`MIN_PAGE_TOKENS`]..=[`MAX_PAGE_TOKENS`], none where it did not ask.
///
/// # Errors
/// `InvalidArguments` for zero and negative numbers.
pub fn page_tokens(tool: &str, max_tokens: Option<i64>) -> Result<Option<u32>> {
    match max_tokens {
        None => Ok(None),
        Some(n) if n < 1 => Err(errors::too_small(tool, "max_tokens", 1)),
        Some(n) => Ok(Some(clamp(u32::try_from(n).unwrap_or(u32::MAX)))),
    }
}

/// The nearest size that a page may have.
pub(super) fn clamp(tokens: u32) -> u32 {
    tokens.clamp(MIN_PAGE_TOKENS, MAX_PAGE_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_weigh_what_they_cost() {
        assert_eq!(tokens("abcd"), 1);
        assert_eq!(tokens("abcde"), 2);
        assert_eq!(tokens("äöüß"), 2);
        assert_eq!(tokens("漢字"), 2);
        assert_eq!(tokens("🦀"), 2);
        assert_eq!(tokens(""), 0);
    }

    #[test]
    fn characters_and_texts_agree() {
        for text in ["plain", "Größe", "漢字かな", "🦀 mixed ü 漢", "\u{7ff}\u{800}\u{ffff}\u{10000}"] {
            assert_eq!(weigh(text), text.chars().map(weigh_char).sum::<u64>(), "{text}");
            assert!(weigh(text) >= text.len() as u64, "{text}");
        }
    }

    #[test]
    fn page_sizes_are_clamped_and_checked() {
        assert_eq!(page_tokens("t", None), Ok(None));
        assert_eq!(page_tokens("t", Some(1)), Ok(Some(500)));
        assert_eq!(page_tokens("t", Some(1_234)), Ok(Some(1_234)));
        assert_eq!(page_tokens("t", Some(i64::MAX)), Ok(Some(20_000)));
        for bad in [0, -1, i64::MIN] {
            let error = page_tokens("browser_snapshot", Some(bad)).err();
            assert_eq!(error.as_ref().map(|error| error.code), Some(crate::Code::InvalidArguments));
            assert_eq!(
                error.map(|error| error.message).unwrap_or_default(),
                "Invalid arguments for tool \"browser_snapshot\":\n✖ Too small: expected number to be >=1\n  → at max_tokens"
            );
        }
    }
}
