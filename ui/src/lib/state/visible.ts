// Asks again while somebody looks: at once, on every return to the window, and every `ms` in between.

import { untrack } from 'svelte'

export function whileVisible(ms: number, run: () => void): () => void {
  const look = () => {
    if (!document.hidden) untrack(run)
  }
  look()
  const timer = setInterval(look, ms)
  window.addEventListener('focus', look)
  document.addEventListener('visibilitychange', look)
  return () => {
    clearInterval(timer)
    window.removeEventListener('focus', look)
    document.removeEventListener('visibilitychange', look)
  }
}
