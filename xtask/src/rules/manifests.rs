//! The arrow: app -> host -> core, cli -> host. Nothing points back, and only the app knows Tauri.

use super::{File, Finding};

/// Each package of ours and those it may use.
const ARROW: [(&str, &[&str]); 7] = [
    ("ebb-core", &[]),
    ("ebb-host", &["ebb-core"]),
    ("ebb", &["ebb-host", "ebb-core"]),
    ("ebb-desktop", &["ebb-host", "ebb-core"]),
    ("ebb-tests", &["ebb-host", "ebb-core"]),
    ("ebb-bench", &["ebb-tests", "ebb-host", "ebb-core"]),
    ("xtask", &[]),
];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let manifests = files.iter().filter(|file| file.path.rsplit('/').next() == Some("Cargo.toml"));
    manifests.flat_map(check_manifest).collect()
}

fn check_manifest(file: &File) -> Vec<Finding> {
    let Some(package) = package_name(&file.text) else {
        return Vec::new();
    };
    let Some((_, may_use)) = ARROW.iter().find(|(name, _)| *name == package) else {
        return vec![Finding::new(
            file,
            1,
            format!("package {package} has no place in the arrow; give it one in xtask"),
        )];
    };
    let ours = |name: &str| ARROW.iter().any(|(package, _)| *package == name);
    dependencies(&file.text)
        .into_iter()
        .filter_map(|(line, name)| {
            if ours(name) && !may_use.contains(&name) {
                return Some(Finding::new(
                    file,
                    line,
                    format!("{package} must not use {name}: app -> host -> core, cli -> host"),
                ));
            }
            let shell = name.starts_with("tauri") || matches!(name, "wry" | "tao" | "tray-icon" | "muda");
            (shell && package != "ebb-desktop").then(|| {
                Finding::new(file, line, format!("only the app uses {name}; {package} must build without a window"))
            })
        })
        .collect()
}

fn package_name(manifest: &str) -> Option<&str> {
    let mut in_package = false;
    for line in manifest.lines() {
        if let Some(section) = section(line) {
            in_package = section == "package";
        } else if in_package && let Some(value) = line.strip_prefix("name = ") {
            return Some(value.trim().trim_matches('"'));
        }
    }
    None
}

/// The dependencies a package declares, of every kind and for every target, with their lines.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut listing = false;
    for (index, line) in manifest.lines().enumerate() {
        if let Some(section) = section(line) {
            listing = section.ends_with("dependencies") && !section.starts_with("workspace");
            // [dependencies.name] names one dependency in its heading.
            if let Some((kind, name)) = section.rsplit_once('.')
                && kind.ends_with("dependencies")
                && !kind.starts_with("workspace")
            {
                found.push((index + 1, name.trim_matches('"')));
            }
        } else if listing
            && let Some((key, value)) = line.split_once('=')
            && !line.starts_with([' ', '#'])
        {
            let key = key.trim().trim_matches('"');
            let name = key.split('.').next().unwrap_or(key);
            let renamed = value.split_once("package = \"").and_then(|(_, rest)| rest.split('"').next());
            found.push((index + 1, renamed.unwrap_or(name)));
        }
    }
    found
}

fn section(line: &str) -> Option<&str> {
    line.trim().strip_prefix('[')?.split(']').next().map(|section| section.trim_start_matches('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str) -> Vec<usize> {
        let file = File { path: "x/Cargo.toml".to_owned(), text: text.to_owned() };
        check(&[file]).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn the_arrow_points_one_way() {
        assert!(
            check_text("[package]\nname = \"ebb-host\"\n[dependencies]\nebb-core = { workspace = true }\n").is_empty()
        );
        assert_eq!(check_text("[package]\nname = \"ebb-core\"\n[dev-dependencies]\nebb-host.workspace = true\n"), [4]);
        assert_eq!(check_text("[package]\nname = \"xtask\"\n[dependencies]\nx = { package = \"ebb-core\" }\n"), [4]);
        assert_eq!(check_text("[package]\nname = \"ebb-new\"\n"), [1]);
    }

    #[test]
    fn only_the_app_uses_tauri() {
        let target = "[package]\nname = \"ebb-host\"\n[target.'cfg(unix)'.dependencies]\ntauri = \"2\"\n";
        assert_eq!(check_text(target), [4]);
        assert_eq!(check_text("[package]\nname = \"ebb\"\n[dependencies.tauri-build]\nversion = \"2\"\n"), [3]);
        let root = "[workspace.dependencies]\ntauri = \"2\"\n[package]\nname = \"ebb-desktop\"\n[dependencies]\ntauri = \"2\"\n";
        assert!(check_text(root).is_empty());
    }
}
