// The HTTP backend: one-time code, commands, refusals.
import { afterEach, expect, test, vi } from 'vitest'
import { httpBackend } from '$lib/backend/http'
import type { StreamState } from '$lib/backend'

afterEach(() => vi.unstubAllGlobals())

function server(answers: Record<string, { status: number; body?: unknown }>) {
  const asked: [string, unknown][] = []
  vi.stubGlobal('fetch', (path: string, { body }: RequestInit) => {
    asked.push([path, JSON.parse(String(body))])
    const { status, body: answer } = answers[path] ?? { status: 404 }
    return Promise.resolve(new Response(answer === undefined ? null : JSON.stringify(answer), { status }))
  })
  return asked
}

test('posts the code of the fragment once, removes it, then commands', async () => {
  const asked = server({
    '/api/login': { status: 204 },
    '/api/dispatch': { status: 200, body: { reply: 'done', data: 1 } },
  })
  location.hash = '#code=abc-123'
  const backend = httpBackend()
  expect(location.hash).toBe('')
  expect(await backend.dispatch({ command: 'retry_leftovers' })).toEqual({ reply: 'done', data: 1 })
  expect(asked).toEqual([
    ['/api/login', { code: 'abc-123' }],
    ['/api/dispatch', { command: 'retry_leftovers' }],
  ])
})

test('a used link says what to do', async () => {
  server({ '/api/login': { status: 401 }, '/api/dispatch': { status: 401 } })
  location.hash = '#code=old'
  const states: StreamState[] = []
  const stop = httpBackend().subscribe(
    () => undefined,
    () => undefined,
    (state) => states.push(state),
  )
  await expect
    .poll(() => states.at(-1))
    .toEqual({
      state: 'refused',
      message: 'This link was used or is older than a minute.',
      next: '`ebb dashboard` in a terminal prints a new link.',
    })
  stop()
})

test('an error of the host is thrown as it is, no answer as one that can be read', async () => {
  const error = { code: 'session_unknown', message: 'There is no such session.' }
  server({ '/api/dispatch': { status: 404, body: { error } } })
  const backend = httpBackend()
  await expect(backend.dispatch({ command: 'session', session: 'x' })).rejects.toEqual(error)
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')))
  await expect(backend.dispatch({ command: 'snapshot' })).rejects.toMatchObject({ message: 'Ebb does not answer.' })
})
