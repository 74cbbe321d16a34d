// A backend without a host: named scenarios with a small simulated clock. Development and tests only.
import type {
  CleanupReport,
  Command,
  CursorView,
  Error as EbbError,
  Numbered,
  Reply,
  SessionView,
  SettingsView,
  SetupView,
  Snapshot,
  UiEvent,
} from '$lib/bindings'
import { STEPS } from '$lib/text/words'
import type { Backend, StreamState } from './backend'
import { calls, call, cursorsOf, report } from './fake-data'
import { page } from './fake-history'
import { planOf, settingsOf, setupsOf, wrong } from './fake-files'
import { SCENARIOS, type Scenario, world, type World } from './fake-scenarios'

export interface FakeOptions {
  /** Nothing moves by itself. */
  still?: boolean
  /** The first picture comes only with [`FakeBackend.arrive`]. */
  late?: boolean
  /** How long one step of a removal takes. */
  stepMs?: number
  /** How long one second of the simulated world takes. */
  tickMs?: number
}

type Subscriber = {
  onSnapshot: (snapshot: Snapshot) => void
  onEvent: (event: Numbered) => void
  onState: (state: StreamState) => void
}

export class FakeBackend implements Backend {
  readonly #world: World
  readonly #options: FakeOptions
  readonly #cursors = new Map<string, ReturnType<typeof cursorsOf>>()
  #seq: number
  #turn = 0
  #subscriber: Subscriber | null = null
  #setups: SetupView[]
  #settings: SettingsView
  /** Every command that came, for tests. */
  readonly seen: Command[] = []

  constructor(scenario: Scenario, options: FakeOptions = {}) {
    this.#setups = setupsOf(scenario)
    this.#settings = settingsOf(scenario)
    this.#world = world(scenario, Date.now())
    this.#options = options
    this.#seq = this.#world.snapshot.seq
  }

