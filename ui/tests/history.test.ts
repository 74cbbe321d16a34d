// History: filters, totals, paging, one report.
import { userEvent } from 'vitest/browser'
import { expect, test } from 'vitest'
import { open, violations } from './support'

const rows = () => document.querySelectorAll('[data-report]').length

test('shows totals and loads older pages', async () => {
  const { screen } = await open('three', '#/history')
  await expect.element(screen.getByText(/60 cleanups/)).toBeVisible()
  await expect.poll(rows).toBe(50)
  await screen.getByRole('button', { name: 'Load older' }).click()
  await expect.poll(rows).toBe(60)
  await expect.element(screen.getByRole('button', { name: 'Load older' })).not.toBeInTheDocument()
})

test('filters by reason, outcome and text, and clears', async () => {
  const { screen } = await open('three', '#/history')
  await screen.getByRole('combobox', { name: 'Reason' }).selectOptions('Idle timeout')
  await expect.poll(rows).toBe(10)
  await screen.getByRole('combobox', { name: 'Outcome' }).selectOptions('With problems')
  await expect.element(screen.getByText('No cleanup matches this filter.')).toBeVisible()
  await screen.getByRole('button', { name: 'Clear filter' }).click()
  await expect.poll(rows).toBe(50)
  await screen.getByRole('searchbox').fill('infra')
  await expect.poll(rows).toBe(10)
})

test('a report opens by address, even one that is not on the first page', async () => {
  const { backend, screen } = await open('many', '#/history')
  await expect.poll(rows).toBe(50)
  const last = await backend.dispatch({ command: 'history', query: { limit: 400 } })
  const old = last.reply === 'history' ? last.data.reports.at(-1) : undefined
  location.hash = `#/history/${old?.id}`
  await expect.element(screen.getByText('Copy JSON')).toBeVisible()
  await expect.element(screen.getByText(old?.session ?? 'no report')).toBeVisible()
})

test('a clean row is a word, a problem is the strip', async () => {
  const { screen } = await open('degraded', '#/history')
  await expect.element(screen.getByText('Clean, 41 ms').first()).toBeVisible()
  await expect.element(screen.getByRole('img', { name: /Browser: timed out/ }).first()).toBeVisible()
  await screen.getByRole('button', { expanded: false }).nth(1).click()
  await expect.element(screen.getByText('Its renderer processes had to be killed.')).toBeVisible()
  await expect.element(screen.getByText(/did not answer within 3 s/).first()).toBeVisible()
})

test('a new removal appears by itself', async () => {
  const { backend, screen } = await open('three', '#/history')
  await expect.element(screen.getByText(/60 cleanups/)).toBeVisible()
  await backend.end(backend.snapshot().sessions[0]?.id ?? '')
  await expect.element(screen.getByText(/61 cleanups/)).toBeVisible()
})

test('one client alone, or each under its name', async () => {
  const { backend, screen } = await open('three', '#/history')
  await expect.poll(rows).toBe(50)
  await screen.getByRole('combobox', { name: 'Client' }).selectOptions('Cursor')
  await expect.poll(() => backend.seen).toContainEqual({ command: 'history', query: { client: 'Cursor', limit: 50 } })
  await expect.poll(rows).toBeLessThan(50)
  await screen.getByRole('combobox', { name: 'Client' }).selectOptions('All clients')
  await expect.poll(rows).toBe(50)
  await screen.getByRole('button', { name: 'By client' }).click()
  const groups = () => [...document.querySelectorAll('th[scope=colgroup]')].map((head) => head.textContent.trim())
  await expect.poll(() => groups().length).toBeGreaterThan(1)
  expect(groups().every((text) => /\d+ cleanups?, .* freed/.test(text))).toBe(true)
  expect(rows()).toBe(50)
  expect(await violations()).toEqual([])
})

test('clearing asks, says how many, and empties every place', async () => {
  const { backend, screen } = await open('three', '#/history')
  await expect.poll(rows).toBe(50)
  await screen.getByRole('combobox', { name: 'Client' }).selectOptions('Cursor')
  await screen.getByRole('button', { name: 'Clear…' }).click()
  // All of them, not those that the filter shows.
  await expect.element(screen.getByRole('alertdialog')).toHaveTextContent('Clear all 60 reports?')
  expect(backend.seen.some(({ command }) => command === 'clear_history')).toBe(false)
  await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
  await userEvent.keyboard('{Tab}{Enter}')
  await expect.element(screen.getByText('60 reports removed')).toBeVisible()
  await expect.poll(rows).toBe(0)
  location.hash = '#/'
  await expect.element(screen.getByText('Cleanups will appear here. None has run yet.')).toBeVisible()
})

test('a notification leads to those with problems', async () => {
  const { screen } = await open('degraded', '#/history?outcome=with_problems')
  await expect.element(screen.getByRole('combobox', { name: 'Outcome' })).toHaveValue('with_problems')
  await expect.poll(rows).toBeGreaterThan(0)
  await expect.element(screen.getByText('Clean, 41 ms')).not.toBeInTheDocument()
})
