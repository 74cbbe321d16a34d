//! Rules about the text of single files.

use super::{File, Finding};

const SOFT_LIMIT: usize = 400;
const HARD_LIMIT: usize = 800;
/// The one file that may speak to Tauri, and its test.
const TAURI_BACKEND: [&str; 2] = ["ui/src/lib/backend/tauri.ts", "ui/src/lib/backend/tauri.test.ts"];
/// Folders of one machine: no program or script may know them.
const MACHINE_FOLDERS: [&str; 3] = ["/home/", "/root/", "/Users/"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    // This file names what it forbids.
    files.iter().filter(|file| file.path != "xtask/src/rules/source.rs").flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let mut findings: Vec<Finding> = length(file).into_iter().collect();
    let is_code = has_extension(file, &["rs", "ts", "svelte", "js", "css", "html", "toml", "json", "yml", "sh"])
        || file.path.starts_with(".ci/");
    if !is_code || is_lock(file) {
        return findings;
    }
    let is_rust = has_extension(file, &["rs"]);
    let is_test = is_test(file);
    let mut in_unit_tests = false;
    for (index, line) in file.text.lines().enumerate() {
        let mut find = |sentence: &str| findings.push(Finding::new(file, index + 1, sentence));
        let code = line.trim_start();
        let comment = code.starts_with("//");
        in_unit_tests |= is_rust && line == "#[cfg(test)]";

        if is_rust && !comment && silences_a_lint(code) {
            find("`allow` hides when it is no longer needed; write #[expect(lint, reason = \"...\")]");
        }
        if is_rust && file.path.ends_with("/mod.rs") && !is_test && defines(line) {
            find("mod.rs only declares and re-exports; move this to a file of its own");
        }
        if has_word(line, "TODO")
            || has_word(line, "FIXME")
            || code.contains("todo!(")
            || code.contains("unimplemented!(")
        {
            find("finish it, or write an issue; notes about unfinished work do not stay in the tree");
        }
        if !is_test
            && !is_fake(file)
            && !in_unit_tests
            && MACHINE_FOLDERS.iter().any(|folder| names_folder(line, folder))
        {
            find("a path of one machine; learn it at run time, or use a neutral example");
        }
        if file.path.starts_with("ui/src/")
            && !comment
            && line.contains("@tauri-apps/")
            && !TAURI_BACKEND.contains(&file.path.as_str())
        {
            find("only ui/src/lib/backend/tauri.ts imports @tauri-apps; use the Backend interface");
        }
    }
    findings
}

fn length(file: &File) -> Option<Finding> {
    let generated = file.path.contains("/bindings/") || file.path.contains("/generated/");
    if !has_extension(file, &["rs", "ts", "svelte"]) || is_test(file) || generated {
        return None;
    }
    let lines = file.text.lines().count();
    let finding = |limit: usize| {
        let sentence = format!("{lines} lines, more than {limit}; split it by responsibility");
        Finding::new(file, lines, sentence)
    };
    if lines > HARD_LIMIT {
        Some(finding(HARD_LIMIT))
    } else if lines > SOFT_LIMIT {
        Some(Finding { warning: true, ..finding(SOFT_LIMIT) })
    } else {
        None
    }
}

/// The dashboard's backend for tests: its data has to look like that of a real machine.
fn is_fake(file: &File) -> bool {
    file.path.starts_with("ui/src/lib/backend/fake")
}

/// Tests and what they feed on.
fn is_test(file: &File) -> bool {
    let mut parts: Vec<&str> = file.path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    name == "tests.rs"
        || name.contains(".test.")
        || name.contains(".spec.")
        || parts.iter().any(|part| matches!(*part, "tests" | "test" | "fixtures"))
}

fn is_lock(file: &File) -> bool {
    file.path.ends_with("package-lock.json")
}

fn has_extension(file: &File, extensions: &[&str]) -> bool {
    file.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
}

fn silences_a_lint(code: &str) -> bool {
    code.starts_with("#[allow(")
        || code.starts_with("#![allow(")
        || (code.starts_with("#[cfg_attr(") || code.starts_with("#![cfg_attr(")) && code.contains(" allow(")
}

/// A function or an implementation that starts in the first column.
fn defines(line: &str) -> bool {
    let mut words = line.split(' ').skip_while(|word| {
        word.starts_with("pub")
            || matches!(*word, "async" | "const" | "unsafe" | "extern" | "in")
            || word.ends_with(')')
    });
    words.next().is_some_and(|word| word == "fn" || word == "impl" || word.starts_with("impl<"))
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}

/// Whether the line has the folder as the start of a path, not in the middle of one.
fn names_folder(line: &str, folder: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "._-~*}>)]".contains(c);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(path: &str, text: &str) -> Vec<(usize, String)> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&[file]).into_iter().map(|finding| (finding.line, finding.sentence)).collect()
    }

    fn lines(path: &str, text: &str) -> Vec<usize> {
        sentences(path, text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_long_file_warns_and_a_very_long_one_fails() {
        let warnings = |path: &str, count: usize| -> Vec<bool> {
            let file = File { path: path.to_owned(), text: "x\n".repeat(count) };
            check(&[file]).iter().map(|finding| finding.warning).collect()
        };
        assert!(warnings("src-tauri/core/src/a.rs", 400).is_empty());
        assert_eq!(warnings("src-tauri/core/src/a.rs", 401), [true]);
        assert_eq!(warnings("ui/src/App.svelte", 801), [false]);
        assert!(warnings("tests/it/a.rs", 2_000).is_empty());
        assert!(warnings("ui/src/lib/bindings/All.ts", 2_000).is_empty());
    }

    #[test]
    fn allow_is_found_and_expect_is_not() {
        let text = "#[allow(dead_code)]\n#[expect(dead_code, reason = \"x\")]\n// #[allow(x)]\n#![allow(x)]\n";
        assert_eq!(lines("src-tauri/host/src/a.rs", text), [1, 4]);
        assert_eq!(lines("src-tauri/host/src/a.rs", "#[cfg_attr(unix, allow(unused))]"), [1]);
    }

    #[test]
    fn mod_rs_holds_no_code() {
        let text = "//! Doc.\nmod a;\npub use a::fn_like;\nfn f() {}\npub(crate) async fn g() {}\nimpl<T> X<T> {}\n";
        assert_eq!(lines("src-tauri/host/src/browser/mod.rs", text), [4, 5, 6]);
        assert!(lines("src-tauri/host/src/browser/tabs.rs", text).is_empty());
    }

    #[test]
    fn unfinished_work_is_found_as_a_word_only() {
        assert_eq!(lines("ui/src/a.ts", "// TODO: x\nconst TODOS = 1;\n// FIXME\n"), [1, 3]);
        assert_eq!(lines("tests/it/a.rs", "    todo!()\n"), [1]);
    }

    #[test]
    fn machine_folders_are_found_outside_tests() {
        let text =
            "let a = \"/home/me/x\";\nlet b = \"https://example.org/Users/x\";\n#[cfg(test)]\nlet c = \"/root/x\";\n";
        assert_eq!(lines("src-tauri/cli/src/a.rs", text), [1]);
        assert!(lines("tests/support/a.rs", text).is_empty());
        assert_eq!(lines(".ci/run", "cd /Users/x\n"), [1]);
    }

    #[test]
    fn only_one_file_speaks_to_tauri() {
        let text = "import { invoke } from '@tauri-apps/api/core';\n";
        assert!(lines("ui/src/lib/backend/tauri.ts", text).is_empty());
        assert_eq!(lines("ui/src/screens/Home.svelte", text), [1]);
    }
}
