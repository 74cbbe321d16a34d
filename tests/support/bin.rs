//! Finding the programs under test, and making sure that they are those of the sources.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The pages and files that tests serve.
#[must_use]
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The program `name` from the folder that this test was built into.
#[must_use]
pub fn bin(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("a test knows its own path");
    // `target/debug/deps/it-…` for a test, `target/debug/…` for a program.
    let folders = exe.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    let path =
        found.unwrap_or_else(|| panic!("{name} is not built: run `cargo build -p ebb -p ebb-tests --bins` first"));
    if let Some(newer) = newer_source(&path)
        && std::env::var_os("EBB_TEST_STALE").is_none()
    {
        panic!(
            "{} is older than {}: run `cargo build -p ebb -p ebb-tests --bins` first",
            path.display(),
            newer.display()
        );
    }
    path
}

/// A source that was changed after the program was built. Cargo lists the sources beside it.
fn newer_source(program: &Path) -> Option<PathBuf> {
    let built = modified(program)?;
    let list = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources).trim();
    // A space inside a path is written with a backslash.
    let sources = sources.replace("\\ ", "\0");
    let sources = sources.split_ascii_whitespace().map(|source| PathBuf::from(source.replace('\0', " ")));
    // The built dashboard is no part of what these tests look at, and is built by others at any time.
    let sources = sources.filter(|source| !source.components().any(|part| part.as_os_str() == "dist"));
    let newest = sources.filter_map(|source| Some((modified(&source)?, source))).max();
    newest.filter(|(time, _)| *time > built).map(|(_, source)| source)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}
