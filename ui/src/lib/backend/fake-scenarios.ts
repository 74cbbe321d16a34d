// The named worlds that the fake backend can show.
import type { CleanupReport, MemoryHistory, SessionView, Snapshot } from '$lib/bindings'
import { before, call, client, host, leftover, report, session, tab } from './fake-data'

export const SCENARIOS = ['empty', 'fresh', 'three', 'closing', 'degraded', 'many', 'stale', 'no-browser'] as const
export type Scenario = (typeof SCENARIOS)[number]

export interface World {
  snapshot: Snapshot
  history: CleanupReport[]
  stale: boolean
}

export function world(scenario: Scenario, now: number): World {
  const sessions = sessionsOf(scenario, now)
  const history =
    scenario === 'empty' || scenario === 'fresh'
      ? []
      : pastOf(now, scenario === 'many' ? 400 : 60, scenario === 'degraded')
  const quiet = sessions.length === 0
  const snapshot: Snapshot = {
    seq: 100,
    at: new Date(now).toISOString(),
    host: hostOf(scenario, now, quiet),
    clients: sessions.map(({ client: of }) => of),
    sessions,
    leftovers: history.flatMap(({ leftovers }) => leftovers),
    recent: history.slice(0, 20),
    memory: memoryOf(scenario, sessions),
  }
  return { snapshot, history, stale: scenario === 'stale' }
}

function hostOf(scenario: Scenario, now: number, quiet: boolean) {
  if (scenario === 'no-browser') {
    return host(now, { browser: { state: 'stopped', executable: null }, shared_browser: null })
  }
  if (scenario === 'degraded') {
    return host(now, {
      browser: { state: 'unresponsive', pid: 4002 },
      history_problem:
        'The history cannot be written: no space left on the disk. The last 200 cleanups are kept in memory.',
      store: {
        kind: 'redis',
        place: 'redis://127.0.0.1:6379/0',
        problem: 'Redis does not answer within 3000 ms',
        refused: 4,
      },
      recovered: 2,
    })
  }
  if (scenario === 'fresh') {
    const fresh = host(now)
    if (fresh.browser.state === 'running') fresh.browser.sandbox_off = 'This system has no user namespaces.'
    return fresh
  }
  if (!quiet) return host(now)
  return host(now, {
    browser: { state: 'stopped', executable: '/usr/lib/chromium/chromium-headless-shell' },
    shared_browser: null,
  })
}

const claude = () => client('Claude Code')
const cursor = () =>
  client('Cursor', {
    version: '1.9.2',
    process: { pid: 5530, name: 'cursor', exe: '/opt/cursor/cursor', cwd: null },
    project: '~/code/docs-site',
  })
const vscode = () =>
  client('Visual Studio Code', {
    version: '1.121.0',
    transport: 'socket',
    process: { pid: 3377, name: 'code', exe: '/usr/share/code/code', cwd: null },
    project: '~/code/api',
  })
const codex = () =>
  client('Codex', {
    version: '0.9.0',
    process: { pid: 6102, name: 'codex', exe: null, cwd: null },
    project: '~/code/infra',
  })
const stranger = () =>
  client('Unknown client', { version: null, transport: 'http', process: null, project: null, protocol: null })

function working(now: number): SessionView {
  return session(now, claude(), {
    state: 'working',
    idle_s: 0,
    ends_in_s: null,
    running: call(now, 61, 'browser_click', '{"element":"Pay now","ref":"e62"}', null),
    tabs: [
      tab(1, 'Checkout — Example Shop', 'https://shop.example/cart/checkout?step=payment'),
      tab(2, 'API reference', 'https://docs.example/api/orders', { loading: true }),
    ],
    cursors: 12,
  })
}

function connected(now: number): SessionView {
  return session(now, cursor(), {
    name: 'docs review',
    opened_at: before(now, 7300),
    idle_s: 190,
    calls: 214,
    tabs: [
      tab(1, 'Getting started', 'https://localhost:4321/docs/getting-started'),
      tab(2, 'Configuration', 'https://localhost:4321/docs/configuration'),
      tab(3, 'Lighthouse report', 'about:blank'),
      tab(
        5,
        'Pull request #418: a very long title that goes on and on until it has to be clipped',
        'https://git.example/docs/pull/418',
        {
          bytes: null,
        },
      ),
    ],
    cursors: 29,
  })
}

function idle(now: number): SessionView {
  return session(now, vscode(), {
    state: 'idle',
    opened_at: before(now, 1700),
    idle_s: 840,
    ends_in_s: 960,
    calls: 9,
    tabs: [tab(1, 'Swagger UI', 'http://localhost:8080/swagger')],
  })
}

/** Opened a moment ago: its renderers are not measured yet. */
function fresh(now: number): SessionView {
  const python = { pid: 31_234, name: 'python3', exe: '/usr/bin/python3', cwd: null }
  const assistant = client('Shopping Assistant', { version: '0.3.0', process: python, project: '~/code/basket' })
  return session(now, assistant, {
    opened_at: before(now, 4),
    idle_s: 1,
    calls: 1,
    tabs: [tab(1, 'Basket', 'http://127.0.0.1:4000/basket', { bytes: null })],
    held: { total: 0, cursors: 0, devtools: 0, renderers: null, js_heap: null },
  })
}

