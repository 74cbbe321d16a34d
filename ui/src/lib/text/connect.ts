// What to paste where, so that a client finds Ebb. The path is absolute: clients start with a bare PATH.

export interface Snippet {
  id: string
  client: string
  where: string
  text: string
}

export function snippets(ebb: string): Snippet[] {
  return [
    {
      id: 'claude',
      client: 'Claude Code',
      where: 'Run once in a terminal',
      text: `claude mcp add --scope user ebb -- ${shell(ebb)} connect`,
    },
    {
      id: 'cursor',
      client: 'Cursor',
      where: 'Put into ~/.cursor/mcp.json',
      text: JSON.stringify({ mcpServers: { ebb: { command: ebb, args: ['connect'] } } }, null, 2),
    },
    {
      id: 'vscode',
      client: 'VS Code',
      where: 'Run “MCP: Open User Configuration” and put into mcp.json',
      text: JSON.stringify({ servers: { ebb: { type: 'stdio', command: ebb, args: ['connect'] } } }, null, 2),
    },
    {
      id: 'codex',
      client: 'Codex',
      where: 'Put into ~/.codex/config.toml',
      text: `[mcp_servers.ebb]\ncommand = ${JSON.stringify(ebb)}\nargs = ["connect"]`,
    },
  ]
}

function shell(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
