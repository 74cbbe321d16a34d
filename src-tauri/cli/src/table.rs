//! Plain columns for people: aligned, no colour, never wider than the terminal.

use std::io::IsTerminal;

/// Narrower is not readable; the terminal may wrap then.
const NARROWEST: usize = 40;

/// The terminal's width; none where the reader is a program, which gets everything.
pub(crate) fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col).max(NARROWEST))
}

/// `text` in at most `width` columns; a cut is shown.
pub(crate) fn clip(text: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if text.chars().count() > width => {
            text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        }
        _ => text.to_owned(),
    }
}

/// Rows under a head, each column as wide as its widest cell, the last one clipped.
pub(crate) fn columns<const N: usize>(head: [&str; N], rows: &[[String; N]], width: Option<usize>) -> Vec<String> {
    let head = head.map(str::to_owned);
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        clip(cells.collect::<Vec<_>>().join("  ").trim_end(), width)
    };
    [&head].into_iter().chain(rows).map(line).collect()
}

/// `1.4 GB`, `612 MB`, `96 KB`: what a person remembers of a size.
pub(crate) fn bytes(bytes: u64) -> String {
    ebb_core::text::size(bytes)
}

/// `12 s`, `3 min`, `2 h`, `5 days`.
pub(crate) fn seconds(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `1 tab`, `2 tabs`.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_clipped() {
        let rows = [["a".to_owned(), "long text here".to_owned()], ["äöü".to_owned(), String::new()]];
        assert_eq!(columns(["ID", "NAME"], &rows, None), ["ID   NAME", "a    long text here", "äöü"]);
        assert_eq!(columns(["ID", "NAME"], &rows, Some(10))[1], "a    long…");
    }

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(seconds(59), "59 s");
        assert_eq!(seconds(7_200), "2 h");
        assert_eq!(seconds(400_000), "4 days");
        assert_eq!(count(1, "tab"), "1 tab");
    }
}
