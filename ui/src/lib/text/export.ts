// Reports as files: one line each, readable by spreadsheets; or whole, as JSON.
import type { CleanupReport } from '$lib/bindings'
import { freedBytes } from './words'

const HEAD = [
  'report',
  'session',
  'client',
  'version',
  'project',
  'began',
  'reason',
  'outcome',
  'ms',
  'tabs',
  'cursors',
  'freed_bytes',
  'leftovers',
  'cleared',
] as const

/** A cell that no spreadsheet takes for a formula. */
function cell(value: string | number | null): string {
  if (typeof value === 'number') return String(value)
  const text = value ?? ''
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export function toCsv(reports: CleanupReport[]): string {
  const rows = reports.map((one) =>
    [
      one.id,
      one.session,
      one.client.name,
      one.client.version,
      one.client.project,
      one.began_at,
      one.reason.kind,
      one.outcome,
      Math.round(one.ms * 1000) / 1000,
      one.freed.tabs,
      one.freed.cursors,
      freedBytes(one),
      one.leftovers.length,
      one.cleared_at,
    ]
      .map(cell)
      .join(','),
  )
  return [HEAD.join(','), ...rows].join('\r\n') + '\r\n'
}
