// The settings. One file is the truth; this shows it, writes single keys and sees what others write.
import type { SettingsView } from '$lib/bindings'
import { ask, type Backend, toError } from '$lib/backend'
import type { Notices } from './notices.svelte'
import { theme, THEMES } from './theme.svelte'

const SAVED_MS = 2500

export class Settings {
  view = $state.raw<SettingsView | null>(null)
  problem = $state.raw<{ message: string; next?: string } | null>(null)
  /** Why a value was refused, by key. */
  refused = $state.raw<Record<string, string>>({})
  /** The key that was saved a moment ago. */
  saved = $state<string | null>(null)
  readonly #backend: Backend
  readonly #notices: Notices
  #turn = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(backend: Backend, notices: Notices) {
    this.#backend = backend
    this.#notices = notices
  }

  text(key: string): string {
    return this.view?.settings.find((setting) => setting.key === key)?.value ?? ''
  }

  hidePages = $derived(this.text('window.hide_pages') === 'true')
  singleKeys = $derived(this.text('window.single_keys') !== 'false')
  asksBeforeQuit = $derived(this.text('window.ask_before_quit') !== 'false')

  async refresh() {
    const mine = ++this.#turn
    try {
      const view = await ask(this.#backend, { command: 'settings' })
      // What is being written meanwhile is newer.
      if (mine === this.#turn) this.#take(view)
    } catch (thrown) {
      if (mine === this.#turn) this.problem = toError(thrown)
    }
  }

  /** Writes one key; none takes it out of the file. Whether it was taken. */
  async set(key: string, value: string | undefined): Promise<boolean> {
    this.#turn += 1
    try {
      this.#take(
        await ask(this.#backend, value === undefined ? { command: 'set', key } : { command: 'set', key, value }),
      )
      this.refused = Object.fromEntries(Object.entries(this.refused).filter(([other]) => other !== key))
      this.#say(key)
      return true
    } catch (thrown) {
      const { code, message, next } = toError(thrown)
      const reason = message.replace(`${key}: `, '')
      this.refused = { ...this.refused, [key]: sentence(reason) }
      if (code !== 'invalid_arguments')
        this.#notices.show({ tone: 'danger', text: sentence(message), ...(next ? { detail: next } : {}) })
      return false
    }
  }

  forget(key: string) {
    this.refused = Object.fromEntries(Object.entries(this.refused).filter(([other]) => other !== key))
  }

  async login(on: boolean) {
    this.#turn += 1
    try {
      this.#take(await ask(this.#backend, { command: 'start_at_login', on }))
      this.#say('login')
    } catch (thrown) {
      this.#failed('Starting at login could not be switched', thrown)
    }
  }

  async reset(changed: number) {
    this.#turn += 1
    try {
      this.#take(await ask(this.#backend, { command: 'reset_settings', changed }))
      this.refused = {}
      this.#notices.show({ tone: 'ok', text: 'All settings are at their defaults' })
    } catch (thrown) {
      this.#failed('The settings were not reset', thrown)
    }
  }

  stop() {
    clearTimeout(this.#timer)
  }

  #take(view: SettingsView) {
    this.view = view
    this.problem = null
    const wanted = THEMES.find((one) => one === this.text('window.theme'))
    if (wanted && wanted !== theme.value) theme.set(wanted)
  }

  #say(key: string) {
    this.saved = key
    this.#notices.say('Saved.')
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => (this.saved = null), SAVED_MS)
  }

  #failed(what: string, thrown: unknown) {
    const { message, next } = toError(thrown)
    this.#notices.show({ tone: 'danger', text: `${what}: ${message}`, ...(next ? { detail: next } : {}) })
  }
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(upper) ? upper : `${upper}.`
}
