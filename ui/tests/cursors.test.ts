// The screen of cursors: filtered, sorted, closed, and many.
import { userEvent } from 'vitest/browser'
import { expect, test } from 'vitest'
import { open } from './support'

const rows = () => [...document.querySelectorAll<HTMLElement>('tbody [data-row]')]

test('names what each holds, soonest to expire first, and never a content', async () => {
  const { screen } = await open('three', '#/cursors')
  await expect.element(screen.getByRole('heading', { level: 1 })).toHaveTextContent('41 cursors hold')
  await expect.element(screen.getByText('Without a session: none.')).toBeInTheDocument()
  await expect.element(screen.getByRole('img', { name: /^Given back as cursors expire/ })).toBeVisible()
  const first = rows()[0]?.textContent ?? ''
  await screen.getByRole('button', { name: 'Size', exact: true }).click()
  await expect.element(screen.getByRole('columnheader', { name: 'Size' })).toHaveAttribute('aria-sort', 'descending')
  expect(rows()[0]?.textContent).not.toBe(first)
})

test('a filter that matches nothing names itself and goes', async () => {
  const { screen } = await open('three', '#/cursors')
  await screen.getByRole('searchbox').fill('nobody')
  await expect.element(screen.getByText('No cursor matches this filter.')).toBeVisible()
  await screen.getByRole('button', { name: 'Clear filter' }).click()
  await screen.getByRole('combobox', { name: 'Tool' }).selectOptions('browser_evaluate')
  await expect.poll(() => rows().every((row) => row.textContent?.includes('browser_evaluate'))).toBe(true)
})

test('closing one asks, tells the host, and the row goes', async () => {
  const { backend, screen } = await open('three', '#/cursors')
  await screen
    .getByRole('button', { name: /^Close cursor/ })
    .first()
    .click()
  await expect.element(screen.getByRole('alertdialog')).toHaveTextContent('Its session goes on.')
  expect(backend.seen.some(({ command }) => command === 'close_cursors')).toBe(false)
  await screen.getByRole('button', { name: 'Close cursor', exact: true }).click()
  await expect.element(screen.getByRole('heading', { level: 1 })).toHaveTextContent('40 cursors hold')
})

test('thousands of rows are drawn a window at a time, and the keys reach the last', async () => {
  const { screen } = await open('many', '#/cursors')
  await expect.element(screen.getByRole('heading', { level: 1 })).toHaveTextContent(/\d,\d{3} cursors hold/)
  await expect.poll(() => rows().length).toBeGreaterThan(5)
  expect(rows().length).toBeLessThan(80)
  const began = performance.now()
  document.querySelector<HTMLElement>('[data-row-link]')?.focus()
  await userEvent.keyboard('{End}')
  await expect
    .poll(() => document.activeElement?.closest('tr')?.getAttribute('aria-rowindex'))
    .toBe(screen.getByRole('table', { name: 'Cursors' }).element().getAttribute('aria-rowcount'))
  expect(performance.now() - began).toBeLessThan(3000)
})
