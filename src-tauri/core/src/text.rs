//! The one rule for sizes: dashboard, tray, command line and tools say the same of the same bytes.

/// `184 MB`, `31.2 MB`, `96 KB`, `0 B`: 1,000 a step, one decimal below 100 from MB on. The dashboard's
/// `format.ts` does the same.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let (mut rest, mut unit) = (bytes as f64, 0);
    while rest >= 999.5 && unit + 1 < UNITS.len() {
        rest /= 1_000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    let tenths = (rest * 10.0).round();
    if unit >= 2 && rest < 99.95 && tenths % 10.0 != 0.0 {
        format!("{rest:.1} {name}")
    } else {
        format!("{rest:.0} {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1 KB"),
            (98_304, "98 KB"),
            (999_499, "999 KB"),
            (999_500, "1 MB"),
            (1_572_864, "1.6 MB"),
            (31_200_000, "31.2 MB"),
            (99_960_000, "100 MB"),
            (184_300_000, "184 MB"),
            (1_000_000_000, "1 GB"),
            (4_000_000_000, "4 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
