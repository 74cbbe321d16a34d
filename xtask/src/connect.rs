//! How to connect a client, with real paths.

use std::path::Path;

use serde_json::Value;

use crate::process;

/// What to paste into Claude Code, Cursor, VS Code and Codex so that they start `ebb connect`.
pub(crate) fn snippets(ebb: &Path) -> String {
    let path = ebb.to_string_lossy();
    let shell = process::quote(&path);
    // A JSON string is also a TOML basic string.
    let json = Value::from(path.as_ref()).to_string();
    format!(
        r#"Connect a client. Each of these starts `ebb connect`, which finds the running Ebb.

Claude Code:
  claude mcp add --scope user ebb -- {shell} connect

Cursor, ~/.cursor/mcp.json:
  {{"mcpServers": {{"ebb": {{"command": {json}, "args": ["connect"]}}}}}}

VS Code, mcp.json (command "MCP: Open User Configuration"):
  {{"servers": {{"ebb": {{"type": "stdio", "command": {json}, "args": ["connect"]}}}}}}

Codex, ~/.codex/config.toml:
  [mcp_servers.ebb]
  command = {json}
  args = ["connect"]
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_json_line_parses_and_keeps_an_odd_path() {
        let text = snippets(Path::new(r#"/opt/my "ebb"/ebb"#));
        let lines: Vec<Value> = text
            .lines()
            .filter(|line| line.trim_start().starts_with('{'))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["mcpServers"]["ebb"]["command"], r#"/opt/my "ebb"/ebb"#);
        assert_eq!(lines[1]["servers"]["ebb"]["args"][0], "connect");
        assert!(text.contains(r#"-- '/opt/my "ebb"/ebb' connect"#), "{text}");
    }
}
