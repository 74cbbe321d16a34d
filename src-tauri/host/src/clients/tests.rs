//! Real-looking files: whatever is in them, only the entry of Ebb changes.

use std::{fs, path::Path};

use ebb_core::Code;

use super::{Act, ClientFiles, DiffMark, SetupState, SetupView, disk, known::KNOWN, name_for_people};
use crate::paths::Environment;

/// A home with a program named `ebb` in it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.put("bin/ebb", "");
        home
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    fn ebb(&self) -> String {
        self.at("bin/ebb").display().to_string()
    }

    fn files(&self) -> ClientFiles {
        let environment = Environment::of([("HOME", self.0.path().as_os_str())]);
        ClientFiles::new(&environment, &self.at("data"), &self.at("bin/ebb")).unwrap()
    }

    fn look(&self, client: &str) -> SetupView {
        self.files().list(&[]).into_iter().find(|view| view.id == client).unwrap()
    }

    fn act(&self, client: &str, act: Act) -> SetupView {
        let files = self.files();
        let plan = files.plan(client, act).unwrap();
        files.change(client, act, &plan.mark).unwrap()
    }
}

/// Below the home, of each client.
fn file_of(client: &str) -> &'static str {
    match client {
        "claude-code" => ".claude.json",
        "claude-desktop" => ".config/Claude/claude_desktop_config.json",
        "cursor" => ".cursor/mcp.json",
        "vscode" => ".config/Code/User/mcp.json",
        "codex" => ".codex/config.toml",
        "gemini" => ".gemini/settings.json",
        "windsurf" => ".codeium/windsurf/mcp_config.json",
        "zed" => ".config/zed/settings.json",
        "opencode" => ".config/opencode/opencode.json",
        "copilot" => ".copilot/mcp-config.json",
        other => panic!("{other}"),
    }
}

const ZED: &str = r#"// Zed settings
//
// For information on how to configure Zed, see the docs
{
  "theme": { "mode": "system", "light": "One Light", "dark": "One Dark" }, // a comment behind
  /* a block
     of comments */
  "buffer_font_size": 15,
  "context_servers": {
    // the one for issues
    "tracker": {
      "command": "npx",
      "args": ["-y", "@tracker/mcp"],
      "env": { "TRACKER_TOKEN": "secret-1" }, // do not share
    },
  },
  "languages": { "Rust": { "tab_size": 4 } },
}
"#;

const CLAUDE: &str = r#"{
  "numStartups": 184,
  "tipsHistory": {
    "new-user-warmup": 5
  },
  "projects": {
    "/home/mara/code/webshop": {
      "allowedTools": [],
      "mcpServers": {
        "ebb-like": { "command": "x" }
      },
      "lastCost": 0.1234567890123456789
    }
  },
  "mcpServers": {
    "github": {
      "type": "http",
      "url": "https://example.com/mcp",
      "headers": {
        "Authorization": "Bearer ghp_verysecret"
      }
    }
  },
  "userID": "8f\u00e9\/x"
}"#;

const CODEX: &str = r#"# my codex
model = "o4"   # the good one
approval_policy = "on-request"

[projects."/home/mara/code/api"]
trust_level = "trusted"

# servers
[mcp_servers.docs]
command = "npx"
args = ["-y", "docs-mcp"]
env = { "DOCS_KEY" = "k" } # mine

[mcp_servers.docs.tools]
allowed = ["search"]

[tui]
notifications = true
"#;

#[test]
fn every_client_without_a_file_gets_one_and_loses_it_again() {
    let home = Home::new();
    for known in &KNOWN {
        assert_eq!(home.look(known.id).state, SetupState::NotInstalled, "{}", known.id);
        let plan = home.files().plan(known.id, Act::Add).unwrap();
        assert!(plan.creates && plan.diff.iter().all(|line| line.mark == DiffMark::Added), "{plan:?}");
        assert!(!home.at(file_of(known.id)).exists(), "{}: a plan writes nothing", known.id);
        let done = home.act(known.id, Act::Add);
        assert_eq!((done.state, done.can_undo, done.command.unwrap()), (SetupState::SetUp, true, home.ebb()));
        let text = home.text(file_of(known.id));
        assert!(text.ends_with('\n') && text.contains("connect"), "{text}");
        // Twice is once.
        assert!(home.files().plan(known.id, Act::Add).unwrap().diff.is_empty());
        assert!(!home.files().undo(known.id).unwrap().can_undo);
        assert!(!home.at(file_of(known.id)).exists(), "{}", known.id);
    }
}

