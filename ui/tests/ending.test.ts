// Ending: asks where something would be lost, reports what it did, never loses the focus.
import { userEvent } from 'vitest/browser'
import { expect, test } from 'vitest'
import { client, session } from '$lib/backend/fake-data'
import { open } from './support'

test('a session with tabs asks first, with Cancel focused', async () => {
  const { backend, screen } = await open('three')
  await screen.getByRole('button', { name: /^End session of Claude/ }).click()
  const question = screen.getByRole('alertdialog')
  await expect.element(question).toHaveTextContent('End Claude Code, webshop?')
  await expect.element(question).toHaveTextContent('2 tabs and 12 cursors')
  await expect.element(question).toHaveTextContent('browser_click')
  await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
  await userEvent.keyboard('{Escape}')
  await expect.element(question).not.toBeInTheDocument()
  await expect.element(screen.getByRole('button', { name: /^End session of Claude/ })).toHaveFocus()
  expect(backend.seen.filter(({ command }) => command === 'end_session')).toEqual([])
})

test('yes ends it through end_session and shows the strip', async () => {
  const { backend, screen } = await open('three')
  const id = backend.snapshot().sessions[0]?.id
  await screen.getByRole('button', { name: /^End session of Claude/ }).click()
  await screen.getByRole('button', { name: 'End session', exact: true }).click()
  await expect.element(screen.getByRole('status')).toHaveTextContent('Claude Code, webshop ended cleanly')
  expect(backend.seen).toContainEqual({ command: 'end_session', session: id, by: 'dashboard' })
  await expect.element(screen.getByRole('row', { name: /Ended/ })).toBeVisible()
})

test('a session that holds no tab ends at once', async () => {
  const { backend, screen } = await open('three')
  const bare = session(Date.now(), client('Gemini CLI'), { state: 'idle', cursors: 0 })
  backend.add(bare)
  await screen.getByRole('button', { name: /^End session of Gemini/ }).click()
  await expect.element(screen.getByRole('status')).toHaveTextContent('Gemini CLI, webshop ended cleanly')
})

test('a session whose client left counts down and can be kept', async () => {
  const { backend, screen } = await open('three')
  const left = session(Date.now(), client('Gemini CLI'), { state: 'waiting', waiting_s: 42, ends_in_s: null })
  backend.add(left)
  const row = screen.getByRole('row', { name: /Client left/ })
  await expect.element(row).toHaveTextContent(/\d+ s left/)
  await screen.getByRole('button', { name: /^Keep session of Gemini/ }).click()
  await expect.element(row).toHaveTextContent('kept')
  await expect.element(screen.getByRole('button', { name: /^Keep session of Gemini/ })).not.toBeInTheDocument()
  expect(backend.seen).toContainEqual({ command: 'keep', session: left.id })
})

test('a refusal is said, with what to do', async () => {
  const { backend, screen } = await open('three')
  const bare = session(Date.now(), client('Gemini CLI'), { state: 'idle', cursors: 0 })
  backend.emit({ event: 'session', data: bare })
  await screen.getByRole('button', { name: /^End session of Gemini/ }).click()
  await expect.element(screen.getByRole('alert')).toHaveTextContent('There is no such session.')
  await expect.element(screen.getByRole('alert')).toHaveTextContent('Look into History.')
})

test('by keyboard alone: row, Delete, yes, report', async () => {
  const { screen } = await open('three')
  document.querySelector<HTMLElement>('[data-row-link]')?.focus()
  await userEvent.keyboard('{ArrowDown}')
  await expect.poll(() => document.activeElement?.textContent).toMatch('Cursor')
  await userEvent.keyboard('{Delete}')
  await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
  await userEvent.keyboard('{Tab}{Enter}')
  const row = screen.getByRole('row', { name: /Ended/ })
  await expect.element(row).toBeVisible()
  await expect.poll(() => document.activeElement === document.body).toBe(false)
  row.getByRole('link', { name: 'View report' }).element().focus()
  await userEvent.keyboard('{Enter}')
  await expect.element(screen.getByText('Asked by the dashboard.')).toBeVisible()
})

test('by keyboard alone: Tab to End, Enter, Escape and back', async () => {
  const { backend, screen } = await open('three')
  document.querySelector<HTMLElement>('[data-row-link]')?.focus()
  const button = screen.getByRole('button', { name: /^End session of Claude/ })
  await userEvent.keyboard('{Tab}{Tab}')
  await expect.element(button).toHaveFocus()
  await userEvent.keyboard('{Enter}')
  await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
  await userEvent.keyboard('{Escape}')
  await expect.element(screen.getByRole('alertdialog')).not.toBeInTheDocument()
  await expect.element(button).toHaveFocus()
  expect(backend.seen.filter(({ command }) => command === 'end_session')).toEqual([])
})

test('quit lists what ends and goes on to the end', async () => {
  const { backend, screen } = await open('three', '#/', { stepMs: 5 })
  await screen.getByRole('button', { name: 'Quit' }).click()
  const sheet = screen.getByRole('dialog')
  for (const name of ['Claude Code, webshop', 'Cursor, docs review', 'Visual Studio Code, api']) {
    await expect.element(sheet).toHaveTextContent(name)
  }
  await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
  await screen.getByRole('button', { name: 'Quit and end 3 sessions' }).click()
  expect(backend.seen).toContainEqual({ command: 'quit', by: 'dashboard' })
  await expect.element(screen.getByRole('heading', { name: 'Ebb was quit.' })).toBeVisible()
  await expect.element(screen.getByText(/3 sessions ended, all cleanly/)).toBeVisible()
  expect(backend.snapshot().sessions).toEqual([])
})

test('a quit from elsewhere shows how far it is', async () => {
  const { backend, screen } = await open('three')
  const { host } = backend.snapshot()
  backend.emit({ event: 'host', data: { ...host, stopping: true } })
  await expect.element(screen.getByRole('dialog')).toHaveTextContent('Ending 3 sessions…')
  await expect.element(screen.getByRole('button', { name: 'Cancel' })).toBeDisabled()
})
