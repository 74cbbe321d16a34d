// The one catalogue of words: states, reasons, steps, rungs, leftovers.
import type {
  AskedBy,
  BrowserView,
  ClientView,
  CleanupReport,
  Leftover,
  Reason,
  Rung,
  SessionState,
  SessionView,
  Step,
  StepOutcome,
  Transport,
} from '$lib/bindings'
import { bytes, count, millis, plural } from './format'

export const NOT_REPORTED = 'not reported'
export const MEASURING = 'measuring…'

export const STATE: Record<SessionState, string> = {
  working: 'Working',
  connected: 'Connected',
  idle: 'Idle',
  waiting: 'Client left',
  closing: 'Closing',
}

export const STEP: Record<Step, string> = {
  devtools: 'DevTools',
  cursors: 'Cursors',
  browser: 'Browser',
  state: 'State',
}

export const STEPS: readonly Step[] = ['devtools', 'cursors', 'browser', 'state']

export const OUTCOME: Record<StepOutcome, string> = {
  done: 'done',
  nothing: 'nothing to do',
  failed: 'failed',
  timed_out: 'timed out',
  skipped: 'skipped',
}

const REASONS: Record<Reason['kind'], string> = {
  disconnected: 'Disconnected',
  client_died: 'Client died',
  deleted: 'Deleted by client',
  idle_timeout: 'Idle timeout',
  manual: 'Ended by hand',
  limit_reached: 'Limit reached',
  swept: 'Swept',
  shutdown: 'Ebb stopped',
  recovered_at_start: 'Recovered at start',
}

export const REASON_KEYS = Object.entries(REASONS) as [Reason['kind'], string][]

const SENTENCES: Record<Exclude<Reason['kind'], 'manual'>, string> = {
  disconnected: 'The client disconnected.',
  client_died: 'The client’s process died.',
  deleted: 'The client deleted it over HTTP.',
  idle_timeout: 'Nobody used it for too long.',
  limit_reached: 'A limit was reached.',
  swept: 'The sweeper found it without an owner.',
  shutdown: 'Ebb stopped.',
  recovered_at_start: 'Ebb itself had died; this start cleaned up.',
}

const ASKED: Record<AskedBy, string> = {
  dashboard: 'Asked by the dashboard',
  tray: 'Asked by the tray',
  tool: 'Asked by the agent with session_close',
  cli: 'Asked by ebb end',
}

export function reasonWord(reason: Reason): string {
  return reason.kind === 'manual' && reason.by === 'tool' ? 'Closed by agent' : REASONS[reason.kind]
}

export function reasonSentence(reason: Reason): string {
  return reason.kind === 'manual' ? `${ASKED[reason.by]}.` : SENTENCES[reason.kind]
}

export const RUNG: Record<Rung, string> = {
  disposed: 'Tabs closed and context disposed as usual.',
  disposed_again: 'The context had to be disposed twice.',
  renderers_killed: 'Its renderer processes had to be killed.',
  browser_recycled: 'The whole browser had to be ended; other sessions got a new one.',
  browser_gone: 'The browser was gone already.',
}

/** What is left, for people; what nobody owned says so. */
export function leftoverText({ kind, what }: Leftover): string {
  return kind === 'unaccounted' ? `unaccounted, ${what}` : what
}

/** Where cursors are kept. */
export const STORE: Record<string, string> = { memory: 'memory', sqlite: 'SQLite files', redis: 'Redis' }

export const TRANSPORT: Record<Transport, string> = {
  stdio: 'stdio bridge',
  socket: 'unix socket',
  http: 'HTTP',
}

/** `Claude Code, webshop`: how a session is called in sentences. */
export function sessionTitle(session: {
  name?: string | null
  session_name?: string | null
  client: ClientView
}): string {
  const own = session.name ?? session.session_name
  const folder = own ?? projectName(session.client.project)
  return folder ? `${session.client.name}, ${folder}` : session.client.name
}

