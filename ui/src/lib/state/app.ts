// What every component can reach, handed down by context.
import { getContext, setContext } from 'svelte'
import type { Backend } from '$lib/backend'
import { Acts } from './acts.svelte'
import { Live } from './live.svelte'
import { Notices } from './notices.svelte'
import { Settings } from './settings.svelte'
import { Setups } from './setups.svelte'

export interface App {
  backend: Backend
  live: Live
  notices: Notices
  acts: Acts
  settings: Settings
  setups: Setups
}

const KEY = Symbol('app')

export function provideApp(backend: Backend): App {
  const notices = new Notices()
  return setContext(KEY, {
    backend,
    live: new Live(backend),
    notices,
    acts: new Acts(backend, notices),
    settings: new Settings(backend, notices),
    setups: new Setups(backend, notices),
  })
}

export function useApp(): App {
  return getContext<App>(KEY)
}
