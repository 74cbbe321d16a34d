//! Numbers as people read them, the same as in the dashboard: 1 MB is 1,000,000 bytes.

/// `184 MB`, `1.2 GB`.
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if value == 0 {
        return "0 MB".to_owned();
    }
    let (mut rest, mut unit) = (value as f64, "B");
    for next in UNITS {
        if rest < 999.5 {
            break;
        }
        rest /= 1_000.0;
        unit = next;
    }
    let fine = !matches!(unit, "B" | "kB") && rest < 99.95 && (rest * 10.0).round() % 10.0 != 0.0;
    if fine { format!("{rest:.1} {unit}") } else { format!("{rest:.0} {unit}") }
}

/// `1 tab`, `12 cursors`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_the_dashboard() {
        let cases =
            [(0, "0 MB"), (12_400, "12 kB"), (31_200_000, "31.2 MB"), (184_300_000, "184 MB"), (1_000_000_000, "1 GB")];
        for (value, text) in cases {
            assert_eq!(bytes(value), text);
        }
        assert_eq!((plural(1, "tab"), plural(0, "tab")), ("1 tab".to_owned(), "0 tabs".to_owned()));
    }
}