function closing(now: number): SessionView {
  return session(now, codex(), {
    state: 'closing',
    calls: 33,
    tabs: [tab(1, 'Grafana', 'https://grafana.example/d/infra')],
    cursors: 4,
    steps: [
      { step: 'devtools', outcome: 'done' },
      { step: 'cursors', outcome: 'done' },
      { step: 'browser', outcome: null },
    ],
  })
}

function sessionsOf(scenario: Scenario, now: number): SessionView[] {
  switch (scenario) {
    case 'empty':
    case 'no-browser':
      return []
    case 'fresh':
      return [fresh(now)]
    case 'three':
    case 'stale':
      return [working(now), connected(now), idle(now)]
    case 'closing':
      return [working(now), connected(now), idle(now), closing(now)]
    case 'degraded':
      return [
        { ...working(now), browser_lost: true },
        session(now, stranger(), { tabs: [tab(1, '', 'about:blank', { crashed: true, bytes: null })], held: blank() }),
        {
          ...closing(now),
          steps: [
            { step: 'devtools', outcome: 'done' },
            { step: 'cursors', outcome: 'nothing' },
            { step: 'browser', outcome: 'timed_out' },
            { step: 'state', outcome: null },
          ],
        },
      ]
    case 'many':
      return Array.from({ length: 500 }, (_, index) => one(now, index))
  }
}

function blank() {
  return { total: 2_100_000, cursors: 0, devtools: 2_100_000, renderers: null, js_heap: null }
}

function one(now: number, index: number): SessionView {
  const makers = [claude, cursor, vscode, codex, stranger]
  const of = (makers[index % makers.length] ?? claude)()
  const pid = 4000 + index * 3
  const tabs = Array.from({ length: (index * 7) % 5 }, (_, n) =>
    tab(n + 1, `Page ${n + 1}`, `https://example.com/${index}/${n}`),
  )
  const busy = index % 11 === 0
  return session(
    now,
    { ...of, process: of.process ? { ...of.process, pid } : null },
    {
      state: busy ? 'working' : index % 3 === 0 ? 'idle' : 'connected',
      idle_s: busy ? 0 : (index * 37) % 1500,
      ends_in_s: busy ? null : 1800 - ((index * 37) % 1500),
      running: busy ? call(now, 61, 'browser_snapshot', '{}', null) : null,
      tabs,
      cursors: (index * 13) % 40,
    },
  )
}

function pastOf(now: number, length: number, degraded: boolean): CleanupReport[] {
  const first = degraded ? leftover(now) : null
  return Array.from({ length }, (_, index) => {
    const agoS = 130 + index * 1260 + (index % 4) * 190
    switch (index % 6) {
      case 0:
        return report(now, cursor(), {
          agoS,
          ms: 41 + index,
          held: 212e6,
          tabs: 3,
          kept: index === 0 ? ['/home/mara/Downloads/invoice-2025-11.pdf'] : [],
        })
      case 1:
        return first && index === 1
          ? report(now, codex(), {
              agoS,
              ms: 3110,
              browser: 'timed_out',
              reason: { kind: 'client_died' },
              held: 96e6,
              tabs: 2,
              cursors: 0,
              leftovers: [first],
              session: first.session ?? undefined,
            })
          : report(now, codex(), {
              agoS,
              ms: 3050,
              browser: index === 1 ? 'timed_out' : 'done',
              reason: { kind: 'client_died' },
              held: 96e6,
              tabs: 1,
              cursors: 0,
              cleared: index === 1 ? before(now, agoS - 31) : null,
            })
      case 2:
        return report(now, vscode(), {
          agoS,
          ms: 63,
          reason: { kind: 'manual', by: 'dashboard' },
          held: 48e6,
          tabs: 1,
          cursors: 2,
        })
      case 3:
        return report(now, claude(), {
          agoS,
          ms: 38,
          reason: { kind: 'manual', by: 'tool' },
          held: 301e6,
          tabs: 5,
          cursors: 40,
          name: 'checkout test',
        })
      case 4:
        return report(now, stranger(), {
          agoS,
          ms: 12,
          reason: { kind: 'idle_timeout' },
          held: 2e6,
          tabs: 0,
          cursors: 0,
          browser: 'nothing',
        })
      default:
        return report(now, claude(), { agoS, ms: 55, held: 184e6 })
    }
  })
}

function memoryOf(scenario: Scenario, sessions: SessionView[]): MemoryHistory {
  const quiet = sessions.length === 0
  if (scenario === 'empty') return { step_s: 10, held: [], shared: [] }
  if (scenario === 'fresh') return { step_s: 10, held: [0, 0], shared: [0, 143e6] }
  const now = sessions.reduce((sum, { held }) => sum + held.total, 0)
  const length = 360
  const shape = (index: number) => {
    const steps = [0.2, 0.34, 0.34, 0.7, 0.62, 0.3, 0.44, 0.81, 1]
    const step = steps[Math.min(steps.length - 1, Math.floor((index / length) * steps.length))] ?? 1
    return step * (1 + 0.04 * Math.sin(index / 3) + 0.02 * Math.sin(index / 1.3))
  }
  return {
    step_s: 10,
    held: Array.from({ length }, (_, index) =>
      quiet ? 0 : Math.round(now * (index === length - 1 ? 1 : shape(index))),
    ),
    shared: Array.from({ length }, (_, index) => (quiet ? 0 : Math.round(143e6 * (1 + 0.02 * Math.sin(index / 9))))),
  }
}
