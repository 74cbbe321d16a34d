// The one store: a snapshot, kept true by numbered events. It keeps no truth of its own.
import { SvelteMap } from 'svelte/reactivity'
import type {
  CleanupReport,
  ClientView,
  HostView,
  Leftover,
  MemoryHistory,
  Numbered,
  SessionView,
  Snapshot,
} from '$lib/bindings'
import { ask, type Backend, type StreamState, toError } from '$lib/backend'
import { measuring } from '$lib/text/words'

const RECENT = 20
/** Numbers are drawn at most this often; the first change is drawn at once. */
const FRAME_MS = 100
/** How long an ended row stays, greyed, with its strip. */
export const ENDED_STAYS_MS = 10_000

export interface Ended {
  report: CleanupReport
  /** As it was last seen; none when it came and went between two snapshots. */
  last: SessionView
  at: number
}

export class Live {
  /** Whether a snapshot was ever there. */
  ready = $state(false)
  stream = $state.raw<StreamState | { state: 'connecting' }>({ state: 'connecting' })
  host = $state.raw<HostView | null>(null)
  clients = $state.raw<ClientView[]>([])
  leftovers = $state.raw<Leftover[]>([])
  recent = $state.raw<CleanupReport[]>([])
  memory = $state.raw<MemoryHistory>({ step_s: 10, held: [], shared: [] })
  memoryAt = $state(0)
  /** Goes up with every removal: whoever shows history asks again. */
  removals = $state(0)
  readonly ended = new SvelteMap<string, Ended>()

  readonly #backend: Backend
  readonly #sessions = new Map<string, SessionView>()
  readonly #seenAt = new WeakMap<SessionView, number>()
  #version = $state(0)
  #seq = -1
  #waiting: Numbered[] | null = null
  #frame: ReturnType<typeof setTimeout> | undefined
  #dirty = false
  #stop: (() => void) | null = null

  constructor(backend: Backend) {
    this.#backend = backend
  }

  start(): () => void {
    this.#stop = this.#backend.subscribe(
      (snapshot) => this.#take(snapshot),
      (event) => this.#event(event),
      (state) => this.#state(state),
    )
    return () => {
      this.#stop?.()
      clearTimeout(this.#frame)
    }
  }

  /** Live and closing sessions, oldest first. */
  sessions = $derived.by(() => {
    void this.#version
    return [...this.#sessions.values()]
  })

  held = $derived(this.sessions.reduce((sum, { held }) => sum + held.total, 0))
  /** Whether nothing of what there is was measured yet. */
  measuring = $derived(this.sessions.length > 0 && this.sessions.every(measuring))
  cursors = $derived(this.sessions.reduce((sum, { cursors }) => sum + cursors, 0))

  /** Those that nobody uses now. */
  idle = $derived(this.sessions.filter(({ state }) => state === 'idle' || state === 'waiting'))

  session(id: string): SessionView | undefined {
    void this.#version
    return this.#sessions.get(id)
  }

  /** Seconds since this view came: what to add to its idle time. */
  ageOf(view: SessionView, now: number): number {
    return Math.max(0, (now - (this.#seenAt.get(view) ?? now)) / 1000)
  }

  /** Lets go of ended rows; the table calls it when rows may move. */
  forgetEnded(now: number) {
    for (const [id, { at }] of this.ended) {
      if (now - at >= ENDED_STAYS_MS) this.ended.delete(id)
    }
  }

  /** Asks for a new snapshot and holds events back until it is there. */
  async resync() {
    if (this.#waiting) return
    this.#waiting = []
    try {
      const snapshot = await ask(this.#backend, { command: 'snapshot' })
      this.#take(snapshot)
    } catch (thrown) {
      this.#waiting = null
      this.#state({ state: 'reconnecting' })
      console.warn('no snapshot:', toError(thrown).message)
    }
  }

  #state(state: StreamState) {
    if (state.state !== 'reconnecting' || state.since) this.stream = state
    // Whoever does not say since when was there a moment ago.
    else if (this.stream.state !== 'reconnecting') this.stream = { ...state, since: new Date().toISOString() }
  }

  #take(snapshot: Snapshot) {
    const waiting = this.#waiting ?? []
    this.#waiting = null
    const still = new Set(snapshot.sessions.map(({ id }) => id))
    // A session that went while nobody looked still shows how it went.
    for (const [id, last] of this.#sessions) {
      const report = still.has(id) ? undefined : snapshot.recent.find(({ session }) => session === id)
      if (report) this.ended.set(id, { report, last, at: Date.now() })
    }
    if (this.ready && snapshot.recent[0]?.id !== this.recent[0]?.id) this.removals += 1
    this.#sessions.clear()
    for (const session of snapshot.sessions) this.#put(session)
    this.host = snapshot.host
    this.clients = snapshot.clients
    this.leftovers = snapshot.leftovers
    this.recent = snapshot.recent
    this.memory = snapshot.memory
    this.memoryAt = Date.parse(snapshot.at)
    this.#seq = snapshot.seq
    this.ready = true
    this.stream = { state: 'connected' }
    this.#version += 1
    for (const event of waiting) this.#event(event)
  }

  #event(event: Numbered) {
    if (this.#waiting) {
      this.#waiting.push(event)
      return
    }
    if (event.seq <= this.#seq) return
    if (event.event === 'lagged' || event.seq !== this.#seq + 1) {
      void this.resync()
      return
    }
    this.#seq = event.seq
    if (this.stream.state !== 'connected') this.stream = { state: 'connected' }
    this.#apply(event)
  }

  #apply(event: Numbered) {
    switch (event.event) {
      case 'session':
        this.#put(event.data)
        this.#draw()
        break
      case 'removed':
        this.#removed(event.data)
        break
      case 'clients':
        this.clients = event.data
        break
      case 'leftover':
        this.leftovers = [...this.leftovers.filter(({ id }) => id !== event.data.id), event.data]
        break
      case 'leftover_cleared':
        this.leftovers = this.leftovers.filter(({ id }) => id !== event.data)
        break
      case 'host':
        this.host = event.data
        break
      case 'history_cleared':
        this.recent = []
        this.removals += 1
        break
      case 'memory':
        this.memory = event.data
        this.memoryAt = Date.now()
        break
    }
  }

  #put(session: SessionView) {
    this.#seenAt.set(session, Date.now())
    this.#sessions.set(session.id, session)
  }

  #removed(report: CleanupReport) {
    const last = this.#sessions.get(report.session)
    this.#sessions.delete(report.session)
    if (last) this.ended.set(report.session, { report, last, at: Date.now() })
    this.recent = [report, ...this.recent.filter(({ id }) => id !== report.id)].slice(0, RECENT)
    this.removals += 1
    this.#version += 1
  }

  /** At once, then at most every [`FRAME_MS`]. */
  #draw() {
    if (this.#frame !== undefined) {
      this.#dirty = true
      return
    }
    this.#version += 1
    this.#frame = setTimeout(() => {
      this.#frame = undefined
      if (!this.#dirty) return
      this.#dirty = false
      this.#draw()
    }, FRAME_MS)
  }
}
