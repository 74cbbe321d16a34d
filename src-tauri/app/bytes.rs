//! Numbers as people read them, the same as in the dashboard: 1 MB is 1,000,000 bytes.

pub(crate) use ebb_core::text::size as bytes;

/// `1 tab`, `12 cursors`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_the_dashboard() {
        assert_eq!((plural(1, "tab"), plural(0, "tab")), ("1 tab".to_owned(), "0 tabs".to_owned()));
    }
}
