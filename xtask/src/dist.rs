//! `cargo xtask dist`: Debian and rpm packages of what cargo built. `ebb` is the command line and needs no desktop;
//! `ebb-desktop` is the tray and its window.

use std::{
    fmt::Write,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{process, repo::Repo, ui};

mod rpm;

/// What the tray loads while it runs, so that no tool finds it in the program.
const TRAY: &str = "libayatana-appindicator3-1";
/// Ends the hosts of a package before it goes.
const PRERM: &str = include_str!("../../packages/prerm");
const MAINTAINER: &str = "The Ebb authors <ebb@ebb-browser.invalid>";

/// One package.
struct Package {
    name: &'static str,
    section: &'static str,
    summary: &'static str,
    /// Each line begins with a space.
    text: &'static str,
    /// Besides the libraries of its program.
    depends: String,
    recommends: &'static str,
    /// Source below the root or the target, place in the package, mode.
    files: Vec<(PathBuf, String, u32)>,
}

/// Builds, packs, and says where the packages are.
pub(crate) fn dist(repo: &Repo) -> Result<()> {
    let folder = pack(repo)?;
    println!("\nPackages are in {}. Install them with:", folder.display());
    let quoted = process::quote(&folder.display().to_string());
    println!("  sudo apt install {quoted}/*.deb");
    if has_rpm() {
        println!("  sudo dnf install {quoted}/*.rpm");
    } else {
        println!("No rpm packages: rpmbuild is not here (package rpm, or rpm-build)");
    }
    Ok(())
}

/// Packs what is built already, looks into it, and installs and removes it where that is possible.
pub(crate) fn test(repo: &Repo) -> Result<()> {
    if process::find("dpkg-deb").is_none() || process::find("dpkg-shlibdeps").is_none() {
        println!("NOT tested: dpkg-deb and dpkg-shlibdeps are not here (package dpkg-dev)");
        return Ok(());
    }
    let folder = assemble(repo, "debug")?;
    process::run(Command::new("sh").arg(repo.root.join("packages/test-deb.sh")).arg(&folder))?;
    if has_rpm() {
        process::run(Command::new("sh").arg(repo.root.join("packages/test-rpm.sh")).arg(&folder))?;
    } else {
        println!("NOT tested: rpm packages; rpmbuild is not here (package rpm, or rpm-build)");
    }
    fs::remove_dir_all(&folder).with_context(|| format!("{} stays", folder.display()))
}

fn has_rpm() -> bool {
    process::find("rpmbuild").is_some()
}

fn pack(repo: &Repo) -> Result<PathBuf> {
    for tool in ["dpkg-deb", "dpkg-shlibdeps"] {
        if process::find(tool).is_none() {
            bail!("{tool} is missing; install it with: sudo apt install dpkg-dev");
        }
    }
    ui::install(repo)?;
    ui::build(repo)?;
    process::run(&mut repo.cargo(["build", "--release", "-p", "ebb", "-p", "ebb-desktop"]))?;
    assemble(repo, "release")
}

fn assemble(repo: &Repo, profile: &str) -> Result<PathBuf> {
    let out = repo.target.join("dist").join(profile);
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("{} stays", out.display()))?;
    }
    fs::create_dir_all(&out)?;
    let built = repo.target.join(profile);
    let version = version(&repo.root)?;
    let architecture = process::output(Command::new("dpkg").arg("--print-architecture")).unwrap_or_default();
    for package in packages(&repo.root, &built, &version) {
        let file = out.join(format!("{}_{version}_{}.deb", package.name, architecture.trim()));
        let tree = out.join(package.name);
        lay_out(&package, &tree, &version, architecture.trim())?;
        let mut packer = Command::new("dpkg-deb");
        // A development build is large and goes away at once: speed counts, not size.
        packer.args(if profile == "debug" { ["-Zgzip", "-z1"] } else { ["-Zxz", "-z6"] });
        process::run(packer.args(["--root-owner-group", "--build"]).arg(&tree).arg(&file))?;
        if has_rpm() {
            rpm::pack(&package, &tree, &version, &out, profile == "debug")?;
        }
        fs::remove_dir_all(&tree)?;
    }
    Ok(out)
}

