//! The manual of the options, for a terminal and for the documentation: both from the one table.

use std::fmt::Write as _;

use super::table::{Row, Scope, rows};

const ABOUT: &str = "A whole MCP server for the one program that starts it: its own browser, and nothing left behind.";

/// What `ebb mcp --help` prints.
#[must_use]
pub fn help() -> String {
    let mut text = format!("{ABOUT}\n\nUsage: ebb mcp [OPTIONS]\n\nOptions:\n");
    let mut line = |flag: &str, about: &str| {
        if flag.len() > 40 {
            let _ = writeln!(text, "  {flag}\n{:44}{about}", "");
        } else {
            let _ = writeln!(text, "  {flag:<42}{about}");
        }
    };
    line("--config PATH", "A configuration file: JSON, or INI with dotted keys [env: EBB_CONFIG]");
    for row in rows().iter().filter(|row| !row.flag.is_empty()) {
        line(&flag(row), &about(row));
    }
    line("--help, --version", "This text; the version");
    text.push_str(
        "\nEach option can also stand in the environment as EBB_<OPTION> or PLAYWRIGHT_MCP_<OPTION>, for example\n\
         EBB_VIEWPORT_SIZE=1280x720, and in the configuration file under its key (docs/mcp.md).\n\
         Default < configuration < environment < option.\n",
    );
    text
}

fn flag(row: &Row) -> String {
    let placeholder = row.kind.placeholder();
    if placeholder.is_empty() { format!("--{}", row.flag) } else { format!("--{} {placeholder}", row.flag) }
}

fn about(row: &Row) -> String {
    if row.default.is_empty() { row.about.to_owned() } else { format!("{} [{}]", row.about, row.default) }
}

/// `docs/mcp.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = format!(
        "# `ebb mcp`\n\n{ABOUT}\n\nIt is for CI and containers, and does not appear in the dashboard; on a desktop use \
         `ebb connect`, which takes the options marked \"client\" too.\n\n\
         An option can stand on the command line (`--x=v` or `--x v`), in the environment (`EBB_X`, else \
         `PLAYWRIGHT_MCP_X`) and, under its key, in a file that `--config` names: JSON, or INI with dotted keys. \
         Default < configuration < environment < option.\n\n\
         | option | key | of | what | default |\n|---|---|---|---|---|\n"
    );
    let cell = |text: &str| text.replace('|', "\\|");
    for row in rows() {
        let flag = if row.flag.is_empty() { String::new() } else { format!("`{}`", cell(&flag(&row))) };
        let key = if row.key.is_empty() { String::new() } else { format!("`{}`", row.key) };
        let scope = if row.scope == Scope::Client { "client" } else { "server" };
        let _ = writeln!(text, "| {flag} | {key} | {scope} | {} | {} |", cell(row.about), cell(row.default));
    }
    text.push_str(
        "\nVariables with another name: `EBB_SECRETS_FILE`, `EBB_CDP_HEADERS`. Booleans are `true`, `1`, `false`, `0`.\n\
         \nOver HTTP (`--port`), an address may ask for further capabilities: `/mcp?caps=vision,pdf`. Clients are not \
         asked whether they are there; `PING_TIMEOUT_MS` above 0 has those with an open event stream asked every 3 s, \
         and one that takes longer to answer loses its session.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_in_the_help_once() {
        let help = help();
        for row in rows().iter().filter(|row| !row.flag.is_empty()) {
            assert!(help.contains(&format!("  --{}", row.flag)), "{}", row.flag);
            assert_eq!(rows().iter().filter(|other| other.flag == row.flag).count(), 1, "{}", row.flag);
        }
    }

    #[test]
    fn the_documentation_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/mcp.md");
        if std::env::var_os("EBB_WRITE_DOCS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(there, markdown(), "write it anew: EBB_WRITE_DOCS=1 cargo test -p ebb-host the_documentation");
    }
}
