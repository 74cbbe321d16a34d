// Chooses the backend: fake on request in development, Tauri in the window, HTTP in a browser.
import type { Backend } from './backend'

export type { Backend, StreamState } from './backend'
export { ask, toError } from './backend'

const FAKE_BUILT_IN = import.meta.env.DEV || import.meta.env.VITE_FAKE === '1'

export async function connect(): Promise<Backend> {
  if ('__TAURI_INTERNALS__' in window) return (await import('./tauri')).tauriBackend()
  if (FAKE_BUILT_IN) {
    const query = new URLSearchParams(location.search)
    const scenario = query.get('scenario')
    if (scenario) return (await import('./fake')).fakeBackend(scenario, { still: query.has('still') })
  }
  return (await import('./http')).httpBackend()
}
