//! Every `ebb …` that the pages and the messages show is one that the command line takes.

use std::{fs, path::Path};

use clap::{CommandFactory, Parser, error::ErrorKind};

use crate::Cli;

/// What stands for a value where the pages leave it open, as one that parses.
const STAND_INS: [(&str, &str); 3] = [("SHELL", "bash"), ("PORT", "8932"), ("CLIENT", "codex")];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `folder` that ends like this.
fn files(folder: &Path, ending: &str, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, ending, into);
        } else if path.to_string_lossy().ends_with(ending) && !path.ends_with("cli/src/docs.rs") {
            into.push(path.to_string_lossy().into_owned());
        }
    }
}

/// Whether the command line takes it. In a sentence, what comes after a command or an option may be left out.
fn taken(line: &str, whole: bool) -> Result<(), String> {
    let stand_in = |word: &str| {
        let plain = word.trim_matches(['"', '\'']);
        let known = STAND_INS.iter().find(|(name, _)| *name == plain);
        known.map_or_else(|| plain.to_owned(), |(_, value)| (*value).to_owned())
    };
    let words: Vec<String> =
        line.split_whitespace().take_while(|word| !["#", "|", "&&", ">"].contains(word)).map(stand_in).collect();
    let Err(error) = Cli::try_parse_from(&words) else { return Ok(()) };
    let missing = [ErrorKind::MissingRequiredArgument, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
    let open = !whole && words.last().is_some_and(|word| word.starts_with("--"));
    let with_value = || Cli::try_parse_from(words.iter().map(String::as_str).chain(["8932"])).is_ok();
    if (!whole && missing.contains(&error.kind())) || (open && with_value()) {
        return Ok(());
    }
    Err(format!("{line}: {}", error.to_string().lines().next().unwrap_or_default()))
}

/// The spans of a text that are between backticks and begin with the program's name.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter(|span| span.starts_with("ebb "))
}

#[test]
fn the_pages_and_messages_show_only_commands_that_there_are() {
    let mut pages = vec!["README.md".to_owned(), "SECURITY.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    files(&root().join("docs"), ".md", &mut pages);
    files(&root().join("src-tauri"), ".rs", &mut pages);
    let mut wrong = Vec::new();
    let (mut lines, mut in_sentences) = (0, 0);
    for page in pages {
        let text = read(&page);
        let fenced = text.split("\n```").skip(1).step_by(2).flat_map(str::lines);
        let written = Path::new(&page).extension().is_some_and(|ending| ending == "md");
        for line in fenced.map(str::trim).filter(|line| written && line.starts_with("ebb ")) {
            lines += 1;
            wrong.extend(taken(line, true).err());
        }
        for span in spans(&text).filter(|span| !span.contains(['{', '…'])) {
            in_sentences += 1;
            wrong.extend(taken(span, false).err().map(|why| format!("{page}: {why}")));
        }
    }
    assert!(wrong.is_empty(), "the command line does not take:\n{}", wrong.join("\n"));
    assert!(lines >= 4 && in_sentences >= 50, "looked at {lines} lines and {in_sentences} sentences only");
}

#[test]
fn the_readme_lists_every_command_and_every_option_of_serve() {
    let readme = read("README.md");
    let rows = |start: &str| {
        let from = readme.find(start).unwrap_or_else(|| panic!("the README has no table that begins {start}"));
        readme[from..].lines().skip(2).take_while(|line| line.starts_with('|')).collect::<Vec<_>>()
    };
    let (commands, options) = (rows("| command |").join("\n"), rows("| option of `ebb serve` |"));
    let cli = Cli::command();
    for command in cli.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("`ebb {}", command.get_name());
        assert!(commands.contains(&name), "the README's table of commands does not have {name}`");
    }
    let serve = cli.find_subcommand("serve").expect("a command");
    let mut real: Vec<_> = serve.get_arguments().filter(|a| !a.is_hide_set()).filter_map(|a| a.get_long()).collect();
    let mut told: Vec<_> =
        options.iter().filter_map(|row| row.strip_prefix("| `--")?.split([' ', '`']).next()).collect();
    real.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, real, "the README's options of `ebb serve`, and the real ones");
}

#[test]
fn a_command_that_there_is_not_is_found() {
    for wrong in ["ebb sesions", "ebb serve --dashbord", "ebb clients ad codex"] {
        taken(wrong, false).expect_err(wrong);
    }
    taken("ebb clients add", true).expect_err("a whole line leaves nothing out");
    taken("ebb serve --http", false).expect("a sentence may leave the value out");
}