#[test]
fn the_shapes_are_those_that_the_clients_read() {
    let home = Home::new();
    let ebb = home.ebb();
    for (client, wanted) in [
        (
            "claude-code",
            format!(
                "{{\n  \"mcpServers\": {{\n    \"ebb\": {{\n      \"command\": \"{ebb}\",\n      \"args\": [\"connect\"]\n    }}\n  }}\n}}\n"
            ),
        ),
        (
            "vscode",
            format!(
                "{{\n  \"servers\": {{\n    \"ebb\": {{\n      \"type\": \"stdio\",\n      \"command\": \"{ebb}\",\n      \"args\": [\"connect\"]\n    }}\n  }}\n}}\n"
            ),
        ),
        (
            "zed",
            format!(
                "{{\n  \"context_servers\": {{\n    \"ebb\": {{\n      \"command\": \"{ebb}\",\n      \"args\": [\"connect\"],\n      \"env\": {{}}\n    }}\n  }}\n}}\n"
            ),
        ),
        (
            "opencode",
            format!(
                "{{\n  \"mcp\": {{\n    \"ebb\": {{\n      \"type\": \"local\",\n      \"command\": [\"{ebb}\", \"connect\"],\n      \"enabled\": true\n    }}\n  }}\n}}\n"
            ),
        ),
        (
            "copilot",
            format!(
                "{{\n  \"mcpServers\": {{\n    \"ebb\": {{\n      \"type\": \"local\",\n      \"command\": \"{ebb}\",\n      \"args\": [\"connect\"],\n      \"tools\": [\"*\"]\n    }}\n  }}\n}}\n"
            ),
        ),
        ("codex", format!("[mcp_servers.ebb]\ncommand = \"{ebb}\"\nargs = [\"connect\"]\n")),
    ] {
        home.act(client, Act::Add);
        assert_eq!(home.text(file_of(client)), wanted, "{client}");
    }
}

#[test]
fn nothing_else_of_a_file_changes() {
    let lines_that_stay = |before: &str, after: &str| {
        let mut rest = after.lines();
        // A comma behind the entry before is all that may be new on a line.
        before.lines().all(|line| rest.any(|other| other == line || other == format!("{line},")))
    };
    for (client, before) in [
        ("zed", ZED),
        ("claude-code", CLAUDE),
        ("codex", CODEX),
        ("cursor", "{\"mcpServers\":{\"a\":{\"command\":\"x\",\"args\":[]}}}"),
        ("gemini", "{\n\t\"theme\": \"Dracula\",\n\t\"mcpServers\": {\n\t\t\"a\": { \"command\": \"x\" }\n\t}\n}\n"),
        (
            "vscode",
            "{\n    // servers of mine\n    \"inputs\": [],\n    \"servers\": {\n        \"a\": { \"url\": \"http://x\" }\n    }\n}\r\n",
        ),
        ("windsurf", "{ }"),
        (
            "claude-desktop",
            "\u{feff}{\r\n  \"globalShortcut\": \"\",\r\n  \"mcpServers\": {\r\n    \"a\": { \"command\": \"b\" }\r\n  }\r\n}\r\n",
        ),
        (
            "opencode",
            "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n  \"mcp\": {\n    \"a\": { \"type\": \"remote\", \"url\": \"https://x\" },\n  },\n}\n",
        ),
        (
            "copilot",
            "{\n  \"mcpServers\": {\n    \"a\": {\n      \"type\": \"local\",\n      \"command\": \"a\"\n    }\n    // last\n  }\n}\n",
        ),
    ] {
        let home = Home::new();
        home.put(file_of(client), before);
        assert_eq!(home.look(client).state, SetupState::NotSetUp, "{client}");
        assert_eq!(home.act(client, Act::Add).state, SetupState::SetUp, "{client}");
        let added = home.text(file_of(client));
        if before.lines().count() > 2 {
            assert!(lines_that_stay(before, &added), "{client}: {added}");
        }
        assert_eq!(added.starts_with('\u{feff}'), before.starts_with('\u{feff}'), "{client}");
        assert_eq!(added.contains("\r\n"), before.contains("\r\n"), "{client}: {added:?}");

        // Taken out, it is as it was, but for an empty section where there was none.
        let removed = home.act(client, Act::Remove);
        assert_eq!(removed.state, SetupState::NotSetUp, "{client}");
        let (plain, gone) = (before.replace([' ', ',', '\n', '\r', '\t'], ""), home.text(file_of(client)));
        let gone = gone.replace([' ', ',', '\n', '\r', '\t'], "");
        assert!(
            gone == plain || gone.replace("\"mcpServers\":{}", "") == plain.replace("\"mcpServers\":{}", ""),
            "{client}: {gone}"
        );

        // And taken back, byte for byte.
        home.files().undo(client).unwrap();
        assert_eq!(home.text(file_of(client)), added, "{client}");
        home.files().undo(client).unwrap();
        assert_eq!(home.text(file_of(client)), before, "{client}");
        assert_eq!(home.files().undo(client).unwrap_err().code, Code::InvalidArguments, "{client}");
    }
}

