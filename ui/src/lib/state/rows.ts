// The order of the session table: sorted when rows may move, steady while somebody is in it.
import type { SessionView } from '$lib/bindings'

export const SORTS = ['state', 'client', 'project', 'tabs', 'cursors', 'held', 'activity'] as const
export type SortKey = (typeof SORTS)[number]
export interface Sort {
  key: SortKey
  descending: boolean
}

const STATE_ORDER = { working: 0, connected: 1, idle: 2, waiting: 3, closing: 4 } as const
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

function compare(key: SortKey, a: SessionView, b: SessionView): number {
  switch (key) {
    case 'state':
      return STATE_ORDER[a.state] - STATE_ORDER[b.state]
    case 'client':
      return collator.compare(a.client.name, b.client.name)
    case 'project':
      return collator.compare(a.client.project ?? '\uffff', b.client.project ?? '\uffff')
    case 'tabs':
      return a.tabs.length - b.tabs.length
    case 'cursors':
      return a.cursors - b.cursors
    case 'held':
      return a.held.total - b.held.total
    case 'activity':
      return a.idle_s - b.idle_s
  }
}

/** Ids in the order of `sort`; without one, oldest first as they came. */
export function sorted(sessions: SessionView[], sort: Sort | null): string[] {
  if (!sort) return sessions.map(({ id }) => id)
  const sign = sort.descending ? -1 : 1
  return sessions.toSorted((a, b) => sign * compare(sort.key, a, b) || (a.id < b.id ? -1 : 1)).map(({ id }) => id)
}

/** The rows to show. `held` rows (of the last order) keep their places; new ones come at the end. */
export function arrange(last: string[], wanted: string[], present: Set<string>, frozen: boolean): string[] {
  if (frozen) {
    const kept = last.filter((id) => present.has(id))
    const known = new Set(kept)
    return [...kept, ...[...wanted, ...present].filter((id) => !known.has(id) && known.add(id))]
  }
  // Rows that are not in the new order any more (ended ones) stay behind the neighbour they had.
  const inOrder = new Set(wanted)
  const before = new Set(last)
  const result = [...wanted, ...[...present].filter((id) => !inOrder.has(id) && !before.has(id))]
  last.forEach((id, index) => {
    if (inOrder.has(id) || !present.has(id)) return
    const neighbour = last.slice(0, index).findLast((other) => result.includes(other))
    result.splice(neighbour === undefined ? 0 : result.indexOf(neighbour) + 1, 0, id)
  })
  return result
}
