// Hash routes: `#/`, `#/sessions/<id>`, `#/cursors`, `#/history`, `#/history/<report or session id>`, `#/connect`,
// `#/settings`. The tray has more, which ask and change nothing: `#/quit`, `#/?idle` and `#/sessions/<id>?end`.
// A notification of a cleanup with problems leads to `#/history?outcome=with_problems`.

export type Route =
  | { screen: 'home'; quit: boolean; idle: boolean }
  | { screen: 'session'; id: string; end: boolean }
  | { screen: 'cursors' }
  | { screen: 'history'; report: string | null; problems: boolean }
  | { screen: 'connect' }
  | { screen: 'settings' }

export function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [screen, id] = path.split('/').map(decode)
  const asks = (what: string) => new URLSearchParams(query).has(what)
  if (screen === 'sessions' && id) return { screen: 'session', id, end: asks('end') }
  if (screen === 'history')
    return { screen: 'history', report: id || null, problems: query.includes('outcome=with_problems') }
  if (screen === 'cursors' || screen === 'connect' || screen === 'settings') return { screen }
  return { screen: 'home', quit: screen === 'quit', idle: asks('idle') }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export const toSession = (id: string) => `#/sessions/${encodeURIComponent(id)}`
export const toReport = (id: string) => `#/history/${encodeURIComponent(id)}`

class Router {
  current = $state.raw<Route>(parse(location.hash))

  start(): () => void {
    const changed = () => {
      this.current = parse(location.hash)
    }
    changed()
    window.addEventListener('hashchange', changed)
    return () => window.removeEventListener('hashchange', changed)
  }

  go(hash: string) {
    location.hash = hash
  }

  /** Changes the address without a new step in the history of the window. */
  replace(hash: string) {
    history.replaceState(null, '', hash)
    this.current = parse(hash)
  }
}

export const router = new Router()
