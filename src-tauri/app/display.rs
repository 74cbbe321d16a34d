//! What the desktop around us can do.

use anyhow::{Result, bail};

const NO_DISPLAY: &str = "No display: start `ebb serve --dashboard` instead";

/// Fails with a sentence where no display answers; tao would panic.
#[cfg(target_os = "linux")]
pub(crate) fn require() -> Result<()> {
    let named = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !named("DISPLAY") && !named("WAYLAND_DISPLAY") {
        bail!(NO_DISPLAY);
    }
    if gtk::init().is_err() {
        bail!("{NO_DISPLAY} (the one in DISPLAY or WAYLAND_DISPLAY does not answer)");
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn require() -> Result<()> {
    Ok(())
}

/// Whether text that a program without a window copies is really there to be pasted: on X11 it is;
/// Wayland gives the clipboard only to the window with the focus.
#[cfg(target_os = "linux")]
pub(crate) fn has_clipboard() -> bool {
    use gtk::glib::prelude::ObjectExt;
    gtk::gdk::Display::default().is_some_and(|display| display.type_().name() == "GdkX11Display")
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn has_clipboard() -> bool {
    false
}

/// Call it on the main thread.
#[cfg(target_os = "linux")]
pub(crate) fn copy(text: &str) {
    let clipboard = gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD);
    clipboard.set_text(text);
    // So that it outlives this process where a clipboard manager runs.
    clipboard.store();
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn copy(_text: &str) {}

/// Whether somebody shows tray icons. Waits for the session bus for at most half a second.
#[cfg(target_os = "linux")]
pub(crate) fn has_tray_host() -> bool {
    use gtk::gio::{BusType, Cancellable, DBusCallFlags, bus_get_sync};
    use gtk::glib::{ToVariant, VariantTy};
    const WAIT_MS: i32 = 500;
    let Ok(bus) = bus_get_sync(BusType::Session, Cancellable::NONE) else { return false };
    let question = ("org.kde.StatusNotifierWatcher",).to_variant();
    let (name, path) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
    let answer = VariantTy::new("(b)").ok();
    bus.call_sync(
        Some(name),
        path,
        name,
        "NameHasOwner",
        Some(&question),
        answer,
        DBusCallFlags::NONE,
        WAIT_MS,
        Cancellable::NONE,
    )
    .is_ok_and(|answer| answer.get::<(bool,)>() == Some((true,)))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn has_tray_host() -> bool {
    true
}