/** Whether nothing of its renderers was measured yet. A system that tells no sizes still tells the heap. */
export function measuring({ tabs, held }: SessionView): boolean {
  return held.renderers === null && held.js_heap === null && tabs.some(({ crashed }) => !crashed)
}

/** What it holds, as far as that is known. */
export function heldText(session: SessionView): string {
  if (measuring(session)) return MEASURING
  return session.held.total === 0 && session.held.renderers === null ? NOT_REPORTED : bytes(session.held.total)
}

/** The last part of a path. */
export function projectName(project: string | null): string | null {
  return project?.split(/[\\/]/).filter(Boolean).at(-1) ?? null
}

export function processText(client: ClientView): string {
  return client.process ? `${client.process.name}, pid ${client.process.pid}` : NOT_REPORTED
}

/** `Clean, 41 ms`, `Problems, 5.1 s`. */
export function verdict(report: CleanupReport): string {
  if (report.outcome === 'not_found') return 'Not found'
  return `${report.outcome === 'clean' ? 'Clean' : 'Problems'}, ${millis(report.ms)}`
}

/** `DevTools: done. Browser: timed out.` for screen readers. */
export function stripText(cells: { step: Step; outcome: StepOutcome | null | undefined }[]): string {
  return cells
    .map(({ step, outcome }) => {
      if (outcome === undefined) return `${STEP[step]}: to do.`
      return `${STEP[step]}: ${outcome === null ? 'running' : OUTCOME[outcome]}.`
    })
    .join(' ')
}

/** What was held and is not any more. */
export function freedBytes({ freed }: CleanupReport): number {
  return Math.max(0, freed.held_before - freed.held_after)
}

export function browserText(browser: BrowserView): { text: string; tone: 'ok' | 'off' | 'warn' | 'danger' } {
  switch (browser.state) {
    case 'running':
      return browser.sandbox_off
        ? { text: `${browserName(browser.version)}, sandbox off`, tone: 'warn' }
        : { text: browserName(browser.version), tone: 'ok' }
    case 'starting':
      return { text: 'Browser is starting', tone: 'ok' }
    case 'unresponsive':
      return { text: 'Browser is not responding', tone: 'danger' }
    case 'attached':
      return { text: `${browserName(browser.version)} at ${browser.endpoint}`, tone: 'ok' }
    case 'detached':
      return { text: `Browser at ${browser.endpoint}`, tone: 'off' }
    case 'stopped':
      return browser.executable
        ? { text: 'Browser at rest', tone: 'off' }
        : { text: 'No browser found', tone: 'danger' }
  }
}

/** `Chrome/156.0.8078.79` as `Chrome 156`. */
function browserName(version: string): string {
  const [, name, major] = /^(?:Headless)?([A-Za-z]+)\/(\d+)/.exec(version) ?? []
  return name && major ? `${name} ${major}` : version
}

/** The sentence at the top of Home. */
export function headline(facts: {
  sessions: SessionView[]
  held: number
  leftovers: number
  clients: number
  cleanups: number
}): { main: string; rest: string } {
  const { sessions, held, leftovers, clients, cleanups } = facts
  const rest =
    leftovers === 0
      ? 'Nothing is left behind.'
      : `${count(leftovers)} ${leftovers === 1 ? 'thing is' : 'things are'} left behind.`
  if (sessions.length > 0 && (held === 0 || sessions.every(measuring))) {
    return { main: `${plural(sessions.length, 'session')} ${sessions.length === 1 ? 'is' : 'are'} open.`, rest }
  }
  if (sessions.length > 0) {
    return {
      main: `${plural(sessions.length, 'session')} ${sessions.length === 1 ? 'holds' : 'hold'} ${bytes(held)}.`,
      rest,
    }
  }
  if (clients > 0) {
    return { main: `${plural(clients, 'client')} ${clients === 1 ? 'is' : 'are'} connected, no session is open.`, rest }
  }
  if (cleanups === 0 && leftovers === 0) return { main: 'No client has connected yet.', rest: '' }
  return { main: 'No session is open.', rest }
}
