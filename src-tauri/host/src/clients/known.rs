//! The clients that Ebb can set up.

use super::place::Base;

/// How a client writes a server into its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `mcpServers: {ebb: {command, args}}`.
    Plain,
    /// `servers: {ebb: {type: "stdio", command, args}}`.
    VsCode,
    /// `context_servers: {ebb: {command, args, env}}`.
    Zed,
    /// `mcp: {ebb: {type: "local", command: [...], enabled}}`.
    OpenCode,
    /// `mcpServers: {ebb: {type: "local", command, args, tools}}`.
    Copilot,
    /// TOML: `[mcp_servers.ebb]`.
    Codex,
}

impl Shape {
    /// The key that holds all servers.
    pub(super) const fn section(self) -> &'static str {
        match self {
            Self::Plain | Self::Copilot => "mcpServers",
            Self::VsCode => "servers",
            Self::Zed => "context_servers",
            Self::OpenCode => "mcp",
            Self::Codex => "mcp_servers",
        }
    }
}

/// One client.
#[derive(Debug)]
pub struct Known {
    /// For programs: `claude-code`.
    pub id: &'static str,
    /// For people: `Claude Code`.
    pub name: &'static str,
    pub(super) shape: Shape,
    /// Its file; the first that exists, else the first.
    pub(super) files: &'static [(Base, &'static str)],
    /// Folders and files that show that it is installed.
    pub(super) traces: &'static [(Base, &'static str)],
    /// Programs that show the same.
    pub(super) programs: &'static [&'static str],
    /// What it calls itself when it connects, in lower case; any of these parts.
    pub(super) calls_itself: &'static [&'static str],
    /// What must happen before it connects.
    pub(super) then: &'static str,
}

/// A client's name for people, where it only gives one for programs.
#[must_use]
pub fn name_for_people(name: &str) -> &str {
    const NAMES: [(&str, &str); 7] = [
        ("claude-code", "Claude Code"),
        ("claude-ai", "Claude Desktop"),
        ("codex-mcp-client", "Codex"),
        ("cursor-vscode", "Cursor"),
        ("gemini-cli-mcp-client", "Gemini CLI"),
        ("github-copilot-developer", "Copilot CLI"),
        ("windsurf-client", "Windsurf"),
    ];
    NAMES.iter().find(|(given, _)| *given == name).map_or(name, |(_, shown)| shown)
}

use Base::{Config, Home};

/// In the order in which people are shown them.
pub(super) static KNOWN: [Known; 10] = [
    Known {
        id: "claude-code",
        name: "Claude Code",
        shape: Shape::Plain,
        files: &[(Home, ".claude.json")],
        traces: &[(Home, ".claude.json"), (Home, ".claude")],
        programs: &["claude"],
        calls_itself: &["claude-code", "claude code"],
        then: "Start a new Claude Code session",
    },
    Known {
        id: "cursor",
        name: "Cursor",
        shape: Shape::Plain,
        files: &[(Home, ".cursor/mcp.json")],
        traces: &[(Home, ".cursor"), (Config, "Cursor")],
        programs: &["cursor"],
        calls_itself: &["cursor"],
        then: "Switch ebb on in Cursor's MCP settings, or restart Cursor",
    },
    Known {
        id: "vscode",
        name: "VS Code",
        shape: Shape::VsCode,
        files: &[(Config, "Code/User/mcp.json")],
        traces: &[(Config, "Code/User"), (Config, "Code")],
        programs: &["code"],
        calls_itself: &["visual studio code", "vscode", "vs code"],
        then: "Run “MCP: List Servers” in VS Code and start ebb",
    },
    Known {
        id: "codex",
        name: "Codex",
        shape: Shape::Codex,
        files: &[(Base::Codex, "config.toml")],
        traces: &[(Base::Codex, "")],
        programs: &["codex"],
        calls_itself: &["codex"],
        then: "Start a new Codex session",
    },
    Known {
        id: "claude-desktop",
        name: "Claude Desktop",
        shape: Shape::Plain,
        files: &[(Config, "Claude/claude_desktop_config.json")],
        traces: &[(Config, "Claude")],
        programs: &["claude-desktop"],
        calls_itself: &["claude-ai", "claude desktop", "claude-desktop"],
        then: "Quit and restart Claude Desktop",
    },
    Known {
        id: "gemini",
        name: "Gemini CLI",
        shape: Shape::Plain,
        files: &[(Home, ".gemini/settings.json")],
        traces: &[(Home, ".gemini")],
        programs: &["gemini"],
        calls_itself: &["gemini"],
        then: "Start a new Gemini CLI session",
    },
    Known {
        id: "windsurf",
        name: "Windsurf",
        shape: Shape::Plain,
        files: &[(Home, ".codeium/windsurf/mcp_config.json")],
        traces: &[(Home, ".codeium/windsurf"), (Config, "Windsurf")],
        programs: &["windsurf"],
        calls_itself: &["windsurf", "codeium"],
        then: "Press refresh in Windsurf's MCP settings, or restart Windsurf",
    },
    Known {
        id: "zed",
        name: "Zed",
        shape: Shape::Zed,
        files: &[(Base::Zed, "settings.json")],
        traces: &[(Base::Zed, "")],
        programs: &["zed", "zeditor"],
        calls_itself: &["zed"],
        then: "Zed reads its settings at once; open its agent panel",
    },
    Known {
        id: "opencode",
        name: "opencode",
        shape: Shape::OpenCode,
        files: &[(Base::DotConfig, "opencode/opencode.json"), (Base::DotConfig, "opencode/opencode.jsonc")],
        traces: &[(Base::DotConfig, "opencode"), (Home, ".opencode")],
        programs: &["opencode"],
        calls_itself: &["opencode"],
        then: "Start opencode again",
    },
    Known {
        id: "copilot",
        name: "Copilot CLI",
        shape: Shape::Copilot,
        files: &[(Home, ".copilot/mcp-config.json")],
        traces: &[(Home, ".copilot")],
        programs: &["copilot"],
        calls_itself: &["copilot"],
        then: "Start a new Copilot CLI session",
    },
];

impl Known {
    /// Whether a client that calls itself `name` is this one. The first of [`KNOWN`] that matches is meant.
    pub(super) fn is(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let matches = |known: &Self| known.calls_itself.iter().any(|part| name.contains(part));
        KNOWN.iter().find(|known| matches(known)).is_some_and(|known| known.id == self.id)
    }
}

/// The client of this id, or of this name in any case.
#[must_use]
pub fn find(text: &str) -> Option<&'static Known> {
    let text = text.trim();
    KNOWN.iter().find(|known| known.id == text || known.name.eq_ignore_ascii_case(text))
}
