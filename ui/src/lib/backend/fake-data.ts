// Plain builders of view types for the fake scenarios and the tests.
import type {
  CallView,
  CleanupReport,
  ClientView,
  CursorView,
  HostView,
  Leftover,
  Reason,
  SessionView,
  StepOutcome,
  StepReport,
  TabView,
} from '$lib/bindings'
import { STEPS } from '$lib/text/words'

const MB = 1_000_000
let made = 0

/** Ids that look like real ones and never repeat in a run. */
export function fakeId(prefix: string): string {
  made += 1
  let seed = made * 2_654_435_761
  let body = ''
  while (body.length < 26) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    body += 'abcdefghijklmnopqrstuvwxyz234567'[seed >>> 27]
  }
  return prefix + body
}

export function before(now: number, seconds: number): string {
  return new Date(now - seconds * 1000).toISOString()
}

export function client(name: string, over: Partial<ClientView> = {}): ClientView {
  return {
    id: fakeId('cli_'),
    name,
    version: '2.1.4',
    transport: 'stdio',
    process: { pid: 4121, name: 'node', exe: '/usr/bin/node', cwd: '/home/mara/code/webshop' },
    project: '~/code/webshop',
    protocol: '2025-11-25',
    connected_at: new Date().toISOString(),
    ...over,
  }
}

export function tab(id: number, title: string, url: string, over: Partial<TabView> = {}): TabView {
  return { id, title, url, current: id === 1, crashed: false, loading: false, bytes: (38 + id * 23) * MB, ...over }
}

export function session(now: number, of: ClientView, over: Partial<SessionView> = {}): SessionView {
  const tabs = over.tabs ?? []
  const cursors = over.cursors ?? 0
  const renderers = tabs.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
  const devtools = {
    console: 48,
    console_errors: 3,
    console_warnings: 5,
    network: 214,
    dialogs: 0,
    dropped: 0,
    bytes: 2.1 * MB,
  }
  const held = {
    cursors: cursors * 1.26 * MB,
    devtools: devtools.bytes,
    renderers,
    js_heap: Math.round(renderers * 0.42),
  }
  return {
    id: fakeId('ses_'),
    name: null,
    client: of,
    state: 'connected',
    opened_at: before(now, 2520),
    idle_s: 40,
    ends_in_s: 28_000,
    waiting_s: null,
    calls: 61,
    running: null,
    tabs,
    cursors,
    devtools,
    held: { ...held, total: held.cursors + held.devtools + held.renderers },
    steps: [],
    browser_lost: false,
    ...over,
  }
}

export function call(
  now: number,
  number: number,
  tool: string,
  args: string,
  ms: number | null,
  failed = false,
  result: string | null = null,
): CallView {
  return {
    number,
    tool,
    arguments: args,
    began_at: before(now, (61 - number) * 7),
    ms,
    failed: ms === null ? null : failed,
    result: ms === null ? null : result,
  }
}

const CART = 'Page URL: https://shop.example/cart\nPage Title: Checkout — Example Shop'
const CALLS: [string, string, number, boolean, string][] = [
  ['browser_snapshot', '{}', 61, false, `${CART}\nSnapshot of 84 lines`],
  ['browser_click', '{"element":"Add to basket","ref":"e41"}', 38, false, `${CART}\nSnapshot of 3 lines`],
  ['browser_type', '{"element":"Card number","ref":"e57","text":"•••"}', 112, false, `${CART}\nSnapshot of 2 lines`],
  [
    'browser_network_requests',
    '{"filter":"/api/"}',
    9,
    false,
    'Total requests: 214\n1. GET https://shop.example/api/cart [200]\n2. POST https://shop.example/api/cart/items [201]',
  ],
  [
    'browser_wait_for',
    '{"text":"Thank you","time":5}',
    5003,
    true,
    'TimeoutError: Text "Thank you" did not appear within 5 s',
  ],
  [
    'browser_console_messages',
    '{"level":"error"}',
    4,
    false,
    'Total messages: 48 (3 errors, 5 warnings)\n[error] Failed to load resource: 404 @ https://shop.example/logo.svg:0',
  ],
  ['browser_navigate', '{"url":"https://shop.example/cart"}', 482, false, `${CART}\nSnapshot of 84 lines`],
]

export function calls(now: number, of: SessionView): CallView[] {
  const past = Array.from({ length: Math.min(of.calls, 60) }, (_, index) => {
    const [tool, args, ms, failed, result] = CALLS[index % CALLS.length] ?? ['browser_snapshot', '{}', 10, false, '']
    return call(now, of.calls - index - (of.running ? 1 : 0), tool, args, ms, failed, result)
  })
  return of.running ? [of.running, ...past] : past
}

