// Past cleanups of the fake backend, asked for as the host is asked.
import type { CleanupReport, HistoryPage, HistoryQuery } from '$lib/bindings'
import { freedBytes } from '$lib/text/words'

export function page(history: CleanupReport[], query: HistoryQuery): HistoryPage {
  const text = query.text?.toLowerCase()
  const matching = history.filter(
    (one) =>
      (!query.reason || one.reason.kind === query.reason) &&
      (!query.client || one.client.name.toLowerCase() === query.client.toLowerCase()) &&
      (!query.outcome || one.outcome === query.outcome) &&
      (!query.since || one.began_at >= query.since) &&
      (!query.until || one.began_at < query.until) &&
      (!text ||
        `${one.client.name} ${one.client.project ?? ''} ${one.session_name ?? ''}`.toLowerCase().includes(text)),
  )
  const start = query.before ? matching.findIndex(({ id }) => id === query.before) + 1 : 0
  const limit = query.limit ?? 50
  const sorted = matching.map(({ ms }) => ms).sort((a, b) => a - b)
  return structuredClone({
    reports: matching.slice(start, start + limit),
    more: start + limit < matching.length,
    totals: {
      count: matching.length,
      clean: matching.filter(({ outcome }) => outcome === 'clean').length,
      median_ms: sorted[Math.floor(sorted.length / 2)] ?? null,
      freed: matching.reduce((sum, one) => sum + freedBytes(one), 0),
      hours: hoursOf(matching),
    },
  })
}

function hoursOf(reports: CleanupReport[]) {
  const hours = new Map<number, { hour: number; count: number; clean: number }>()
  for (const { began_at, outcome } of reports) {
    const hour = Math.floor(Date.parse(began_at) / 3_600_000)
    const one = hours.get(hour) ?? { hour, count: 0, clean: 0 }
    hours.set(hour, { hour, count: one.count + 1, clean: one.clean + (outcome === 'clean' ? 1 : 0) })
  }
  return [...hours.values()].toSorted((a, b) => a.hour - b.hour)
}