#[test]
fn what_cannot_be_read_is_never_written() {
    for (client, text, line) in [
        ("zed", "{\n  \"a\": 1,\n  \"b\": \n}\n", "line 4"),
        ("cursor", "{\"mcpServers\": {\"a\": {}", "line 1"),
        ("claude-code", "[1, 2]", "line 1"),
        ("gemini", "{ 'single': 1 }", "line 1"),
        ("vscode", "{ \"a\": 1 \"b\": 2 }", "line 1"),
        ("windsurf", "not json", "line 1"),
        ("copilot", "{\"mcpServers\": []}", "mcpServers is not an object"),
        ("opencode", "{\"mcp\": true}", "mcp is not an object"),
        ("codex", "model = \n[a]\n", "line 1"),
        ("claude-desktop", "{}{}", "line 1"),
    ] {
        let home = Home::new();
        home.put(file_of(client), text);
        let view = home.look(client);
        assert_eq!(view.state, SetupState::Unreadable, "{client}: {view:?}");
        let told = view.problem.as_deref().unwrap_or_default();
        assert!(told.to_lowercase().contains(&line.to_lowercase()), "{client}: {told}");
        for act in [Act::Add, Act::Remove] {
            let error = home.files().plan(client, act).unwrap_err();
            assert!(error.next.is_some(), "{client}");
            assert!(home.files().change(client, act, "").is_err(), "{client}");
        }
        assert_eq!(home.text(file_of(client)), text, "{client}");
        assert!(!home.at("data").exists(), "{client}: no backup of nothing");
    }
    // A folder, a file without end, text that is none.
    let home = Home::new();
    fs::create_dir_all(home.at(".cursor/mcp.json")).unwrap();
    home.put(".gemini/settings.json", "");
    fs::write(home.at(".gemini/settings.json"), [0xff, 0xfe, 0]).unwrap();
    #[cfg(unix)]
    {
        fs::create_dir_all(home.at(".copilot")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", home.at(".copilot/mcp-config.json")).unwrap();
        assert_eq!(home.look("copilot").state, SetupState::Unreadable);
    }
    assert_eq!(
        (home.look("cursor").state, home.look("gemini").state),
        (SetupState::Unreadable, SetupState::Unreadable)
    );
}

#[test]
fn a_file_that_changed_since_it_was_shown_is_refused() {
    let home = Home::new();
    home.put(".cursor/mcp.json", "{}");
    let plan = home.files().plan("cursor", Act::Add).unwrap();
    home.put(".cursor/mcp.json", "{ \"mcpServers\": { \"new\": { \"command\": \"x\" } } }");
    let error = home.files().change("cursor", Act::Add, &plan.mark).unwrap_err();
    assert!(error.message.contains("changed since you looked"), "{error:?}");
    assert_eq!(home.text(".cursor/mcp.json"), "{ \"mcpServers\": { \"new\": { \"command\": \"x\" } } }");
    // The mark of putting it in is not one for taking it out.
    let plan = home.files().plan("cursor", Act::Add).unwrap();
    home.files().change("cursor", Act::Remove, &plan.mark).unwrap_err();
    home.act("cursor", Act::Add);
    // Somebody else writes the file: what they wrote is not undone.
    let theirs = home.text(".cursor/mcp.json").replace("\"x\"", "\"y\"");
    home.put(".cursor/mcp.json", &theirs);
    let error = home.files().undo("cursor").unwrap_err();
    assert!(error.message.contains("changed since") && error.next.unwrap().contains("ebb clients remove cursor"));
    assert_eq!(home.text(".cursor/mcp.json"), theirs);
    assert!(!home.look("cursor").can_undo);
}

#[test]
fn an_entry_that_is_wrong_is_set_right_and_keeps_what_its_owner_added() {
    let home = Home::new();
    home.put(
        ".cursor/mcp.json",
        "{\n  \"mcpServers\": {\n    \"ebb\": {\n      \"command\": \"/old/ebb\", // moved\n      \"args\": [\"connect\"],\n      \"env\": { \"A\": \"1\" },\n      \"disabled\": true\n    }\n  }\n}\n",
    );
    let view = home.look("cursor");
    assert_eq!(view.state, SetupState::Repair);
    assert!(home.act("cursor", Act::Add).problem.is_none());
    let text = home.text(".cursor/mcp.json");
    assert!(
        text.contains("// moved") && text.contains("\"env\": { \"A\": \"1\" }") && !text.contains("disabled"),
        "{text}"
    );

    // Under another name it is still the one.
    home.put(
        ".gemini/settings.json",
        "{\"mcpServers\": {\"browser\": {\"command\": \"/gone/ebb\", \"args\": [\"connect\"]}}}",
    );
    let view = home.look("gemini");
    assert_eq!(view.state, SetupState::Repair);
    assert!(view.problem.unwrap().contains("/gone/ebb, which is not there"));
    home.act("gemini", Act::Add);
    assert!(!home.text(".gemini/settings.json").contains("\"ebb\":"));
    home.put(
        ".codex/config.toml",
        "[mcp_servers.ebb]\nenabled = false # for now\ncommand = \"/gone/ebb\"\nargs = [\"connect\", \"--headed\"]\n",
    );
    assert_eq!(home.look("codex").state, SetupState::Repair);
    home.act("codex", Act::Add);
    let text = home.text(".codex/config.toml");
    assert!(text.contains("enabled = true # for now") && text.contains(&home.ebb()), "{text}");
}

#[cfg(unix)]
#[test]
fn links_and_rights_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let home = Home::new();
    home.put("dotfiles/mcp.json", "{}");
    fs::set_permissions(home.at("dotfiles/mcp.json"), PermissionsExt::from_mode(0o640)).unwrap();
    fs::create_dir_all(home.at(".cursor")).unwrap();
    symlink(home.at("dotfiles/mcp.json"), home.at(".cursor/mcp.json")).unwrap();
    home.act("cursor", Act::Add);
    assert!(fs::symlink_metadata(home.at(".cursor/mcp.json")).unwrap().is_symlink());
    assert!(home.text("dotfiles/mcp.json").contains("connect"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.at("dotfiles/mcp.json")), 0o640);
    assert_eq!(fs::read_dir(home.at("dotfiles")).unwrap().count(), 1, "no file beside it");
    home.act("codex", Act::Add);
    assert_eq!(mode(&home.at(".codex/config.toml")), 0o600);
    assert_eq!(mode(&home.at("data/clients/cursor")), 0o700);
    assert_eq!(mode(&home.at("data/clients/cursor/1.json")), 0o600);
}

