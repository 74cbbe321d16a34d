//! The same packages for distributions with rpm, where `rpmbuild` is at hand.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::Package;
use crate::process;

/// The library that the tray loads while it runs, by the name that rpm finds libraries with.
const TRAY: &str = "libayatana-appindicator3.so.1()(64bit)";

/// Packs a tree that is laid out; `fast` where size does not count.
pub(super) fn pack(package: &Package, tree: &Path, version: &str, out: &Path, fast: bool) -> Result<()> {
    let work = out.join(format!("{}-rpm", package.name));
    fs::create_dir_all(&work)?;
    let file = work.join("package.spec");
    fs::write(&file, spec(package, tree, version)?)?;
    let top = format!("_topdir {}", work.display());
    let mut builder = Command::new("rpmbuild");
    let payload = if fast { "_binary_payload w1.gzdio" } else { "_binary_payload w6.xzdio" };
    builder.args(["-bb", "--quiet", "--define", &top, "--define", payload]).arg(&file);
    process::run(&mut builder)?;
    let built = find(&work.join("RPMS")).context("rpmbuild made no package")?;
    fs::rename(&built, out.join(built.file_name().unwrap_or_default()))?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

/// The one package below a folder.
fn find(folder: &Path) -> Option<PathBuf> {
    fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() {
            find(&path)
        } else {
            Some(path).filter(|path| path.extension().is_some_and(|end| end == "rpm"))
        }
    })
}

fn spec(package: &Package, tree: &Path, version: &str) -> Result<String> {
    let Package { name, summary, text, .. } = package;
    let mut spec = String::new();
    // Programs are packed as they are: nobody strips them or looks for their debug information.
    writeln!(spec, "%global debug_package %{{nil}}\n%global __os_install_post %{{nil}}\n%global _build_id_links none")?;
    writeln!(spec, "Name: {name}\nVersion: {}\nRelease: 1\nSummary: {summary}", version.replace('-', "~"))?;
    writeln!(spec, "License: MIT OR Apache-2.0\nURL: https://github.com/ebb-browser/ebb")?;
    if *name == "ebb" {
        writeln!(spec, "Recommends: chromium")?;
    } else {
        writeln!(spec, "Requires: ebb = %{{version}}-%{{release}}\nRequires: {TRAY}\nRecommends: xdg-utils")?;
    }
    writeln!(spec, "\n%description\n{}", text.lines().map(str::trim).collect::<Vec<_>>().join("\n"))?;
    writeln!(spec, "\n%install\ncp -a '{}/.' %{{buildroot}}\nrm -rf %{{buildroot}}/DEBIAN", tree.display())?;
    writeln!(spec, "\n%preun -p /bin/sh\n[ \"$1\" = 0 ] || exit 0\n{}", prerm(name))?;
    writeln!(spec, "\n%files")?;
    for (_, place, mode) in &package.files {
        writeln!(spec, "%attr({mode:o}, root, root) \"/{place}\"")?;
    }
    Ok(spec)
}

/// What Debian's package does before it goes, with the words of rpm: a percent sign begins a macro.
fn prerm(name: &str) -> String {
    let script = super::PRERM.split_once("|| exit 0\n").map_or("", |(_, rest)| rest);
    script.replace("$DPKG_MAINTSCRIPT_PACKAGE", name).replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_names_every_file_and_ends_hosts_before_they_go() {
        let [cli, desktop] = super::super::packages(Path::new("/src"), Path::new("/built"), "1.2.3-rc1");
        let text = spec(&cli, Path::new("/tree"), "1.2.3-rc1").unwrap();
        assert!(text.contains("\nName: ebb\nVersion: 1.2.3~rc1\n"), "{text}");
        assert!(text.contains("\n%attr(755, root, root) \"/usr/bin/ebb\"\n"), "{text}");
        assert!(text.contains("\nprogram=\"/usr/bin/ebb\"\n"), "{text}");
        assert!(text.contains("${pid%%/exe}"), "a percent sign is doubled: {text}");
        let text = spec(&desktop, Path::new("/tree"), "1.2.3").unwrap();
        assert!(text.contains("Requires: ebb = %{version}-%{release}\n") && text.contains(TRAY), "{text}");
    }
}
