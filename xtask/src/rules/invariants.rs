//! Every invariant in ARCHITECTURE.md names the tests that prove it, and those tests exist.

use super::{File, Finding};

const PAGE: &str = "ARCHITECTURE.md";

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        let page = File { path: PAGE.to_owned(), text: String::new() };
        return vec![Finding::new(&page, 1, "the page that states the invariants is missing")];
    };
    let invariants = parse(&page.text);
    if invariants.is_empty() {
        return vec![Finding::new(page, 1, "it has no numbered list under the heading \"Invariants\"")];
    }
    let mut findings = Vec::new();
    for invariant in invariants {
        if invariant.tests.is_empty() {
            findings.push(Finding::new(
                page,
                invariant.line,
                "this invariant names no test: write \"proved by\" and `module::test_name`",
            ));
        }
        for (line, test) in invariant.tests {
            if !files.iter().any(|file| has_test(file, &test)) {
                findings.push(Finding::new(page, line, format!("no test is called {test}")));
            }
        }
    }
    findings
}

struct Invariant {
    line: usize,
    tests: Vec<(usize, String)>,
}

/// The numbered items of the section "Invariants" and the backticked paths after their "proved by".
fn parse(page: &str) -> Vec<Invariant> {
    let mut invariants: Vec<Invariant> = Vec::new();
    let mut in_section = false;
    let mut in_proof = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("## ") {
            in_section = line.starts_with("## Invariants");
        }
        if !in_section {
            continue;
        }
        if line.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok()) {
            invariants.push(Invariant { line: index + 1, tests: Vec::new() });
            in_proof = false;
        }
        let proof = line.to_ascii_lowercase().find("proved by");
        in_proof |= proof.is_some();
        if let Some(invariant) = invariants.last_mut().filter(|_| in_proof) {
            let text = &line[proof.unwrap_or(0)..];
            let quoted = text.split('`').skip(1).step_by(2).filter(|name| name.contains("::"));
            invariant.tests.extend(quoted.map(|name| (index + 1, name.to_owned())));
        }
    }
    invariants
}

/// Whether the file has a function of this name in the module that the path names.
fn has_test(file: &File, test: &str) -> bool {
    let mut segments = test.rsplit("::");
    let (Some(name), Some(module)) = (segments.next(), segments.next()) else {
        return false;
    };
    let is_rust = file.path.rsplit_once('.').is_some_and(|(_, extension)| extension == "rs");
    let in_path = file.path.trim_end_matches(".rs").split('/').any(|part| part == module);
    let in_text = || file.text.contains(&format!("mod {module} {{"));
    is_rust && file.text.contains(&format!("fn {name}(")) && (in_path || in_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "#[tokio::test]\nasync fn removal_always_ends() {}\n";

    fn sentences(page: &str) -> Vec<String> {
        let files = [
            File { path: PAGE.to_owned(), text: page.to_owned() },
            File { path: "tests/it/removal.rs".to_owned(), text: TEST.to_owned() },
        ];
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_invariant_with_a_test_in_the_tree_is_fine() {
        let page = "## Invariants\n\n1. **One door.** Words with `code::path`.\n   Proved by `removal::removal_always_ends`.\n## Next\n1. x\n";
        assert!(sentences(page).is_empty());
    }

    #[test]
    fn an_invariant_without_test_or_with_a_lost_one_is_not() {
        let page =
            "## Invariants\n1. A.\n   Proved by:\n2. B, proved by `removal::gone`,\n   `other::removal_always_ends`.\n";
        assert_eq!(
            sentences(page),
            [
                "ARCHITECTURE.md:2: this invariant names no test: write \"proved by\" and `module::test_name`",
                "ARCHITECTURE.md:4: no test is called removal::gone",
                "ARCHITECTURE.md:5: no test is called other::removal_always_ends",
            ]
        );
        assert_eq!(sentences("# Nothing\n").len(), 1);
    }
}
