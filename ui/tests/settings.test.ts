// The settings file as a form: saved, refused, reset, and changed by somebody else.
import { userEvent } from 'vitest/browser'
import { expect, test } from 'vitest'
import { theme } from '$lib/state/theme.svelte'
import { open } from './support'

const row = (key: string) => document.querySelector(`[data-setting="${key}"]`)?.textContent ?? ''

test('a value is saved, says so, and can be reset to its default', async () => {
  const { backend, screen } = await open('three', '#/settings')
  const field = screen.getByRole('textbox', { name: 'Idle timeout', exact: true })
  await field.fill('45')
  await userEvent.keyboard('{Enter}')
  await expect.poll(() => row('sessions.idle_minutes')).toMatch(/Saved.*Restart needed/)
  expect(backend.seen).toContainEqual({ command: 'set', key: 'sessions.idle_minutes', value: '45' })
  await screen.getByRole('button', { name: 'Reset Idle timeout to its default, 30 min' }).click()
  await expect.element(field).toHaveValue('30')
  expect(backend.seen).toContainEqual({ command: 'set', key: 'sessions.idle_minutes' })
})

test('what is refused stays in the field with the reason, and Escape gives it up', async () => {
  const { screen } = await open('three', '#/settings')
  const field = screen.getByRole('textbox', { name: 'Tabs of a session' })
  await field.fill('many')
  await userEvent.keyboard('{Enter}')
  await expect.element(screen.getByText('Expected a whole number from 1 to 1000.')).toBeVisible()
  await expect.element(field).toHaveValue('many')
  await expect.element(field).toHaveAttribute('aria-invalid', 'true')
  const described = field.element().getAttribute('aria-describedby') ?? ''
  expect(described.split(' ').map((id) => document.getElementById(id)?.textContent)).toContain(
    'Expected a whole number from 1 to 1000.',
  )
  await userEvent.keyboard('{Escape}')
  await expect.element(field).toHaveValue('32')
  await expect.element(screen.getByText('Expected a whole number from 1 to 1000.')).not.toBeInTheDocument()
})

test('a switch acts at once, the theme too', async () => {
  const { backend, screen } = await open('three', '#/settings')
  await screen.getByRole('switch', { name: 'Unused session ended' }).click()
  await expect
    .element(screen.getByRole('switch', { name: 'Unused session ended' }))
    .toHaveAttribute('aria-checked', 'true')
  expect(row('notifications.idle')).not.toMatch('Restart needed')
  await screen.getByRole('combobox', { name: 'Theme' }).selectOptions('dark')
  await expect.poll(() => theme.value).toBe('dark')
  expect(backend.seen).toContainEqual({ command: 'set', key: 'window.theme', value: 'dark' })
})

test('what others write into the file is seen', async () => {
  const { backend, screen } = await open('three', '#/settings')
  await expect.element(screen.getByRole('textbox', { name: 'Keep history' })).toHaveValue('30')
  backend.edit('history.days', '7')
  await expect.element(screen.getByRole('textbox', { name: 'Keep history' })).toHaveValue('7')
})

test('mistakes in the file are named with their lines', async () => {
  const { screen } = await open('degraded', '#/settings')
  await expect.element(screen.getByText('The file has 2 mistakes.')).toBeVisible()
  await expect.element(screen.getByText(/^Line 7:/)).toHaveTextContent('did you mean sessions.idle_minutes?')
})

test('a Redis is tried before it is used', async () => {
  const { backend, screen } = await open('three', '#/settings')
  await screen.getByRole('combobox', { name: 'Kept in' }).selectOptions('redis')
  expect(backend.seen.some(({ command }) => command === 'set')).toBe(false)
  await screen.getByRole('textbox', { name: 'Address of the Redis' }).fill('redis://down:1')
  await screen.getByRole('button', { name: 'Test', exact: true }).click()
  await expect.element(screen.getByText(/nothing listens there/)).toBeVisible()
  await screen.getByRole('textbox', { name: 'Address of the Redis' }).fill('redis://127.0.0.1:6379/3')
  await screen.getByRole('button', { name: 'Use it' }).click()
  await expect
    .poll(() => backend.seen)
    .toContainEqual({
      command: 'set',
      key: 'cursors.store',
      value: 'redis://127.0.0.1:6379/3',
    })
})

test('resetting asks first and says how many', async () => {
  const { backend, screen } = await open('three', '#/settings')
  await screen.getByRole('button', { name: 'Reset all…' }).click()
  await expect.element(screen.getByRole('alertdialog')).toHaveTextContent('Reset 1 setting?')
  await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
  await screen.getByRole('button', { name: 'Reset', exact: true }).click()
  await expect.poll(() => backend.seen).toContainEqual({ command: 'reset_settings', changed: 1 })
})
