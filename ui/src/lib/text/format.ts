// Numbers and times as people read them. 1 MB is 1,000,000 bytes, as everywhere in Ebb (`core/src/text.rs`).

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const one = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const

export function count(value: number): string {
  return whole.format(value)
}

/** `412`, `9.8K`: where there is no room. */
export function short(value: number): string {
  return compact.format(value)
}

/** `1 tab`, `12 cursors`. */
export function plural(value: number, noun: string, many = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : many}`
}

export function bytes(value: number): string {
  let unit = 0
  let rest = value
  while (rest >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1000
    unit += 1
  }
  const format = unit >= 2 && rest < 99.95 ? one : whole
  return `${format.format(rest)} ${UNITS[unit]}`
}

/** `41 ms`, `5.1 s`, `2 min`. */
export function millis(value: number): string {
  if (value < 1) return value === 0 ? '0 ms' : '<1 ms'
  if (value < 999.5) return `${whole.format(value)} ms`
  if (value < 59_950) return `${one.format(value / 1000)} s`
  return duration(value / 1000)
}

/** `12 s`, `3 min`, `2 h 5 min`, `3 d`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return `${s} s`
  const min = Math.floor(s / 60)
  if (min < 60) return `${min} min`
  const h = Math.floor(min / 60)
  if (h < 24) return min % 60 === 0 || h >= 10 ? `${h} h` : `${h} h ${min % 60} min`
  return plural(Math.floor(h / 24), 'day')
}

/** `now`, `12 s ago`. */
export function ago(seconds: number): string {
  return seconds < 5 ? 'now' : `${duration(seconds)} ago`
}

export function secondsSince(at: string, now: number): number {
  return Math.max(0, (now - Date.parse(at)) / 1000)
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const clockSeconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const dayClock = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'medium' })

/** `10:42` today, `22 Nov, 10:42` before. */
export function timeOfDay(at: string, now: number): string {
  const date = new Date(at)
  return date.toDateString() === new Date(now).toDateString() ? clock.format(date) : dayClock.format(date)
}

const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' })

/** `Sun 29 Nov`. */
export function dayOf(at: number): string {
  return day.format(new Date(at))
}

export function timeWithSeconds(at: string): string {
  return clockSeconds.format(new Date(at))
}

export function absolute(at: string): string {
  return full.format(new Date(at))
}
