//! Names of files: those that Ebb makes up, and those that pages ask for.

use std::sync::atomic::{AtomicI64, Ordering};

use time::{OffsetDateTime, format_description::StaticFormatDescription, macros::format_description};

const TIME: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]-[subsecond digits:3]Z");

/// Bytes of a name that a page asked for. File systems take 255; a counter must fit as well.
const MAX_NAME: usize = 120;

/// The name that was given out last, in milliseconds: no two are the same.
static LAST: AtomicI64 = AtomicI64::new(0);

/// `page-2026-01-01T00-00-00-000Z.yml`.
pub(crate) fn automatic(prefix: &str, extension: &str) -> String {
    let now = (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64;
    let before = LAST.fetch_max(now, Ordering::Relaxed);
    let ms = if before < now { now } else { LAST.fetch_add(1, Ordering::Relaxed) + 1 };
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    let time = at.ok().and_then(|at| at.format(TIME).ok()).unwrap_or_else(|| ms.to_string());
    format!("{prefix}-{time}.{extension}")
}

/// Whether Ebb made the name up.
pub(super) fn is_automatic(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let Some(at) = stem.len().checked_sub("2026-01-01T00-00-00-000Z".len()) else { return false };
    let (Some(prefix), Some(time)) = (stem.get(..at), stem.get(at..)) else { return false };
    prefix.ends_with('-') && prefix.len() > 1 && time::PrimitiveDateTime::parse(time, TIME).is_ok()
}

/// What a page wants a file to be called, made harmless: one part of a path, not hidden, nothing that a
/// terminal, a shell or another system would take for something else, and of bounded length.
pub(crate) fn safe(wanted: &str) -> String {
    let last = wanted.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = ebb_core::sessions::clean_text(last, MAX_NAME)
        .chars()
        .map(|c| {
            if matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '`' | '$' | '~' | ';' | '&' | '\'') {
                '_'
            } else {
                c
            }
        })
        .collect();
    // Hidden files, options of commands, and what Windows cuts off.
    let trimmed = clean.trim_start_matches(['.', '-', ' ']).trim_end_matches(['.', ' ']);
    let named = if trimmed.is_empty() { "download" } else { trimmed };
    let named = if is_device(named) { format!("_{named}") } else { named.to_owned() };
    shortened(&named, MAX_NAME)
}

/// `name`, or `name-2`, `name-3` ... before its extension.
pub(crate) fn numbered(name: &str, number: u32) -> String {
    if number < 2 {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    format!("{stem}-{number}{extension}")
}

/// At most `max` bytes, with the extension where it is a short one.
fn shortened(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    let room = max.saturating_sub(extension.len());
    let end = (0..=room.min(stem.len())).rev().find(|at| stem.is_char_boundary(*at)).unwrap_or(0);
    format!("{}{extension}", &stem[..end])
}

/// The part before the extension, and the extension with its dot.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 16 => name.split_at(dot),
        _ => (name, ""),
    }
}

/// Names that are devices on Windows, whatever their extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| rest.len() == 1 && rest.chars().all(|c| c.is_ascii_digit()))
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn automatic_names_say_when_and_never_repeat() {
        let names: Vec<String> = (0..100).map(|_| automatic("page", "yml")).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 100);
        for name in &names {
            assert_eq!(name.len(), "page-2026-01-01T00-00-00-000Z.yml".len(), "{name}");
            assert!(is_automatic(name), "{name}");
        }
        for name in ["page.yml", "page-2026-01-01.yml", "-2026-01-01T00-00-00-000Z.yml", "x", "", "ä"] {
            assert!(!is_automatic(name), "{name}");
        }
    }

    #[test]
    fn hostile_names_become_harmless() {
        for (wanted, name) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("..\\..\\evil.exe", "evil.exe"),
            ("/etc/cron.d/x", "x"),
            (".bashrc", "bashrc"),
            ("...", "download"),
            ("", "download"),
            ("a/", "download"),
            ("-rf", "rf"),
            ("a\0b\nc.txt", "ab c.txt"),
            ("in\u{202e}fdp.exe", "infdp.exe"),
            ("CON.txt", "_CON.txt"),
            ("a:b|c?.txt", "a_b_c_.txt"),
            ("$(rm -rf).sh", "_(rm -rf).sh"),
            ("name. . ", "name"),
        ] {
            assert_eq!(safe(wanted), name, "{wanted:?}");
        }
        let long = safe(&format!("{}.tar.gz", "ä".repeat(500)));
        assert!(long.len() <= MAX_NAME, "{}", long.len());
        assert_eq!(safe(&format!("{}.pdf", "x".repeat(110))).rsplit('.').next(), Some("pdf"));
        assert_eq!((numbered("a.txt", 1), numbered("a.txt", 3)), ("a.txt".to_owned(), "a-3.txt".to_owned()));
    }

    proptest! {
        #[test]
        fn any_name_is_one_visible_part_of_a_path(wanted in "\\PC*|.*") {
            let name = safe(&wanted);
            prop_assert!(!name.is_empty() && name.len() <= MAX_NAME + 1);
            prop_assert!(!name.starts_with(['.', '-', ' ']));
            prop_assert!(!name.contains(['/', '\\', '\0', '\n']));
            prop_assert_eq!(std::path::Path::new(&name).components().count(), 1);
        }
    }
}
