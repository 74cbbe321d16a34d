// One tab stop in a table of rows: arrows, pages and ends move between them.

export interface Rows {
  /** Ids in the order of the table. */
  order: () => string[]
  row: number
  onMove: (id: string) => void | Promise<void>
  onKey?: (event: KeyboardEvent, id: string) => void
}

/** An attachment for the table's body. Rows carry `data-row`, their stop `data-row-link`. */
export function roving({ order, row, onMove, onKey }: Rows) {
  return (body: HTMLElement) => {
    const keydown = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement
      const id = target.closest<HTMLElement>('[data-row]')?.dataset.row
      if (!id || event.ctrlKey || event.metaKey || event.altKey) return
      const ids = order()
      const index = ids.indexOf(id)
      if (index < 0) return
      const page = Math.max(1, Math.floor(window.innerHeight / row) - 6)
      const moves: Record<string, number> = {
        ArrowDown: index + 1,
        ArrowUp: index - 1,
        PageDown: index + page,
        PageUp: index - page,
        Home: 0,
        End: ids.length - 1,
      }
      const to = moves[event.key]
      if (to === undefined) {
        onKey?.(event, id)
        return
      }
      event.preventDefault()
      const next = ids[Math.min(Math.max(to, 0), ids.length - 1)]
      if (next !== undefined) void focusRow(body, next, ids.indexOf(next), row, onMove)
    }
    body.addEventListener('keydown', keydown)
    return () => body.removeEventListener('keydown', keydown)
  }
}

async function focusRow(
  body: HTMLElement,
  id: string,
  index: number,
  row: number,
  onMove: (id: string) => void | Promise<void>,
) {
  const scroller = body.closest('main')
  const table = body.closest('table')
  if (scroller && table) {
    // The row may not be drawn yet: bring its place into view first.
    const head = table.tHead?.offsetHeight ?? 0
    const y = table.getBoundingClientRect().top - scroller.getBoundingClientRect().top + head + index * row
    if (y < head) scroller.scrollTop += y - head
    else if (y + row > scroller.clientHeight) scroller.scrollTop += y + row - scroller.clientHeight
    await new Promise((done) => requestAnimationFrame(done))
  }
  await onMove(id)
  body.querySelector<HTMLElement>(`[data-row="${CSS.escape(id)}"] [data-row-link]`)?.focus({ preventScroll: true })
}
