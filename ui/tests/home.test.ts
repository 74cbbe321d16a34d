// Home: the sentence, the table, the way to a first client, what needs attention.
import { userEvent } from 'vitest/browser'
import { describe, expect, test } from 'vitest'
import { client, fakeId, leftover, report, session } from '$lib/backend/fake-data'
import { open } from './support'

const headline = /hold|behind|connected|open/

describe('the sentence', () => {
  test('says that nothing is left exactly when nothing is', async () => {
    const { backend, screen } = await open('three')
    const heading = screen.getByRole('heading', { level: 1, name: headline })
    await expect.element(heading).toHaveTextContent(/^3 sessions hold \d+ MB\. Nothing is left behind\.$/)
    const left = leftover(Date.now())
    backend.emit({ event: 'leftover', data: left })
    await expect.element(heading).toHaveTextContent('1 thing is left behind.')
    backend.emit({ event: 'leftover_cleared', data: left.id })
    await expect.element(heading).toHaveTextContent('Nothing is left behind.')
  })

  test('says so when no client ever came', async () => {
    const { screen } = await open('empty')
    await expect.element(screen.getByRole('heading', { level: 1 })).toHaveTextContent('No client has connected yet.')
  })
})

describe('without a session', () => {
  test('the clients of this machine can be set up from here', async () => {
    const { screen } = await open('empty')
    await screen.getByRole('button', { name: 'Set up Cursor' }).click()
    await expect.element(screen.getByRole('dialog')).toHaveTextContent('/home/mara/.cursor/mcp.json')
  })

  test('a missing browser is said with what to do', async () => {
    const { screen } = await open('no-browser')
    await expect.element(screen.getByText('No browser was found.')).toBeVisible()
  })
})

describe('the table', () => {
  test('names client, project, process, tabs, cursors and the running call', async () => {
    const { screen } = await open('three')
    const row = screen.getByRole('row', { name: /Claude Code/ })
    for (const text of ['Working', 'webshop', 'node, pid 4121', '12', 'browser_click']) {
      await expect.element(row).toHaveTextContent(text)
    }
  })

  test('a removed session stays greyed with its strip and its report', async () => {
    const { backend, screen } = await open('three')
    const [first] = backend.snapshot().sessions
    if (!first) throw new Error('no session')
    backend.emit({ event: 'removed', data: report(Date.now(), first.client, { session: first.id }) })
    const row = screen.getByRole('row', { name: /Ended/ })
    await expect.element(row).toHaveTextContent('View report')
    await expect.element(row.getByRole('img', { name: /Browser: done/ })).toBeVisible()
    await expect.element(screen.getByRole('heading', { level: 1 })).toHaveTextContent('2 sessions hold')
  })

  test('draws a window of 500 rows and filters them', async () => {
    const { screen } = await open('many')
    await expect.element(screen.getByRole('table', { name: 'Sessions' })).toHaveAttribute('aria-rowcount', '501')
    expect(document.querySelectorAll('[data-row]').length).toBeLessThan(60)
    await screen.getByRole('searchbox').fill('pid-that-is-not')
    await expect.element(screen.getByText('No session matches “pid-that-is-not”.')).toBeVisible()
    await screen.getByRole('button', { name: 'Clear filter' }).click()
    await expect.element(screen.getByRole('table', { name: 'Sessions' })).toBeVisible()
  })

  test('sorts by what is held', async () => {
    const { screen } = await open('three')
    await screen.getByRole('button', { name: 'Held', exact: true }).click()
    await expect.element(screen.getByRole('columnheader', { name: 'Held' })).toHaveAttribute('aria-sort', 'descending')
    const names = [...document.querySelectorAll('[data-row-link]')].map((link) => link.textContent?.trim())
    expect(names[0]).toMatch('Cursor')
  })

  test('arrow keys walk the rows and Enter opens one', async () => {
    const { screen } = await open('three')
    const first = document.querySelector<HTMLElement>('[data-row-link]')
    first?.focus()
    await userEvent.keyboard('{ArrowDown}')
    await expect.poll(() => document.activeElement?.textContent).toMatch('Cursor')
    await userEvent.keyboard('{End}')
    await expect.poll(() => document.activeElement?.textContent).toMatch('Visual Studio Code')
    await userEvent.keyboard('{Enter}')
    await expect.element(screen.getByRole('heading', { level: 1, name: /Visual Studio Code, api/ })).toBeVisible()
  })

  test('shows hostile names as text', async () => {
    const { backend, screen } = await open('three')
    const name = '<img src=x onerror="document.title=1">\u202egnp.exe'
    const hostile = session(Date.now(), client(name, { id: fakeId('cli_') }))
    backend.emit({ event: 'session', data: hostile })
    await expect.element(screen.getByText('<img src=x', { exact: false }).first()).toBeInTheDocument()
    expect(document.querySelector('img[src="x"]')).toBeNull()
    const title = document.querySelector(`[data-row="${hostile.id}"] a`)?.getAttribute('title')
    expect(title).not.toContain('\u202e')
  })
})

test('the memory band speaks, and shows its numbers as a table', async () => {
  const { screen } = await open('three')
  await expect.element(screen.getByRole('img', { name: /^Memory held by sessions over the last/ })).toBeVisible()
  await screen.getByRole('button', { name: 'As table' }).click()
  await expect.element(screen.getByRole('columnheader', { name: 'Shared browser' })).toBeVisible()
})

test('a removal that runs by itself is seen from step to report', async () => {
  const { screen } = await open('closing', '#/', { still: false, tickMs: 30 })
  await expect.element(screen.getByRole('img', { name: /Browser: running/ })).toBeVisible()
  await expect.element(screen.getByRole('row', { name: /Ended/ })).toHaveTextContent('View report')
})

test('old numbers are said to be old', async () => {
  const { screen } = await open('stale')
  await expect.element(screen.getByText(/^Reconnecting… numbers from 1\d s ago$/)).toBeVisible()
})

test('a leftover can be tried again', async () => {
  const { backend, screen } = await open('degraded')
  await screen.getByRole('button', { name: 'Retry cleanup' }).click()
  await expect.element(screen.getByRole('heading', { level: 1 })).toHaveTextContent('Nothing is left behind.')
  expect(backend.seen).toContainEqual({ command: 'retry_leftovers' })
})
