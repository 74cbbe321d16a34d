// Toasts, and the one live region that speaks for all of them.
import type { CleanupReport } from '$lib/bindings'

const STAYS_MS = 7000
/** At most one polite announcement in this time. */
const QUIET_MS = 5000

export interface Toast {
  id: number
  tone: 'ok' | 'warn' | 'danger'
  text: string
  detail?: string
  report?: CleanupReport
}

export class Notices {
  toasts = $state.raw<Toast[]>([])
  polite = $state('')
  assertive = $state('')
  #next = 1
  #spokeAt = -Infinity
  #pending: ReturnType<typeof setTimeout> | undefined
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>()

  show(toast: Omit<Toast, 'id'>) {
    const id = this.#next++
    this.toasts = [...this.toasts.slice(-2), { ...toast, id }]
    this.resume(id)
    if (toast.tone === 'danger') this.assertive = [toast.text, toast.detail].filter(Boolean).join(' ')
    else this.say(toast.text)
  }

  /** Speaks politely; of several in a short time only the last is spoken. */
  say(text: string) {
    clearTimeout(this.#pending)
    const wait = this.#spokeAt + QUIET_MS - performance.now()
    const speak = () => {
      this.#spokeAt = performance.now()
      this.polite = text
    }
    if (wait <= 0) speak()
    else this.#pending = setTimeout(speak, wait)
  }

  pause(id: number) {
    clearTimeout(this.#timers.get(id))
  }

  resume(id: number) {
    clearTimeout(this.#timers.get(id))
    this.#timers.set(
      id,
      setTimeout(() => this.close(id), STAYS_MS),
    )
  }

  close(id: number) {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    this.toasts = this.toasts.filter((toast) => toast.id !== id)
  }

  stop() {
    clearTimeout(this.#pending)
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }
}
