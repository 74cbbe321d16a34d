use std::{process::Command, time::Duration};

use support::wait_for;

use crate::desk::Desk;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";

/// The menu of the one tray icon, as a panel gets it.
pub(crate) struct Menu<'a> {
    desk: &'a Desk,
    /// Whose it is: `:1.9`.
    owner: String,
    /// `/org/ayatana/NotificationItem/…/Menu`.
    path: String,
}

/// One line of it.
#[derive(Debug)]
pub(crate) struct Line {
    id: String,
    pub(crate) text: String,
}

impl<'a> Menu<'a> {
    /// Waits until the icon is registered with the panel.
    pub(crate) fn find(desk: &'a Desk, deadline: Duration) -> Self {
        wait_for("the tray icon is registered", deadline, || {
            let words = [
                "org.freedesktop.DBus.Properties.Get",
                &format!("string:{WATCHER}"),
                "string:RegisteredStatusNotifierItems",
            ];
            let items = send(desk, WATCHER, "/StatusNotifierWatcher", &words)?;
            let item = items.split('"').find(|part| part.contains("tray_app_ebb")).ok_or_else(|| items.clone())?;
            let (owner, path) = item.split_once('/').ok_or("no path")?;
            Ok(Self { desk, owner: owner.to_owned(), path: format!("/{path}/Menu") })
        })
    }

    /// Waits until it has a line.
    pub(crate) fn has(&self, text: &str, deadline: Duration) {
        self.line(text, deadline);
    }

    /// Clicks a line.
    pub(crate) fn click(&self, text: &str, deadline: Duration) {
        let line = self.line(text, deadline);
        let id = format!("int32:{}", line.id);
        let words = ["com.canonical.dbusmenu.Event", &id, "string:clicked", "variant:string:", "uint32:0"];
        send(self.desk, &self.owner, &self.path, &words).unwrap();
    }

    /// All its lines, those of submenus too.
    pub(crate) fn read(&self) -> Result<Vec<Line>, String> {
        let words = ["com.canonical.dbusmenu.GetLayout", "int32:0", "int32:-1", "array:string:label"];
        let layout = send(self.desk, &self.owner, &self.path, &words)?;
        let (mut lines, mut id, mut is_label) = (Vec::new(), "", false);
        for word in layout.lines().map(str::trim) {
            if let Some(number) = word.strip_prefix("int32 ") {
                id = number;
            } else if word == "string \"label\"" {
                is_label = true;
            } else if let Some(text) = word.split_once("string \"").filter(|_| is_label) {
                lines.push(Line { id: id.to_owned(), text: text.1.trim_end_matches('"').to_owned() });
                is_label = false;
            }
        }
        Ok(lines)
    }

    fn line(&self, text: &str, deadline: Duration) -> Line {
        wait_for(&format!("the tray shows {text:?}"), deadline, || {
            let lines = self.read()?;
            let seen = format!("{lines:?}");
            lines.into_iter().find(|line| line.text == text).ok_or(seen)
        })
    }
}

fn send(desk: &Desk, owner: &str, path: &str, words: &[&str]) -> Result<String, String> {
    let mut command: Command = desk.program("dbus-send");
    command.args(["--session", "--print-reply", "--reply-timeout=5000", &format!("--dest={owner}"), path]).args(words);
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
