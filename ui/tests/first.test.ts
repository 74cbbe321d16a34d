// Before the first data, and how much of a table is shown.
import '../src/app.css'
import { userEvent } from 'vitest/browser'
import { beforeEach, expect, test } from 'vitest'
import { render } from 'vitest-browser-svelte'
import App from '../src/App.svelte'
import { FakeBackend } from '$lib/backend/fake'
import { columns, COLUMNS, type Column } from '$lib/state/columns.svelte'
import { open, violations } from './support'

beforeEach(() => {
  for (const column of Object.keys(COLUMNS) as Column[]) columns.show(column, true)
})

test('nothing is claimed before the first data', async () => {
  location.hash = '#/'
  const backend = new FakeBackend('three', { still: true, late: true })
  const screen = await render(App, { backend })
  await expect.element(screen.getByRole('heading', { level: 1 })).toHaveTextContent('Connecting…')
  await expect.element(screen.getByRole('contentinfo')).toHaveTextContent('Connecting…')
  for (const claim of [/No client/, /No session/, /0 B held/, /leftovers/, /Not connected/]) {
    expect(screen.getByText(claim).elements()).toEqual([])
  }
  expect(await violations()).toEqual([])
  backend.arrive()
  await expect.element(screen.getByRole('heading', { level: 1 })).toHaveTextContent('3 sessions hold')
  await expect.element(screen.getByRole('contentinfo')).toHaveTextContent('held')
})

test('columns can be left out and come back', async () => {
  const { screen } = await open('three')
  const heads = () => [...document.querySelectorAll('.session-table th')].map((head) => head.textContent.trim())
  await expect.poll(heads).toContain('Process')
  await screen.getByRole('button', { name: 'Choose columns' }).click()
  await screen.getByRole('checkbox', { name: 'Process' }).click()
  await screen.getByRole('checkbox', { name: 'Cursors' }).click()
  await expect.poll(heads).not.toContain('Process')
  expect(heads()).not.toContain('Cursors')
  expect(localStorage.getItem('ebb.columns.hidden')).toBe('process,cursors')
  expect(await violations()).toEqual([])
  await screen.getByRole('checkbox', { name: 'Process' }).click()
  await expect.poll(heads).toContain('Process')
})

test('an ended row fills the columns that are left', async () => {
  columns.show('tabs', false)
  columns.show('held', false)
  const { backend } = await open('three')
  await backend.end(backend.snapshot().sessions[0]?.id ?? '')
  await expect.poll(() => document.querySelector<HTMLTableCellElement>('.col-rest')?.colSpan).toBe(2)
  const table = document.querySelector('.session-table')
  const cells = [...(table?.querySelectorAll('tbody tr') ?? [])].map((row) =>
    [...row.children].reduce((sum, cell) => sum + (cell as HTMLTableCellElement).colSpan, 0),
  )
  expect(new Set(cells)).toEqual(new Set([table?.querySelectorAll('th').length]))
})

test('several sessions are picked and ended together, after a look at them', async () => {
  const { backend, screen } = await open('three')
  const ids = backend.snapshot().sessions.map(({ id }) => id)
  await screen
    .getByRole('checkbox', { name: /^Select session of/ })
    .first()
    .click()
  const bar = screen.getByRole('group', { name: 'Selected sessions' })
  await expect.element(bar).toHaveTextContent('1 selected')
  await screen.getByRole('checkbox', { name: 'Select all sessions' }).click()
  await expect.element(bar).toHaveTextContent('3 selected')
  await screen
    .getByRole('checkbox', { name: /^Select session of/ })
    .last()
    .click()
  await expect.element(bar).toHaveTextContent('2 selected')
  expect(await violations()).toEqual([])
  await bar.getByRole('button', { name: 'End 2 sessions…' }).click()
  const dialog = screen.getByRole('dialog')
  await expect.element(dialog).toHaveTextContent('End selected sessions')
  expect(backend.seen.some(({ command }) => command === 'end_session')).toBe(false)
  await dialog.getByRole('button', { name: 'End 2 sessions' }).click()
  await expect.poll(() => backend.snapshot().sessions.map(({ id }) => id)).toEqual(ids.slice(2))
  await expect.element(bar).not.toBeInTheDocument()
})

test('the keyboard picks rows too', async () => {
  const { screen } = await open('three')
  document.querySelector<HTMLElement>('[data-row-link]')?.focus()
  await userEvent.keyboard(' {ArrowDown} ')
  await expect.element(screen.getByRole('group', { name: 'Selected sessions' })).toHaveTextContent('2 selected')
})
