// Session: everything about one, and what happens when it ends while it is open.
import { userEvent } from 'vitest/browser'
import { expect, test } from 'vitest'
import { answered, asked } from '$lib/text/calls'
import { pretty } from '$lib/text/json'
import { open, violations } from './support'

async function first(scenario: Parameters<typeof open>[0], at = 0) {
  const opened = await open(scenario)
  const session = opened.backend.snapshot().sessions[at]
  if (!session) throw new Error('no session')
  location.hash = `#/sessions/${session.id}`
  return { ...opened, session }
}

test('shows its client, tabs, cursors, buffers and calls', async () => {
  const { screen } = await first('three')
  await expect.element(screen.getByText('~/code/webshop')).toBeVisible()
  await expect.element(screen.getByText('Checkout — Example Shop', { exact: true })).toBeVisible()
  await screen.getByRole('tab', { name: /^Cursors/ }).click()
  await expect.poll(() => document.querySelectorAll('tbody code').length).toBeGreaterThanOrEqual(12)
  await screen.getByRole('tab', { name: /^DevTools/ }).click()
  await expect.element(screen.getByText('214 requests')).toBeVisible()
  await screen.getByRole('tab', { name: /^Activity/ }).click()
  await expect
    .poll(() => [...document.querySelectorAll('td code')].map((tool) => tool.textContent))
    .toContain('browser_wait_for')
})

test('one tab is closed after a question; the session goes on', async () => {
  const { backend, screen, session } = await first('three')
  await screen.getByRole('button', { name: 'Close tab 1' }).click()
  await expect.element(screen.getByRole('alertdialog')).toHaveTextContent('Close tab 1?')
  await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
  expect(backend.seen.some(({ command }) => command === 'close_tab')).toBe(false)
  await userEvent.keyboard('{Tab}{Enter}')
  await expect.poll(() => backend.seen).toContainEqual({ command: 'close_tab', session: session.id, tab: 1 })
  await expect.element(screen.getByRole('button', { name: 'Close tab 1' })).not.toBeInTheDocument()
  await expect.element(screen.getByRole('button', { name: 'End session' })).toBeVisible()
})

test('a call opens to its arguments, and calls are filtered', async () => {
  const { screen } = await first('three')
  await screen.getByRole('tab', { name: /^Activity/ }).click()
  const rows = () => document.querySelectorAll('tbody button[aria-expanded]').length
  await expect.poll(rows).toBeGreaterThan(5)
  const all = rows()
  await screen.getByRole('combobox', { name: 'Tool' }).selectOptions('browser_type')
  await expect.poll(rows).toBeLessThan(all)
  const call = screen.getByRole('button', { name: /browser_type/ }).first()
  await call.click()
  await expect.element(call).toHaveAttribute('aria-expanded', 'true')
  await expect.poll(() => document.querySelector('pre')?.textContent).toContain('"ref": "e57"')
  expect(await violations()).toEqual([])
  await screen.getByRole('combobox', { name: 'Outcome' }).selectOptions('failed')
  await expect.element(screen.getByText('No call matches this filter.')).toBeVisible()
  await screen.getByRole('button', { name: 'Clear filter' }).click()
  await expect.poll(rows).toBe(all)
})

test('a row says what came of the call; hidden pages hide that too', async () => {
  const { screen } = await first('three')
  await screen.getByRole('tab', { name: /^Activity/ }).click()
  await expect
    .element(screen.getByText('TimeoutError: Text "Thank you" did not appear within 5 s').first())
    .toBeVisible()
  await expect.element(screen.getByText('element: Add to basket, ref: e41').first()).toBeVisible()
  const call = screen.getByRole('button', { name: /browser_network_requests/ }).first()
  await call.click()
  await expect.element(screen.getByText(/^Total requests: 214\n1\. GET/)).toBeVisible()
  await screen.getByRole('button', { name: 'Hide page content' }).click()
  await expect.element(screen.getByText('Failed; hidden').first()).toBeVisible()
  expect(document.querySelector('tbody')?.textContent).not.toContain('Total requests')
})

test('calls in a line: arguments without braces, a page as one part', () => {
  expect(asked('{"url":"http://a/","n":1,"deep":{"a":[1]}}')).toBe('url: http://a/, n: 1, deep: {"a":[1]}')
  expect(asked('{}')).toBe('')
  expect(asked('{"a":"x\\u202e\\ny"}')).toBe('a: x y')
  expect(asked('{"cut…')).toBe('{"cut…')
  expect(answered('Page URL: http://a/\nPage Title: A\nSnapshot of 2 lines')).toBe('A, http://a/ · Snapshot of 2 lines')
  expect(answered('Page URL: http://a/\nPage Title: ')).toBe('http://a/')
  expect(answered('Page Title: forged\nx')).toBe('Page Title: forged · x')
})

test('absent data reads as not reported', async () => {
  const { screen } = await first('degraded', 1)
  await expect.element(screen.getByRole('heading', { level: 1, name: 'Unknown client' })).toBeVisible()
  expect(screen.getByText('not reported').elements().length).toBeGreaterThanOrEqual(3)
})

test('an end while it is open leaves a banner with the report', async () => {
  const { backend, screen, session } = await first('three')
  await expect.element(screen.getByRole('button', { name: 'End session' })).toBeVisible()
  await backend.end(session.id)
  await expect.element(screen.getByText(/^This session ended at/)).toBeVisible()
  await screen.getByRole('region', { name: 'This session ended' }).getByRole('link', { name: 'View report' }).click()
  await expect.element(screen.getByText('Copy JSON')).toBeVisible()
})

test('a session that is long gone leads to its report, a stranger to History', async () => {
  const { backend, screen } = await open('three')
  const gone = backend.snapshot().recent[0]?.session ?? ''
  location.hash = `#/sessions/${gone}`
  await expect.element(screen.getByText('This session has ended.')).toBeVisible()
  location.hash = '#/sessions/ses_nobody'
  await expect.element(screen.getByText('There is no such session.').first()).toBeVisible()
})

test('arguments that hide characters in escapes show none of them', () => {
  expect(pretty('{"a":"x\\u202ey"}')).toBe('{\n  "a": "xy"\n}')
  expect(pretty('{"a":"cut off…')).toBe('{"a":"cut off…')
})
