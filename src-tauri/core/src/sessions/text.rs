//! Hostile text made harmless for lists and lines.

/// `text` on one line without control, bidirectional and invisible characters, white space collapsed,
/// at most `max_chars` characters; a cut is shown by an ellipsis.
#[must_use]
pub fn clean_text(text: &str, max_chars: usize) -> String {
    let mut clean = String::new();
    let mut chars = 0_usize;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = chars > 0;
            continue;
        }
        if is_invisible(c) {
            continue;
        }
        let room = 1 + usize::from(gap);
        if chars + room > max_chars {
            // The last character makes room for the mark of the cut.
            if chars >= max_chars && max_chars > 0 {
                clean.pop();
            }
            if max_chars > 0 {
                clean.push('…');
            }
            break;
        }
        if gap {
            clean.push(' ');
            gap = false;
        }
        clean.push(c);
        chars += room;
    }
    clean
}

/// `text` for a terminal: as it is, but what would move the cursor, change colours or turn text around is
/// shown as a replacement character. Line breaks and tabs stay.
#[must_use]
pub fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    let harmful = |c: char| is_invisible(c) && !matches!(c, '\n' | '\t');
    if text.contains(harmful) { text.replace(harmful, "\u{fffd}").into() } else { text.into() }
}

/// Characters that change how others are shown, or show nothing.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::{clean_text, printable};

    #[test]
    fn a_terminal_gets_nothing_that_moves_it() {
        assert_eq!(printable("a\tb\nc ä"), "a\tb\nc ä");
        assert_eq!(printable("\u{1b}[2Jgone\r\u{202e}x\u{9b}"), "\u{fffd}[2Jgone\u{fffd}\u{fffd}x\u{fffd}");
    }

    #[test]
    fn control_bidi_and_zero_width_characters_go() {
        assert_eq!(clean_text("a\u{202e}b\u{200b}c\u{7}\u{1b}[31m\u{feff}", 80), "abc[31m");
    }

    #[test]
    fn white_space_collapses_and_lines_join() {
        assert_eq!(clean_text("  one\r\n\t two\u{2028}three  ", 80), "one two three");
    }

    #[test]
    fn a_cut_is_shown_and_never_longer_than_asked() {
        assert_eq!(clean_text("abcdef", 6), "abcdef");
        assert_eq!(clean_text("abcdefg", 6), "abcde…");
        assert_eq!(clean_text("abcde fg", 6), "abcde…");
        assert_eq!(clean_text("äöüäöü", 3), "äö…");
        for max in 0..8 {
            assert!(clean_text("ab cd ef gh", max).chars().count() <= max);
        }
    }
}
