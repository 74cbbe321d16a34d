// What the buttons do. Everything that ends a session is one command: end_session.
import type { CleanupReport, SessionView } from '$lib/bindings'
import { ask, type Backend, toError } from '$lib/backend'
import { bytes, millis, plural } from '$lib/text/format'
import { freedBytes, sessionTitle } from '$lib/text/words'
import type { Notices } from './notices.svelte'

/** A session whose end waits for a yes, and the button that asked. */
export interface Question {
  session: SessionView
  anchor: HTMLElement
}

/** A smaller question beside the button that asks it. */
export interface Confirmation {
  anchor: HTMLElement
  title: string
  text: string
  button: string
  run: () => void | Promise<void>
}

export class Acts {
  confirm = $state.raw<Confirmation | null>(null)
  /** The list of sessions to end is open: the idle ones, all, or these ids. */
  cleanUp = $state.raw<'idle' | 'all' | readonly string[] | null>(null)
  question = $state.raw<Question | null>(null)
  quitting = $state(false)
  /** Ebb said that everything has ended; nothing will come any more. */
  hasQuit = $state(false)
  /** The sheet before quitting is open. */
  quitAsked = $state(false)
  retrying = $state(false)
  readonly #backend: Backend
  readonly #notices: Notices

  constructor(backend: Backend, notices: Notices) {
    this.#backend = backend
    this.#notices = notices
  }

  /** Asks where something would be lost, otherwise ends at once. */
  askEnd(session: SessionView, anchor: HTMLElement) {
    if (session.state === 'closing') return
    if (session.state === 'working' || session.tabs.length > 0) this.question = { session, anchor }
    else void this.end(session)
  }

  /** `quiet`: one of several, whose rows show how it went; only a problem is told. */
  async end(session: SessionView, { quiet = false } = {}) {
    this.question = null
    try {
      const report = await ask(this.#backend, { command: 'end_session', session: session.id, by: 'dashboard' })
      if (!quiet || report.outcome === 'with_problems') this.#ended(report)
    } catch (thrown) {
      this.#failed(`${sessionTitle(session)} could not be ended`, thrown)
    }
  }

  /** Its client left: keeps it for the next of its kind, up to the idle limit. */
  async keep(session: SessionView) {
    try {
      await ask(this.#backend, { command: 'keep', session: session.id })
      this.#notices.say(`${sessionTitle(session)} is kept.`)
    } catch (thrown) {
      this.#failed(`${sessionTitle(session)} could not be kept`, thrown)
    }
  }

  /** All of a session, or one. */
  async closeCursors(session: string, cursor?: string) {
    try {
      const closed = await ask(this.#backend, { command: 'close_cursors', session, ...(cursor ? { cursor } : {}) })
      this.#notices.say(`${plural(closed, 'cursor')} closed.`)
    } catch (thrown) {
      this.#failed('The cursors could not be closed', thrown)
    }
  }

  async closeTab(session: string, tab: number) {
    try {
      await ask(this.#backend, { command: 'close_tab', session, tab })
      this.#notices.say(`Tab ${tab} closed.`)
    } catch (thrown) {
      this.#failed(`Tab ${tab} could not be closed`, thrown)
    }
  }

  async clearHistory() {
    try {
      const removed = await ask(this.#backend, { command: 'clear_history' })
      this.#notices.show({ tone: 'ok', text: `${plural(removed, 'report')} removed` })
    } catch (thrown) {
      this.#failed('History could not be cleared', thrown)
    }
  }

  async retryLeftovers() {
    this.retrying = true
    try {
      const touched = await ask(this.#backend, { command: 'retry_leftovers' })
      this.#notices.say(`Cleanup tried again for ${touched}.`)
    } catch (thrown) {
      this.#failed('The cleanup could not be retried', thrown)
    } finally {
      this.retrying = false
    }
  }

  async accept(accepting: boolean) {
    try {
      await ask(this.#backend, { command: 'accept', accepting })
    } catch (thrown) {
      this.#failed('That could not be switched', thrown)
    }
  }

  /** `ask` is the setting: whether open sessions are shown first. */
  askQuit(live: number, ask = true) {
    if (live === 0 || !ask) void this.quit()
    else this.quitAsked = true
  }

  async quit() {
    this.quitting = true
    try {
      await ask(this.#backend, { command: 'quit', by: 'dashboard' })
      this.hasQuit = true
      this.quitAsked = false
    } catch (thrown) {
      this.quitting = false
      this.#failed('Ebb could not be quit', thrown)
    }
  }

  async copy(text: string, what: string) {
    try {
      await navigator.clipboard.writeText(text)
      this.#notices.say(`${what} copied.`)
      return true
    } catch {
      this.#notices.show({ tone: 'warn', text: `${what} could not be copied.`, detail: 'Select the text and copy it.' })
      return false
    }
  }

  #ended(report: CleanupReport) {
    const title = sessionTitle(report)
    const freed = freedBytes(report) > 0 ? `, ${bytes(freedBytes(report))} freed` : ''
    if (report.outcome === 'with_problems') {
      this.#notices.show({
        tone: 'danger',
        text: `${title} ended with problems`,
        detail: `${millis(report.ms)}${freed}`,
        report,
      })
    } else if (report.outcome === 'not_found') {
      this.#notices.show({ tone: 'warn', text: `${title} had ended already` })
    } else {
      this.#notices.show({ tone: 'ok', text: `${title} ended cleanly`, detail: `${millis(report.ms)}${freed}`, report })
    }
  }

  #failed(what: string, thrown: unknown) {
    const { message, next } = toError(thrown)
    this.#notices.show({ tone: 'danger', text: `${what}: ${message}`, ...(next ? { detail: next } : {}) })
  }
}