  snapshot(): Snapshot {
    return structuredClone({ ...this.#world.snapshot, seq: this.#seq, at: new Date().toISOString() })
  }

  subscribe(onSnapshot: Subscriber['onSnapshot'], onEvent: Subscriber['onEvent'], onState: Subscriber['onState']) {
    this.#subscriber = { onSnapshot, onEvent, onState }
    if (!this.#options.late) this.arrive()
    if (this.#world.stale) onState({ state: 'reconnecting', since: new Date(Date.now() - 12_000).toISOString() })
    const moves = !this.#options.still && !this.#world.stale
    const timer = moves ? setInterval(() => this.#move(), this.#options.tickMs ?? 1000) : undefined
    return () => {
      clearInterval(timer)
      this.#subscriber = null
    }
  }

  /** The host answers. */
  arrive() {
    this.#subscriber?.onState({ state: 'connected' })
    this.#subscriber?.onSnapshot(this.snapshot())
  }

  /** Sends one event; `skip` leaves a gap before it. */
  emit(event: UiEvent, skip = 0) {
    this.#seq += 1 + skip
    this.#subscriber?.onEvent({ seq: this.#seq, ...event })
  }

  state(state: StreamState) {
    this.#subscriber?.onState(state)
  }

  async dispatch(command: Command): Promise<Reply> {
    this.seen.push(command)
    await Promise.resolve()
    const { snapshot, history } = this.#world
    switch (command.command) {
      case 'snapshot':
      case 'subscribe':
        return { reply: 'snapshot', data: this.snapshot() }
      case 'session': {
        const session = this.#find(command.session)
        const cursors = this.#open(session)
        return { reply: 'session', data: structuredClone({ session, cursors, calls: calls(Date.now(), session) }) }
      }
      case 'cursors': {
        const sessions = command.session ? [this.#find(command.session)] : snapshot.sessions
        const cursors = sessions.flatMap((session) => this.#open(session))
        const bytes = cursors.reduce((sum, cursor) => sum + cursor.bytes, 0)
        const store = snapshot.host.store.kind
        return { reply: 'cursors', data: structuredClone({ store, cursors, count: cursors.length, bytes }) }
      }
      case 'close_cursors': {
        const session = this.#find(command.session)
        const open = this.#open(session)
        const left = command.cursor ? open.filter(({ id }) => id !== command.cursor) : []
        this.#cursors.set(session.id, left)
        session.cursors = left.length
        this.#sendSession(session)
        return { reply: 'done', data: open.length - left.length }
      }
      case 'close_tab': {
        const session = this.#find(command.session)
        const left = session.tabs.filter(({ id }) => id !== command.tab)
        if (left.length === session.tabs.length) throw refusal('target_unknown', 'There is no such tab.')
        const current = left.some((one) => one.current)
        session.tabs = left.map((one, index) => ({ ...one, current: current ? one.current : index === 0 }))
        this.#sendSession(session)
        return { reply: 'done', data: 1 }
      }
      case 'clear_history': {
        const gone = history.splice(0)
        snapshot.recent = []
        this.emit({ event: 'history_cleared' })
        return { reply: 'done', data: gone.length }
      }
      case 'end_session':
        return { reply: 'report', data: await this.end(command.session) }
      case 'keep': {
        const session = this.#find(command.session)
        if (session.waiting_s === null) throw refusal('invalid_arguments', 'This session does not wait for its client.')
        session.waiting_s = null
        session.ends_in_s = 1800
        this.#sendSession(session)
        return { reply: 'done', data: 1 }
      }
      case 'history':
        return { reply: 'history', data: page(history, command.query) }
      case 'report': {
        const found = history.find(({ id, session }) => id === command.report || session === command.report)
        if (!found) throw refusal('session_unknown', 'No report of that id is kept.')
        return { reply: 'report', data: found }
      }
      case 'memory_history':
        // Of one session only the length differs here.
        return { reply: 'memory', data: command.session ? { ...snapshot.memory, shared: [] } : snapshot.memory }
      case 'retry_leftovers': {
        const gone = snapshot.leftovers.splice(0)
        for (const { id } of gone) this.emit({ event: 'leftover_cleared', data: id })
        return { reply: 'done', data: gone.length }
      }
      case 'accept':
        snapshot.host.accepting = command.accepting
        this.emit({ event: 'host', data: structuredClone(snapshot.host) })
        return { reply: 'done', data: 1 }
      case 'quit':
        snapshot.host.stopping = true
        this.emit({ event: 'host', data: structuredClone(snapshot.host) })
        await Promise.all(snapshot.sessions.map(({ id }) => this.end(id)))
        return { reply: 'done', data: 1 }
      case 'test_store':
        if (command.store.startsWith('redis://down')) {
          throw refusal('store_unavailable', 'The cursor store is not available: nothing listens there.')
        }
        return { reply: 'done', data: 1 }
      case 'setups':
        return this.#replySetups()
      case 'plan_setup':
        return { reply: 'plan', data: planOf(this.#setup(command.client), command.act) }
      case 'change_setup': {
        const one = this.#setup(command.client)
        if (command.mark !== planOf(one, command.act).mark) {
          throw refusal('invalid_arguments', `${one.file} changed since you looked`, 'Look at the change again')
        }
        Object.assign(one, { state: command.act === 'add' ? 'set_up' : 'not_set_up', problem: null, can_undo: true })
        return this.#replySetups()
      }
      case 'undo_setup':
        Object.assign(this.#setup(command.client), { state: 'not_set_up', can_undo: false })
        return this.#replySetups()
      case 'settings':
        return this.#replySettings()
      case 'set': {
        const one = this.#settings.settings.find(({ key }) => key === command.key)
        if (!one) throw refusal('invalid_arguments', `no setting is called ${command.key}`)
        const problem = command.value === undefined ? null : wrong(one, command.value)
        if (problem) throw refusal('invalid_arguments', problem)
        const live = /^(window|notifications)\./.test(one.key)
        one.value = command.value ?? one.default
        one.set = command.value !== undefined
        one.restart = !live && one.value !== one.default
        one.running = one.restart ? one.default : null
        return this.#replySettings()
      }
      case 'reset_settings':
        for (const one of this.#settings.settings) {
          Object.assign(one, { value: one.default, set: false, running: null, restart: false })
        }
        return this.#replySettings()
      case 'start_at_login':
        this.#settings.login = command.on
        return this.#replySettings()
      case 'thumbnail':
        throw refusal('timeout', 'the page does not answer in time')
      case 'dashboard':
        return { reply: 'link', data: 'http://127.0.0.1:40000/#code=fake' }
      case 'show_window':
        return { reply: 'done', data: 0 }
    }
  }

  thumb(session: string, tab: number): string {
    const hue = [...`${session}${tab}`].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7)
    const line = (y: number, width: number) =>
      `<rect x="40" y="${y}" width="${width}" height="14" rx="3" fill="hsl(${hue} 12% 78%)"/>`
    const svg =
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400"><rect width="640" height="400" fill="hsl(${hue} 30% 97%)"/>` +
      `<rect width="640" height="52" fill="hsl(${hue} 38% 42%)"/><rect x="40" y="84" width="260" height="24" rx="4" fill="hsl(${hue} 30% 55%)"/>` +
      [132, 160, 188, 216].map((y, index) => line(y, 420 - index * 60)).join('') +
      `<rect x="40" y="260" width="180" height="96" rx="8" fill="hsl(${hue} 30% 88%)"/><rect x="240" y="260" width="180" height="96" rx="8" fill="hsl(${hue} 30% 88%)"/></svg>`
    return `data:image/svg+xml,${encodeURIComponent(svg)}`
  }

  /** A client program that comes or goes, for its setup. */
  connected(client: string, connected: number) {
    this.#setup(client).connected = connected
    this.emit({ event: 'clients', data: structuredClone(this.#world.snapshot.clients) })
  }

  /** Somebody else edits the settings file. */
  edit(key: string, value: string) {
    const one = this.#settings.settings.find((setting) => setting.key === key)
    if (one) Object.assign(one, { value, set: true })
  }

  #replySetups(): Reply {
    return { reply: 'setups', data: structuredClone(this.#setups) }
  }

  #replySettings(): Reply {
    return { reply: 'settings', data: structuredClone(this.#settings) }
  }

  #setup(client: string): SetupView {
    const found = this.#setups.find(({ id }) => id === client)
    if (!found) throw refusal('invalid_arguments', `no client is called ${client}`)
    return found
  }

  #open(session: SessionView): CursorView[] {
    const known = this.#cursors.get(session.id)
    if (known) return known
    const made = cursorsOf(session)
    this.#cursors.set(session.id, made)
    return made
  }

  /** Opens a session. */
  add(session: SessionView) {
    this.#world.snapshot.sessions.push(session)
    this.#sendSession(session)
  }

  /** Removes a session step by step, as the host would. */
  async end(id: string): Promise<CleanupReport> {
    const session = this.#find(id)
    session.state = 'closing'
    session.running = null
    session.steps = []
    for (const step of STEPS) {
      session.steps = [...session.steps, { step, outcome: null }]
      this.#sendSession(session)
      await new Promise((done) => setTimeout(done, this.#options.stepMs ?? 160))
      const nothing = step === 'cursors' && session.cursors === 0
      session.steps = session.steps.map((cell) =>
        cell.step === step ? { step, outcome: nothing ? 'nothing' : 'done' } : cell,
      )
      this.#sendSession(session)
    }
    const done = report(Date.now(), session.client, {
      agoS: 0,
      reason: { kind: 'manual', by: 'dashboard' },
      held: session.held.total,
      tabs: session.tabs.length,
      cursors: session.cursors,
      session: session.id,
      name: session.name,
    })
    this.#remove(done)
    return done
  }

  #remove(done: CleanupReport) {
    const { snapshot, history } = this.#world
    snapshot.sessions = snapshot.sessions.filter(({ id }) => id !== done.session)
    snapshot.recent = [done, ...snapshot.recent].slice(0, 20)
    history.unshift(done)
    this.emit({ event: 'removed', data: structuredClone(done) })
  }

  #find(text: string): SessionView {
    const found = this.#world.snapshot.sessions.find(({ id, name }) => id === text || name === text)
    if (!found) throw refusal('session_unknown', 'There is no such session.', 'It may have ended. Look into History.')
    return found
  }

  #sendSession(session: SessionView) {
    this.emit({ event: 'session', data: structuredClone(session) })
  }

  /** One second of the simulated world. */
  #move() {
    this.#turn += 1
    const { sessions, memory } = this.#world.snapshot
    for (const [index, session] of sessions.entries()) {
      if (session.state === 'closing') this.#advance(session)
      else if (index < 6) this.#live(session, index)
    }
    if (this.#turn % 5 === 0 && memory.held.length > 0) {
      const held = sessions.reduce((sum, session) => sum + session.held.total, 0)
      memory.held = [...memory.held.slice(-359), held]
      memory.shared = [...memory.shared.slice(-359), memory.shared.at(-1) ?? 0]
      this.emit({ event: 'memory', data: structuredClone(memory) })
    }
  }

  #live(session: SessionView, index: number) {
    const busy = index === 0 && this.#turn % 4 !== 3
    if (busy && session.state !== 'working') {
      session.calls += 1
      session.running = call(Date.now(), session.calls, 'browser_snapshot', '{}', null)
      session.running.began_at = new Date().toISOString()
    }
    if (index === 0) {
      session.state = busy ? 'working' : 'connected'
      if (!busy) session.running = null
    }
    session.idle_s = busy ? 0 : session.idle_s + 1
    if (session.ends_in_s !== null) session.ends_in_s = Math.max(0, session.ends_in_s - 1)
    session.held = { ...session.held, total: session.held.total + Math.round(2e6 * Math.sin(this.#turn + index)) }
    this.#sendSession(session)
  }

  #advance(session: SessionView) {
    if (this.#turn % 2 === 1) return
    const running = session.steps.find(({ outcome }) => outcome === null)
    if (running) running.outcome = 'done'
    const next = STEPS[session.steps.length]
    if (next) session.steps.push({ step: next, outcome: null })
    else {
      this.#remove(
        report(Date.now(), session.client, {
          agoS: 0,
          held: session.held.total,
          session: session.id,
          tabs: session.tabs.length,
          cursors: session.cursors,
        }),
      )
      return
    }
    this.#sendSession(session)
  }
}

export function fakeBackend(scenario: string, options: FakeOptions = {}): FakeBackend {
  return new FakeBackend(SCENARIOS.find((name) => name === scenario) ?? 'three', options)
}

function refusal(code: EbbError['code'], message: string, next?: string): EbbError {
  return { code, message, ...(next ? { next } : {}) }
}