#[test]
fn the_last_ten_backups_are_kept() {
    let home = Home::new();
    for _ in 0..7 {
        home.act("cursor", Act::Add);
        home.act("cursor", Act::Remove);
    }
    assert_eq!(fs::read_dir(home.at("data/clients/cursor")).unwrap().count(), 10);
}

#[test]
fn who_is_connected_and_who_is_unknown() {
    let home = Home::new();
    let names = [
        "claude-code",
        "Claude Code",
        "claude-ai",
        "cursor-vscode",
        "Visual Studio Code",
        "codex-mcp-client",
        "gemini-cli-mcp-client",
        "windsurf-client",
        "Zed",
        "opencode",
        "github-copilot-developer",
        "node",
    ];
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let counts: Vec<(String, u32)> =
        home.files().list(&names).into_iter().map(|view| (view.id, view.connected)).collect();
    for (id, connected) in counts {
        assert_eq!(connected, if id == "claude-code" { 2 } else { 1 }, "{id}");
    }
    // Whatever is shown instead of a name is recognized as well.
    for name in ["claude-code", "claude-ai", "codex-mcp-client", "cursor-vscode", "gemini-cli-mcp-client"] {
        let shown = name_for_people(name).to_owned();
        assert_ne!(shown, name);
        assert_eq!(
            home.files().list(std::slice::from_ref(&shown)).iter().map(|view| view.connected).sum::<u32>(),
            1,
            "{shown}"
        );
    }
    assert_eq!(name_for_people("my-agent"), "my-agent");
    for wrong in ["", "vim", "../cursor", "claude-code/../cursor"] {
        let error = home.files().plan(wrong, Act::Add).unwrap_err();
        assert!(error.next.unwrap().contains("claude-code"), "{wrong}");
        home.files().undo(wrong).unwrap_err();
    }
    assert!(home.files().plan("Claude Code", Act::Add).is_ok(), "by its name, too");
    // Without an absolute path of ebb nothing can be written.
    let environment = Environment::of([("HOME", home.0.path().as_os_str())]);
    let bare = ClientFiles::new(&environment, &home.at("data"), Path::new("ebb")).unwrap();
    bare.plan("cursor", Act::Add).unwrap_err();
}

#[test]
fn marks_differ_where_texts_do() {
    assert_eq!(disk::mark(&["a", "b"]), disk::mark(&["a", "b"]));
    assert_ne!(disk::mark(&["a", "b"]), disk::mark(&["ab", ""]));
}
