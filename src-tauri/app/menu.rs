//! The tray's menu: built once, then changed in place. Linux cannot replace a menu, and one that is
//! open must not lose the item under the pointer.

use tauri::{
    AppHandle, Result, Wry,
    menu::{CheckMenuItem, IsMenuItem, Menu, MenuItem, PredefinedMenuItem, Submenu},
};

use ebb_host::autostart;

use crate::{
    click::Click,
    display,
    picture::{Picture, Row},
};

/// The first position of what comes and goes: after the status line and its separator.
const FIRST: usize = 2;

pub(crate) struct LiveMenu {
    app: AppHandle,
    pub(crate) menu: Menu<Wry>,
    status: MenuItem<Wry>,
    /// What comes and goes, as it stands in the menu from [`FIRST`] on.
    entries: Vec<Entry>,
    accept: CheckMenuItem<Wry>,
    autostart: Option<CheckMenuItem<Wry>>,
}

/// One line that comes and goes.
enum Entry {
    Session { row: Row, submenu: Submenu<Wry>, holds: MenuItem<Wry>, end: MenuItem<Wry> },
    Text { click: Click, text: String, item: MenuItem<Wry> },
    Gap(PredefinedMenuItem<Wry>),
}

/// The same, as it should be.
#[derive(PartialEq)]
enum Wanted<'a> {
    Session(&'a Row),
    Text(Click, &'a str),
    Gap,
}

impl LiveMenu {
    pub(crate) fn new(app: &AppHandle) -> Result<Self> {
        let status = MenuItem::new(app, "Starting…", false, None::<&str>)?;
        let accept =
            CheckMenuItem::with_id(app, Click::Accept.id(), "Accept new sessions", false, false, None::<&str>)?;
        let autostart = autostart::is_on()
            .map(|on| CheckMenuItem::with_id(app, Click::Autostart.id(), "Start at login", true, on, None::<&str>))
            .transpose()?;
        let item = |click: Click, text: &str, keys: Option<&str>| MenuItem::with_id(app, click.id(), text, true, keys);
        let open = item(Click::Open, "Open dashboard", None)?;
        let connect = item(Click::Connect, "Connect a client…", None)?;
        let settings = item(Click::Settings, "Settings…", cfg!(target_os = "macos").then_some("Cmd+,"))?;
        let quit = item(Click::Quit, "Quit", cfg!(target_os = "macos").then_some("Cmd+Q"))?;
        let line = || PredefinedMenuItem::separator(app);
        let menu =
            Menu::with_items(app, &[&status, &line()?, &accept, &line()?, &open, &connect, &settings, &line()?])?;
        if let Some(item) = &autostart {
            menu.append(item)?;
        }
        menu.append(&quit)?;
        Ok(Self { app: app.clone(), menu, status, entries: Vec::new(), accept, autostart })
    }

    /// Makes the menu show the picture; touches only what differs. Call it on the main thread.
    pub(crate) fn show(&mut self, picture: &Picture) -> Result<()> {
        self.status.set_text(escape(&picture.status))?;
        self.show_entries(&wanted(picture))?;
        self.accept.set_enabled(picture.accepting.is_some())?;
        set_checked(&self.accept, picture.accepting.unwrap_or(false))?;
        if let Some(item) = &self.autostart {
            set_checked(item, autostart::is_on().unwrap_or(false))?;
        }
        Ok(())
    }

    /// The order of sessions never changes, so that what is wanted comes in the order of what is there.
    fn show_entries(&mut self, wanted: &[Wanted<'_>]) -> Result<()> {
        for (at, want) in wanted.iter().enumerate() {
            while self
                .entries
                .get(at)
                .is_some_and(|entry| !entry.is(want) && !wanted.iter().any(|later| entry.is(later)))
            {
                self.remove(at)?;
            }
            match self.entries.get_mut(at) {
                Some(entry) if entry.is(want) => entry.update(want)?,
                _ => {
                    let entry = Entry::new(&self.app, want)?;
                    self.menu.insert(entry.item(), FIRST + at)?;
                    self.entries.insert(at, entry);
                }
            }
        }
        while self.entries.len() > wanted.len() {
            self.remove(self.entries.len() - 1)?;
        }
        Ok(())
    }

    fn remove(&mut self, at: usize) -> Result<()> {
        let entry = self.entries.remove(at);
        self.menu.remove(entry.item())
    }
}

fn wanted(picture: &Picture) -> Vec<Wanted<'_>> {
    let mut wanted: Vec<Wanted<'_>> = picture.sessions.iter().map(Wanted::Session).collect();
    wanted.extend(picture.more.as_deref().map(|text| Wanted::Text(Click::More, text)));
    if !wanted.is_empty() {
        wanted.push(Wanted::Gap);
    }
    wanted.extend(picture.attention.as_deref().map(|text| Wanted::Text(Click::Attention, text)));
    wanted.extend(picture.idle.as_deref().map(|text| Wanted::Text(Click::Idle, text)));
    wanted
}

impl Entry {
    fn new(app: &AppHandle, want: &Wanted<'_>) -> Result<Self> {
        Ok(match want {
            Wanted::Session(row) => Self::session(app, row)?,
            Wanted::Text(click, text) => {
                let item = MenuItem::with_id(app, click.id(), escape(text), true, None::<&str>)?;
                Self::Text { click: click.clone(), text: (*text).to_owned(), item }
            }
            Wanted::Gap => Self::Gap(PredefinedMenuItem::separator(app)?),
        })
    }

    fn session(app: &AppHandle, row: &Row) -> Result<Self> {
        let submenu = Submenu::new(app, escape(&row.title), true)?;
        let holds = MenuItem::new(app, escape(&row.holds), false, None::<&str>)?;
        submenu.append(&holds)?;
        let item = |click: Click, text: &str| MenuItem::with_id(app, click.id(), text, true, None::<&str>);
        submenu.append(&item(Click::Details(row.id.clone()), "Open details")?)?;
        if display::has_clipboard() {
            submenu.append(&item(Click::Copy(row.id.clone()), "Copy session ID")?)?;
        }
        let end = item(Click::End(row.id.clone()), end_text(row))?;
        submenu.append(&end)?;
        Ok(Self::Session { row: row.clone(), submenu, holds, end })
    }

    fn is(&self, want: &Wanted<'_>) -> bool {
        match (self, want) {
            (Self::Session { row, .. }, Wanted::Session(other)) => row.id == other.id,
            (Self::Text { click, .. }, Wanted::Text(other, _)) => click == other,
            (Self::Gap(_), Wanted::Gap) => true,
            _ => false,
        }
    }

    fn update(&mut self, want: &Wanted<'_>) -> Result<()> {
        match (self, want) {
            (Self::Session { row, submenu, holds, end }, Wanted::Session(new)) if row != *new => {
                if row.title != new.title {
                    submenu.set_text(escape(&new.title))?;
                }
                if row.holds != new.holds {
                    holds.set_text(escape(&new.holds))?;
                }
                if row.asks != new.asks {
                    end.set_text(end_text(new))?;
                }
                row.clone_from(new);
            }
            (Self::Text { text, item, .. }, Wanted::Text(_, new)) if text != new => {
                item.set_text(escape(new))?;
                (*new).clone_into(text);
            }
            _ => {}
        }
        Ok(())
    }

    fn item(&self) -> &dyn IsMenuItem<Wry> {
        match self {
            Self::Session { submenu, .. } => submenu,
            Self::Text { item, .. } => item,
            Self::Gap(line) => line,
        }
    }
}

/// Three dots promise a question.
fn end_text(row: &Row) -> &'static str {
    if row.asks { "End session…" } else { "End session" }
}

/// The desktop ticks an item by itself when it is clicked: what is true is set again.
fn set_checked(item: &CheckMenuItem<Wry>, checked: bool) -> Result<()> {
    if item.is_checked()? == checked { Ok(()) } else { item.set_checked(checked) }
}

/// In a menu `&` marks a key; names of clients mark none.
fn escape(text: &str) -> String {
    text.replace('&', "&&")
}
