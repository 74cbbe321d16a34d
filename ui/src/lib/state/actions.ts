// Every act of the dashboard with its name, for the palette.
import type { SessionView } from '$lib/bindings'
import { plural } from '$lib/text/format'
import { heldText, sessionTitle, STATE } from '$lib/text/words'
import type { App } from './app'
import { KEYS, keyText } from './keys'
import { type Route, router, toSession } from './route.svelte'
import { theme, THEMES } from './theme.svelte'

export interface Action {
  id: string
  group: string
  text: string
  note?: string
  words?: string[]
  keys?: string[]
  /** `anchor` is where the focus was. */
  run: (anchor: HTMLElement) => void
}

/** Sessions listed by name; more are found by their filter. */
const MOST = 50

const keysOf = (id: string) => {
  const key = KEYS.find((one) => one.id === id)
  return key ? { keys: keyText(key) } : {}
}

export function actions(app: App, route: Route, help: () => void): Action[] {
  const { acts, live, settings, setups } = app
  const list: Action[] = []
  const selected = selectedSession(app, route)
  if (selected) {
    const title = sessionTitle(selected)
    list.push({
      id: 'end-selected',
      group: title,
      text: `End ${title}…`,
      words: ['end session', 'close', 'remove'],
      ...keysOf('end'),
      // Asks always: a palette has no room to show what would be lost.
      run: (anchor) => {
        if (selected.state !== 'closing') acts.question = { session: selected, anchor }
      },
    })
    list.push({
      id: 'copy-selected',
      group: title,
      text: 'Copy its id',
      ...keysOf('copy'),
      run: () => void acts.copy(selected.id, 'Session id'),
    })
    if (selected.waiting_s !== null)
      list.push({ id: 'keep-selected', group: title, text: 'Keep it', run: () => void acts.keep(selected) })
  }
  const go = (id: string, text: string, hash: string, words: string[] = []) =>
    list.push({ id: `go-${id}`, group: 'Go to', text, words, ...keysOf(id), run: () => router.go(hash) })
  go('home', 'Home', '#/', ['overview', 'sessions'])
  go('cursors', 'Cursors', '#/cursors')
  go('history', 'History', '#/history', ['cleanups', 'reports'])
  go('connect', 'Connect a client', '#/connect', ['set up'])
  go('settings', 'Settings', '#/settings', ['preferences'])

  const act = (id: string, text: string, run: Action['run'], more: Partial<Action> = {}) =>
    list.push({ id, group: 'Do', text, run, ...more })
  const idle = live.idle.length
  if (idle > 0) act('idle', `Clean up idle sessions (${idle})…`, () => (acts.cleanUp = 'idle'))
  if (live.sessions.length > 0) act('all', `End all sessions (${live.sessions.length})…`, () => (acts.cleanUp = 'all'))
  if (live.leftovers.length > 0) act('retry', 'Retry cleanup of leftovers', () => void acts.retryLeftovers())
  if (live.host) {
    const accepting = live.host.accepting
    act('accept', accepting ? 'Refuse new sessions' : 'Accept new sessions', () => void acts.accept(!accepting), {
      words: ['pause'],
    })
    const socket = live.host.socket
    act('socket', 'Copy the socket path', () => void acts.copy(socket, 'Socket path'))
  }
  act('hide', settings.hidePages ? 'Show page content' : 'Hide page content', () => {
    void settings.set('window.hide_pages', String(!settings.hidePages))
  })
  for (const one of THEMES.filter((other) => other !== theme.value))
    act(`theme-${one}`, `Theme: ${one}`, () => void settings.set('window.theme', one), { words: ['colours'] })
  act('refresh', 'Ask for everything anew', () => void live.resync(), keysOf('refresh'))
  act('help', 'Show the shortcuts', help, keysOf('help'))
  act('quit', 'Quit Ebb…', () => acts.askQuit(live.sessions.length, settings.asksBeforeQuit))

  for (const setup of setups.list ?? [])
    if (setup.state === 'not_set_up' || setup.state === 'repair')
      list.push({
        id: `setup-${setup.id}`,
        group: 'Set up',
        text: `${setup.state === 'repair' ? 'Repair' : 'Set up'} ${setup.name}…`,
        run: () => {
          router.go('#/connect')
          void setups.look(setup.id, 'add')
        },
      })
  for (const session of live.sessions.slice(0, MOST))
    list.push({
      id: session.id,
      group: plural(live.sessions.length, 'session'),
      text: sessionTitle(session),
      note: `${STATE[session.state].toLowerCase()}, ${heldText(session)}`,
      words: [session.client.project ?? '', String(session.client.process?.pid ?? '')],
      run: () => router.go(toSession(session.id)),
    })
  return list
}

function selectedSession({ live }: App, route: Route): SessionView | undefined {
  if (route.screen === 'session') return live.session(route.id)
  const row = document.activeElement?.closest<HTMLElement>('[data-row]')?.dataset.row
  return row ? live.session(row) : undefined
}
