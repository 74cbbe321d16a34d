// What to paste into a client that Ebb cannot set up itself. The path is absolute: clients start with a bare PATH.

export interface Pasted {
  id: string
  what: string
  text: string
}

export function byHand(ebb: string): Pasted[] {
  return [
    { id: 'command', what: 'A command over standard input and output', text: `${shell(ebb)} connect` },
    {
      id: 'json',
      what: 'The same as most clients write it in JSON',
      text: JSON.stringify({ mcpServers: { ebb: { command: ebb, args: ['connect'] } } }, null, 2),
    },
  ]
}

function shell(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
