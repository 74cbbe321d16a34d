//! Start at login: one desktop entry in the user's autostart folder, which is the whole setting.

use std::{io, path::PathBuf};

use crate::paths::Environment;

/// The desktop program.
const PROGRAM: &str = "ebb-desktop";

/// None where this system starts programs in another way, or the desktop program is not installed.
pub fn is_on() -> Option<bool> {
    program()?;
    cfg!(target_os = "linux").then(entry).flatten().map(|file| file.exists())
}

/// Makes the entry, or removes it.
///
/// # Errors
/// Those of the file system.
pub fn set(on: bool) -> io::Result<()> {
    let file = entry().ok_or_else(|| io::Error::other("the home directory is not known"))?;
    if !on {
        return match std::fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let program = program().ok_or_else(|| io::Error::other("the desktop program is not installed"))?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text(&program.display().to_string()))
}

/// This program, or the one beside it.
fn program() -> Option<PathBuf> {
    let this = std::env::current_exe().ok()?;
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    if this.file_name().is_some_and(|file| file == name.as_str()) {
        return Some(this);
    }
    Some(this.with_file_name(name)).filter(|beside| beside.is_file())
}

fn entry() -> Option<PathBuf> {
    let environment = Environment::current();
    let told = environment.path("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
    let folder = told.or_else(|| environment.home().ok().map(|home| home.join(".config")))?;
    Some(folder.join("autostart/dev.ebb.desktop.desktop"))
}

fn text(program: &str) -> String {
    let quoted: String = program
        .chars()
        .flat_map(|c| match c {
            // Once for the quotes, once for the value of a key: both know the backslash.
            '"' | '`' | '$' => vec!['\\', '\\', c],
            '\\' => vec!['\\'; 4],
            '%' => vec!['%', '%'],
            c => vec![c],
        })
        .collect();
    let head = "[Desktop Entry]\nType=Application\nName=Ebb\nComment=One browser host for every AI agent";
    format!("{head}\nExec=\"{quoted}\" --background\nIcon=ebb-desktop\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_names_the_program_whatever_its_folder_is_called() {
        assert!(text("/usr/bin/ebb-desktop").contains("\nExec=\"/usr/bin/ebb-desktop\" --background\n"));
        assert!(text("/a b/$x\\100%").contains(r#"Exec="/a b/\\$x\\\\100%%" --background"#));
    }
}
