//! The icon with its menu.

use std::{path::Path, sync::Arc};

use parking_lot::Mutex;
use tauri::{
    AppHandle,
    image::Image,
    tray::{TrayIcon, TrayIconBuilder},
};
use tokio::sync::mpsc;

use crate::{
    click::Click,
    menu::LiveMenu,
    picture::{Mark, Picture},
};

/// Cheap to clone. On a desktop without tray icons it does nothing.
#[derive(Clone)]
pub(crate) struct Tray {
    app: AppHandle,
    parts: Option<Arc<Mutex<Parts>>>,
}

struct Parts {
    icon: TrayIcon,
    menu: LiveMenu,
    mark: Mark,
}

impl Tray {
    /// Call it on the main thread. `icons` is a folder that the panel may read.
    pub(crate) fn build(app: &AppHandle, icons: &Path, clicked: mpsc::Sender<Click>) -> Self {
        // The indicator's library is looked for at run time, and its binding panics where it is missing.
        let built = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Parts::build(app, icons, clicked)));
        let parts = match built {
            Ok(Ok(parts)) => Some(Arc::new(Mutex::new(parts))),
            Ok(Err(error)) => {
                tracing::warn!(%error, "no tray icon");
                None
            }
            Err(_) => {
                tracing::warn!("no tray icon: install libayatana-appindicator3-1");
                None
            }
        };
        Self { app: app.clone(), parts }
    }

    /// Shows the picture soon.
    pub(crate) fn show(&self, picture: Picture) {
        let Some(parts) = self.parts.clone() else { return };
        // An error means that the program is ending.
        drop(self.app.run_on_main_thread(move || {
            if let Err(error) = parts.lock().show(&picture) {
                tracing::warn!(%error, "the tray could not be changed");
            }
        }));
    }
}

impl Parts {
    fn build(app: &AppHandle, icons: &Path, clicked: mpsc::Sender<Click>) -> tauri::Result<Self> {
        // What a host that was killed left there.
        drop(std::fs::remove_dir_all(icons));
        let menu = LiveMenu::new(app)?;
        let icon = TrayIconBuilder::with_id("ebb")
            .icon(image(Mark::Empty))
            .icon_as_template(cfg!(target_os = "macos"))
            .temp_dir_path(icons)
            .title("")
            .menu(&menu.menu)
            .show_menu_on_left_click(true)
            .on_menu_event(move |_, event| {
                if let Some(click) = Click::from_id(event.id().as_ref()) {
                    // Sixteen clicks wait already: this one is impatience.
                    drop(clicked.try_send(click));
                }
            })
            .build(app)?;
        Ok(Self { icon, menu, mark: Mark::Empty })
    }

    fn show(&mut self, picture: &Picture) -> tauri::Result<()> {
        if self.mark != picture.mark {
            self.icon.set_icon_with_as_template(Some(image(picture.mark)), cfg!(target_os = "macos"))?;
            self.mark = picture.mark;
        }
        self.menu.show(picture)
    }
}

#[cfg(not(target_os = "macos"))]
fn image(mark: Mark) -> Image<'static> {
    match mark {
        Mark::Empty => tauri::include_image!("icons/tray-empty.png"),
        Mark::Active => tauri::include_image!("icons/tray-active.png"),
        Mark::Attention => tauri::include_image!("icons/tray-attention.png"),
    }
}

#[cfg(target_os = "macos")]
fn image(mark: Mark) -> Image<'static> {
    match mark {
        Mark::Empty => tauri::include_image!("icons/tray-empty-template.png"),
        Mark::Active => tauri::include_image!("icons/tray-active-template.png"),
        Mark::Attention => tauri::include_image!("icons/tray-attention-template.png"),
    }
}