export function cursorsOf(of: SessionView): CursorView[] {
  const tools = ['browser_network_requests', 'browser_snapshot', 'browser_console_messages', 'browser_evaluate']
  return Array.from({ length: of.cursors }, (_, index) => ({
    id: fakeId('cur_'),
    session: of.id,
    tool: tools[index % tools.length] ?? 'browser_snapshot',
    unit: index % 2 === 0 ? 'items' : 'lines',
    items: 214 + index * 391,
    position: index % 3 === 0 ? 0 : 100 * index,
    bytes: Math.round(((index % 5) + 0.3) * 0.9 * MB),
    age_s: 20 + index * 47,
    expires_s: 880 - index * 30,
  }))
}

export interface ReportFacts {
  reason?: Reason
  agoS?: number
  ms?: number
  browser?: StepOutcome
  held?: number
  tabs?: number
  cursors?: number
  leftovers?: Leftover[]
  cleared?: string | null
  kept?: string[]
  session?: string
  name?: string | null
}

export function report(now: number, of: ClientView, facts: ReportFacts = {}): CleanupReport {
  const { agoS = 60, ms = 41, browser = 'done', held = 184 * MB, tabs = 2, cursors = 12 } = facts
  const clean = browser === 'done' || browser === 'nothing'
  const share = [0.06, 0.11, 0.8, 0.03]
  const steps = STEPS.map((step, index): StepReport => {
    const outcome: StepOutcome = step === 'browser' ? browser : step === 'cursors' && cursors === 0 ? 'nothing' : 'done'
    const details = [
      '262 entries dropped',
      `${cursors} cursors removed`,
      `${tabs} tabs closed, context disposed`,
      'left the registry',
    ]
    const counts = [262, cursors, tabs, 1]
    const timedOut = step === 'browser' && !clean
    return {
      step,
      outcome,
      ms: outcome === 'nothing' ? 0 : ms * (share[index] ?? 0),
      count: counts[index] ?? 0,
      bytes: [2.1 * MB, cursors * 1.26 * MB, 0, 0][index] ?? 0,
      detail: timedOut || outcome === 'nothing' ? '' : (details[index] ?? ''),
      error: timedOut
        ? {
            code: 'timeout',
            message: 'Target.disposeBrowserContext did not answer within 3 s',
            next: 'Ebb tries again every 30 s.',
          }
        : null,
    }
  })
  return {
    id: fakeId('rep_'),
    session: facts.session ?? fakeId('ses_'),
    session_name: facts.name ?? null,
    client: of,
    reason: facts.reason ?? { kind: 'disconnected' },
    outcome: clean ? 'clean' : 'with_problems',
    opened_at: before(now, agoS + 1900),
    began_at: before(now, agoS),
    ms,
    steps,
    rung: clean ? 'disposed' : 'renderers_killed',
    freed: {
      tabs,
      cursors,
      cursor_bytes: cursors * 1.26 * MB,
      devtools_bytes: 2.1 * MB,
      held_before: held,
      held_after: clean ? 0 : Math.round(held * 0.2),
      files: 3,
      kept_files: facts.kept ?? [],
    },
    leftovers: facts.leftovers ?? [],
    cleared_at: facts.cleared ?? null,
  }
}

export function leftover(now: number, over: Partial<Leftover> = {}): Leftover {
  return {
    id: fakeId('lef_'),
    kind: 'browser',
    what: 'browser context of Codex, infra (2 tabs, pid 4410)',
    session: fakeId('ses_'),
    since: before(now, 95),
    attempts: 3,
    last_error: 'Target.disposeBrowserContext did not answer within 3 s',
    ...over,
  }
}

export function host(now: number, over: Partial<HostView> = {}): HostView {
  return {
    version: '0.1.0',
    pid: 3990,
    socket: '/run/user/1000/ebb/mcp.sock',
    data_dir: '/home/mara/.local/share/ebb',
    ebb: '/usr/bin/ebb',
    started_at: before(now, 86_400),
    accepting: true,
    stopping: false,
    browser: {
      state: 'running',
      version: 'Chrome/156.0.8078.79',
      pid: 4002,
      executable: '/usr/lib/chromium/chromium-headless-shell',
      sandbox_off: null,
    },
    window_browser: null,
    shared_browser: 143 * MB,
    recovered: 0,
    history_problem: null,
    config_problem: null,
    guardian: 4022,
    guardian_problem: null,
    store: { kind: 'memory', place: 'memory', problem: null, refused: 0 },
    ...over,
  }
}
