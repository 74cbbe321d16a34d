// The same dashboard in a browser: POST for commands, server-sent events for the stream, a cookie for both.
import type { Command, Error as EbbError, Numbered, Reply, Snapshot } from '$lib/bindings'
import type { Backend } from './backend'

const RETRY_MS = 2000
const NEW_LINK = '`ebb dashboard` in a terminal prints a new link.'

export function httpBackend(): Backend {
  const loggedIn = login()
  return {
    async dispatch(command) {
      await loggedIn
      return post(command)
    },
    thumb: (session, tab, version) => `/thumb/${encodeURIComponent(session)}/${tab}?v=${version}`,
    subscribe(onSnapshot, onEvent, onState) {
      let stopped = false
      let source: EventSource | undefined
      let timer: ReturnType<typeof setTimeout> | undefined

      const open = () => {
        source = new EventSource('/api/events')
        source.onmessage = ({ data }: MessageEvent<string>) => {
          const message = JSON.parse(data) as { snapshot: Snapshot } | Numbered
          if ('snapshot' in message) {
            onState({ state: 'connected' })
            onSnapshot(message.snapshot)
          } else onEvent(message)
        }
        source.onerror = () => {
          onState({ state: 'reconnecting' })
          // An answer other than 200 closes the source for good: ask what is wrong, then try again.
          if (source?.readyState === EventSource.CLOSED) void diagnose()
        }
      }
      const diagnose = async () => {
        const refused = await isRefused()
        if (stopped) return
        if (refused) onState({ state: 'refused', message: 'This page is not logged in.', next: NEW_LINK })
        else timer = setTimeout(open, RETRY_MS)
      }

      void loggedIn.then((ok) => {
        if (stopped) return
        if (ok) open()
        else onState({ state: 'refused', message: 'This link was used or is older than a minute.', next: NEW_LINK })
      })
      return () => {
        stopped = true
        clearTimeout(timer)
        source?.close()
      }
    },
  }
}

/** Trades the one-time code of the fragment for the cookie. A used code is no harm while the cookie lives. */
async function login(): Promise<boolean> {
  const code = /^#code=([\w-]+)/.exec(location.hash)?.[1]
  if (!code) return true
  history.replaceState(null, '', location.pathname + location.search)
  try {
    const answer = await fetch('/api/login', json({ code }))
    // An answer that nobody reads is a request that never ends.
    await answer.text()
    return answer.ok || !(await isRefused())
  } catch {
    return true
  }
}

async function isRefused(): Promise<boolean> {
  try {
    const { status } = await fetch('/api/dispatch', json({ command: 'snapshot' }))
    return status === 401 || status === 403
  } catch {
    return false
  }
}

async function post(command: Command): Promise<Reply> {
  let answer: Response
  try {
    answer = await fetch('/api/dispatch', json(command))
  } catch {
    throw unreachable()
  }
  const body = (await answer.json().catch(() => null)) as Reply | { error: EbbError } | null
  if (!body) throw unreachable()
  if ('error' in body) throw body.error
  return body
}

function json(body: unknown): RequestInit {
  return {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
}

function unreachable(): EbbError {
  return { code: 'internal', message: 'Ebb does not answer.', next: '`ebb status` in a terminal says whether it runs.' }
}
