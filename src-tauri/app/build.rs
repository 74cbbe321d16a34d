//! Lets Tauri read `tauri.conf.json` and makes sure the folder it embeds exists.
use std::{fs, path::Path};

/// What the window shows when somebody built the app without building the dashboard first.
const PLACEHOLDER: &str =
    "<!doctype html><title>Ebb</title><p>The dashboard was not built. Run <code>cargo xtask run</code>.</p>";

fn main() {
    let dist = Path::new("ui/dist");
    if !dist.join("index.html").exists() {
        let made = fs::create_dir_all(dist).and_then(|()| fs::write(dist.join("index.html"), PLACEHOLDER));
        if let Err(error) = made {
            println!("cargo:warning=ui/dist could not be made: {error}");
        }
    }
    println!("cargo:rerun-if-changed=ui/dist");
    tauri_build::build();
}
