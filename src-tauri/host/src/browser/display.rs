//! Where windows can be shown.

use ebb_core::{Code, Error, Result};

/// A place for windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Display {
    /// X11, or the one display of macOS and Windows.
    Usual,
    /// Wayland without X11.
    Wayland,
}

/// The display of this host.
///
/// # Errors
/// [`Code::BrowserFailed`] where there is none.
pub(crate) fn find() -> Result<Display> {
    find_in(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn find_in(is_set: impl Fn(&str) -> bool) -> Result<Display> {
    // Not tried on macOS and Windows: they have one, or the browser says why not.
    if !cfg!(any(target_os = "linux", target_os = "freebsd")) || is_set("DISPLAY") {
        return Ok(Display::Usual);
    }
    if is_set("WAYLAND_DISPLAY") {
        return Ok(Display::Wayland);
    }
    Err(Error::new(
        Code::BrowserFailed,
        "a window cannot be shown: Ebb has no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)",
    )
    .next(
        "Start Ebb in a desktop session, or with DISPLAY set (Xvfb is enough); or work without a window: leave out \
           --headed and \"headed\".",
    ))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_display_is_found_or_its_absence_explained() {
        assert_eq!(find_in(|_| true), Ok(Display::Usual));
        assert_eq!(find_in(|name| name == "WAYLAND_DISPLAY"), Ok(Display::Wayland));
        let error = find_in(|_| false).unwrap_err();
        assert!(error.message.contains("DISPLAY") && error.next.is_some());
    }
}
