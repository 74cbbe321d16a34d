//! The dashboard's TypeScript types are those of Rust: generated, checked in, and compared here.
//!
//! `cargo xtask codegen` (that is `EBB_UPDATE=1`) writes them.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use ebb_core::{Error, view::Snapshot};
use ebb_host::control::{Command, Numbered, Reply, UiEvent};
use ts_rs::{Config, TS, TypeVisitor};

/// The generated files by name, with everything they refer to.
struct Bindings {
    config: Config,
    files: BTreeMap<String, String>,
    failure: Option<String>,
}

impl TypeVisitor for Bindings {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if let Some(path) = T::output_path() {
            let name = path.to_string_lossy().into_owned();
            if self.files.contains_key(&name) {
                return;
            }
            match T::export_to_string(&self.config) {
                Ok(text) => drop(self.files.insert(name, text)),
                Err(error) => self.failure = Some(format!("{name}: {error}")),
            }
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

/// What the dashboard imports: everything that a command, a reply, an event or an error can hold.
fn generate() -> Result<BTreeMap<String, String>> {
    let mut bindings = Bindings { config: Config::default(), files: BTreeMap::new(), failure: None };
    bindings.visit::<Command>();
    bindings.visit::<Reply>();
    bindings.visit::<UiEvent>();
    bindings.visit::<Numbered>();
    bindings.visit::<Snapshot>();
    bindings.visit::<Error>();
    ensure!(bindings.failure.is_none(), "{:?}", bindings.failure);
    let mut index = String::new();
    for name in bindings.files.keys().filter_map(|name| name.strip_suffix(".ts")) {
        writeln!(index, "export type {{ {name} }} from \"./{name}\";")?;
    }
    bindings.files.insert("index.ts".to_owned(), index);
    Ok(bindings.files)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/lib/bindings")
}

fn checked_in(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} is missing", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(name, fs::read_to_string(&path)?);
    }
    Ok(files)
}

#[test]
fn bindings_are_up_to_date() -> Result<()> {
    let (generated, folder) = (generate()?, folder());
    if std::env::var_os("EBB_UPDATE").is_some() {
        fs::create_dir_all(&folder)?;
        for name in checked_in(&folder)?.keys().filter(|name| !generated.contains_key(*name)) {
            fs::remove_file(folder.join(name))?;
        }
        for (name, text) in &generated {
            fs::write(folder.join(name), text)?;
        }
    }
    let found = checked_in(&folder)?;
    let names = generated.keys().chain(found.keys());
    let mut differing: Vec<&String> = names.filter(|name| generated.get(*name) != found.get(*name)).collect();
    differing.sort();
    differing.dedup();
    ensure!(differing.is_empty(), "these types changed in Rust; run `cargo xtask codegen`: {differing:?}");
    Ok(())
}

#[test]
fn bindings_hold_only_what_json_can() -> Result<()> {
    for (name, text) in generate()? {
        for word in ["bigint", ": any", ": unknown", "Array<any>", "NaN"] {
            ensure!(!text.contains(word), "{name} has {word}: {text}");
        }
    }
    Ok(())
}

/// `docs/tools.md` says what the catalogue says.
#[test]
fn bindings_of_the_tools_page() {
    let (file, page) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tools.md"), ebb_host::tools_page());
    if std::env::var_os("EBB_UPDATE").is_some() {
        fs::write(&file, &page).expect("docs/ can be written");
        return;
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    assert!(there == page, "docs/tools.md is not up to date: run `cargo xtask codegen`");
}
