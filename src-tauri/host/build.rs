//! Puts the built dashboard into the library, so that one file is the whole program.
use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// What the dashboard shows when somebody built Ebb without building it first.
const PLACEHOLDER: &str =
    "<!doctype html><title>Ebb</title><p>The dashboard was not built. Run <code>cargo xtask run</code>.</p>";

fn main() -> Result<(), Box<dyn Error>> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../ui/dist");
    if !dist.join("index.html").exists() {
        // The app embeds the same folder and needs it as well.
        fs::create_dir_all(&dist)?;
        fs::write(dist.join("index.html"), PLACEHOLDER)?;
    }
    let mut files = Vec::new();
    collect(&dist.canonicalize()?, &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(dist.canonicalize()?)?.to_str().ok_or("a file name that is no text")?;
        writeln!(
            table,
            "    ({:?}, include_bytes!({:?})),",
            format!("/{name}"),
            file.to_str().ok_or("a path that is no text")?
        )?;
    }
    table.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("dashboard_files.rs"), table)?;
    println!("cargo:rerun-if-changed={}", dist.display());
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Maps of the sources are for developers; nobody needs them in the program.
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_none_or(|extension| extension != "map") {
            files.push(path);
        }
    }
    Ok(())
}
