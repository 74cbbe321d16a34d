//! Numbers, sizes and times as clients read them.

use std::time::Duration;

pub(super) use crate::text::size;

/// `1,431`.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `14 min`: whole units, rounded down, the largest that fits up to minutes; even hours as `2 h`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        _ if seconds.is_multiple_of(3_600) => format!("{} h", seconds / 3_600),
        _ => format!("{} min", thousands(seconds / 60)),
    }
}

/// `1 cursor`, `12 cursors`.
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

/// A number good enough to decide by: two or three leading digits, `96,000`.
pub(super) fn about(n: u64) -> String {
    let step = match n {
        0..100 => 1,
        100..1_000 => 10,
        1_000..10_000 => 100,
        _ => 1_000,
    };
    thousands((n + step / 2) / step * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567"), (96_000, "96,000")] {
            assert_eq!(thousands(n), text);
        }
    }

    #[test]
    fn times_are_short() {
        for (s, text) in
            [(0, "0 s"), (59, "59 s"), (899, "14 min"), (900, "15 min"), (7_200, "2 h"), (7_260, "121 min")]
        {
            assert_eq!(duration(Duration::from_secs(s)), text);
        }
    }

    #[test]
    fn estimates_are_round() {
        for (n, text) in [(7, "7"), (96_420, "96,000"), (1_234, "1,200"), (951, "950"), (999_600, "1,000,000")] {
            assert_eq!(about(n), text);
        }
    }
}
