// Which columns of the session table somebody does without; remembered where the browser lets us.
import { SvelteSet } from 'svelte/reactivity'

export const COLUMNS = {
  project: 'Project',
  process: 'Process',
  tabs: 'Tabs',
  cursors: 'Cursors',
  held: 'Held',
} as const
export type Column = keyof typeof COLUMNS
const KEY = 'ebb.columns.hidden'

function remembered(): Column[] {
  try {
    const stored = (localStorage.getItem(KEY) ?? '').split(',')
    return (Object.keys(COLUMNS) as Column[]).filter((column) => stored.includes(column))
  } catch {
    return []
  }
}

class Columns {
  readonly hidden = new SvelteSet<Column>(remembered())

  show(column: Column, shown: boolean) {
    if (shown) this.hidden.delete(column)
    else this.hidden.add(column)
    try {
      localStorage.setItem(KEY, [...this.hidden].join(','))
    } catch {
      // Private windows may refuse; the choice then lasts as long as the page.
    }
  }
}

export const columns = new Columns()