fn packages(root: &Path, built: &Path, version: &str) -> [Package; 2] {
    let file = |from: PathBuf, to: &str, mode| (from, to.to_owned(), mode);
    let icons = root.join("icons");
    let icon = |file_name: &str, size: &str| {
        let extension = if size == "scalable" { "svg" } else { "png" };
        file(icons.join(file_name), &format!("usr/share/icons/hicolor/{size}/apps/ebb-desktop.{extension}"), 0o644)
    };
    [
        Package {
            name: "ebb",
            section: "devel",
            summary: "one browser host for every AI agent, on the command line",
            text: " Ebb gives every agent a browser session of its own over MCP, and removes all of\n it when the agent goes. This package has the host and the bridge that clients\n start; it needs no desktop.",
            depends: String::new(),
            recommends: "chromium | google-chrome-stable | chromium-browser",
            files: vec![
                file(built.join("ebb"), "usr/bin/ebb", 0o755),
                file(root.join("packages/ebb.service"), "usr/lib/systemd/user/ebb.service", 0o644),
                file(root.join("CHANGELOG.md"), "usr/share/doc/ebb/CHANGELOG.md", 0o644),
                file(root.join("LICENSE-MIT"), "usr/share/doc/ebb/copyright", 0o644),
            ],
        },
        Package {
            name: "ebb-desktop",
            section: "devel",
            summary: "one browser host for every AI agent, in the tray",
            text: " The tray of Ebb and its window: what every browser session of every agent holds\n now, and what each cleanup did.",
            depends: format!("ebb (= {version}), {TRAY}"),
            recommends: "xdg-utils",
            files: vec![
                file(built.join("ebb-desktop"), "usr/bin/ebb-desktop", 0o755),
                file(root.join("packages/ebb-desktop.desktop"), "usr/share/applications/ebb-desktop.desktop", 0o644),
                icon("32x32.png", "32x32"),
                icon("128x128.png", "128x128"),
                icon("128x128@2x.png", "256x256"),
                icon("icon.svg", "scalable"),
                file(root.join("LICENSE-MIT"), "usr/share/doc/ebb-desktop/copyright", 0o644),
            ],
        },
    ]
}

/// Writes the package's tree.
fn lay_out(package: &Package, tree: &Path, version: &str, architecture: &str) -> Result<()> {
    let (mut size, mut program) = (0, None);
    for (from, place, mode) in &package.files {
        let to = tree.join(place);
        fs::create_dir_all(to.parent().unwrap_or(tree))?;
        size += fs::copy(from, &to).with_context(|| format!("{} is missing: build it first", from.display()))?;
        fs::set_permissions(&to, fs::Permissions::from_mode(*mode))?;
        if *mode == 0o755 {
            program = Some(to);
        }
    }
    let libraries = program.map(|program| libraries(&program)).transpose()?.unwrap_or_default();
    let depends: Vec<&str> =
        [libraries.as_str(), &package.depends].into_iter().filter(|list| !list.is_empty()).collect();
    let folder = tree.join("DEBIAN");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("control"), control(package, version, architecture, size, &depends.join(", "))?)?;
    let script = folder.join("prerm");
    fs::write(&script, PRERM)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn control(package: &Package, version: &str, architecture: &str, bytes: u64, depends: &str) -> Result<String> {
    let Package { name, section, summary, text, recommends, .. } = package;
    let mut control = String::new();
    writeln!(control, "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {MAINTAINER}")?;
    writeln!(control, "Installed-Size: {}\nDepends: {depends}\nRecommends: {recommends}", bytes.div_ceil(1024))?;
    writeln!(control, "Section: {section}\nPriority: optional\nHomepage: https://github.com/ebb-browser/ebb")?;
    writeln!(control, "Description: {summary}\n{text}")?;
    Ok(control)
}

/// The packages of the libraries that a program is linked with.
fn libraries(program: &Path) -> Result<String> {
    // The tool wants to stand beside a source package.
    let folder = program.with_extension("deps");
    fs::create_dir_all(folder.join("debian"))?;
    fs::write(folder.join("debian/control"), "Source: ebb\n\nPackage: ebb\nArchitecture: any\n")?;
    let mut command = Command::new("dpkg-shlibdeps");
    let said = process::output(command.current_dir(&folder).arg("-O").arg("-e").arg(program)).unwrap_or_default();
    fs::remove_dir_all(&folder)?;
    match said.lines().find_map(|line| line.strip_prefix("shlibs:Depends=")) {
        Some(depends) => Ok(depends.trim().to_owned()),
        None => bail!("dpkg-shlibdeps does not know what {} depends on", program.display()),
    }
}

/// The version of the workspace.
fn version(root: &Path) -> Result<String> {
    let text = fs::read_to_string(root.join("Cargo.toml"))?;
    let after = text.split("[workspace.package]").nth(1).unwrap_or_default();
    let line = after.lines().find_map(|line| line.strip_prefix("version = \"")).and_then(|line| line.strip_suffix('"'));
    line.map(str::to_owned).context("Cargo.toml names no version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_file_says_what_dpkg_wants() {
        let [cli, desktop] = packages(Path::new("/src"), Path::new("/built"), "1.2.3");
        let text = control(&cli, "1.2.3", "amd64", 2_049, "libc6 (>= 2.36)").unwrap();
        assert!(text.starts_with("Package: ebb\nVersion: 1.2.3\nArchitecture: amd64\n"), "{text}");
        assert!(text.contains("\nInstalled-Size: 3\nDepends: libc6 (>= 2.36)\n"), "{text}");
        assert!(text.ends_with("it needs no desktop.\n"), "{text}");
        assert_eq!(desktop.depends, "ebb (= 1.2.3), libayatana-appindicator3-1");
        // Every line of a description is indented, or dpkg reads a new field.
        for package in [&cli, &desktop] {
            assert!(package.text.lines().all(|line| line.starts_with(' ') && line.len() <= 81), "{}", package.text);
        }
    }
}
