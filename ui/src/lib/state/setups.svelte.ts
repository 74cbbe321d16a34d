// How the client programs of this machine are set up. The files are the truth; this asks again when it may have changed.
import type { Act, PlanView, SetupView } from '$lib/bindings'
import { ask, type Backend, toError } from '$lib/backend'
import type { Notices } from './notices.svelte'

export class Setups {
  list = $state.raw<SetupView[] | null>(null)
  problem = $state.raw<{ message: string; next?: string } | null>(null)
  /** The change that somebody looks at. */
  plan = $state.raw<PlanView | null>(null)
  busy = $state(false)
  /** Set up here and not connected yet, by id: they are told what to do next. */
  awaited = $state.raw<string[]>([])
  readonly #backend: Backend
  readonly #notices: Notices

  constructor(backend: Backend, notices: Notices) {
    this.#backend = backend
    this.#notices = notices
  }

  async refresh() {
    if (this.busy) return
    try {
      this.#take(await ask(this.#backend, { command: 'setups' }))
    } catch (thrown) {
      this.problem = toError(thrown)
    }
  }

  /** Shows what would change; nothing is written. */
  async look(client: string, act: Act) {
    try {
      this.plan = await ask(this.#backend, { command: 'plan_setup', client, act })
    } catch (thrown) {
      this.#failed('The change cannot be shown', thrown)
    }
  }

  async make(plan: PlanView) {
    const { client, act, mark } = plan
    this.busy = true
    try {
      this.#take(await ask(this.#backend, { command: 'change_setup', client, act, mark }))
      this.plan = null
      const setup = this.list?.find(({ id }) => id === client)
      if (act === 'add') {
        this.awaited = [...this.awaited.filter((id) => id !== client), client]
        this.#notices.show({
          tone: 'ok',
          text: `${setup?.name ?? client} is set up`,
          ...(setup && setup.connected === 0 ? { detail: `${setup.then}. Then it turns green here.` } : {}),
        })
      } else {
        this.awaited = this.awaited.filter((id) => id !== client)
        this.#notices.show({ tone: 'ok', text: `Ebb is taken out of ${setup?.name ?? client}` })
      }
    } catch (thrown) {
      // What was shown is not what would happen: it is shown again.
      this.#failed('Nothing was changed', thrown)
      this.plan = null
    } finally {
      this.busy = false
    }
  }

  async undo(setup: SetupView) {
    this.busy = true
    try {
      this.#take(await ask(this.#backend, { command: 'undo_setup', client: setup.id }))
      this.awaited = this.awaited.filter((id) => id !== setup.id)
      this.#notices.show({ tone: 'ok', text: `${setup.name}’s file is as it was` })
    } catch (thrown) {
      this.#failed('Nothing was put back', thrown)
    } finally {
      this.busy = false
    }
  }

  #take(list: SetupView[]) {
    const before = this.list
    this.list = list
    this.problem = null
    for (const setup of list) {
      const had = before?.find(({ id }) => id === setup.id)?.connected ?? 0
      if (this.awaited.includes(setup.id) && setup.connected > had) {
        this.awaited = this.awaited.filter((id) => id !== setup.id)
        this.#notices.show({ tone: 'ok', text: `${setup.name} is connected` })
      }
    }
  }

  #failed(what: string, thrown: unknown) {
    const { message, next } = toError(thrown)
    this.#notices.show({ tone: 'danger', text: `${what}: ${message}`, ...(next ? { detail: next } : {}) })
  }
}
