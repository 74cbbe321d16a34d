// The keyboard: shortcuts, the palette, and one journey without a mouse.
import { userEvent } from 'vitest/browser'
import { describe, expect, test } from 'vitest'
import { open } from './support'

const mod = (key: string) => userEvent.keyboard(`{Control>}${key}{/Control}`)

describe('shortcuts', () => {
  test('lead to every screen', async () => {
    await open('three')
    for (const [key, hash] of [
      ['2', '#/cursors'],
      ['3', '#/history'],
      ['4', '#/connect'],
      [',', '#/settings'],
      ['1', '#/'],
    ] as const) {
      await mod(key)
      await expect.poll(() => location.hash).toBe(hash)
    }
  })

  test('/ goes to the filter, Escape empties it and then leaves it', async () => {
    const { screen } = await open('three', '#/cursors')
    await expect.element(screen.getByRole('searchbox')).toBeVisible()
    await userEvent.keyboard('/')
    await expect.element(screen.getByRole('searchbox')).toHaveFocus()
    await userEvent.keyboard('a/b?')
    await expect.element(screen.getByRole('searchbox')).toHaveValue('a/b?')
    await userEvent.keyboard('{Escape}')
    await expect.element(screen.getByRole('searchbox')).toHaveValue('')
    await userEvent.keyboard('{Escape}')
    await expect.poll(() => document.activeElement?.id).toBe('main')
  })

  test('of one letter can be switched off', async () => {
    const { screen } = await open('three', '#/settings')
    await screen.getByRole('switch', { name: 'Single-letter shortcuts' }).click()
    await expect
      .element(screen.getByRole('switch', { name: 'Single-letter shortcuts' }))
      .toHaveAttribute('aria-checked', 'false')
    document.getElementById('main')?.focus()
    await userEvent.keyboard('?')
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument()
  })
})

describe('the palette', () => {
  test('finds a session by name and opens it', async () => {
    const { screen } = await open('three')
    await mod('k')
    await userEvent.keyboard('docs review')
    await userEvent.keyboard('{Enter}')
    await expect.element(screen.getByRole('heading', { level: 1, name: /Cursor, docs review/ })).toBeVisible()
  })

  test('asks before it ends what is selected', async () => {
    const { backend, screen } = await open('three')
    const id = backend.snapshot().sessions[0]?.id
    location.hash = `#/sessions/${id}`
    await expect.element(screen.getByRole('heading', { level: 1, name: /Claude Code/ })).toBeVisible()
    await mod('k')
    await userEvent.keyboard('end claude')
    await userEvent.keyboard('{Enter}')
    await expect.element(screen.getByRole('alertdialog')).toHaveTextContent('End Claude Code, webshop?')
    expect(backend.seen.some(({ command }) => command === 'end_session')).toBe(false)
  })
})

test('several sessions are listed before they end, and each can be left out', async () => {
  const { backend, screen } = await open('three')
  await mod('k')
  await userEvent.keyboard('end all')
  await userEvent.keyboard('{Enter}')
  const dialog = screen.getByRole('dialog')
  await expect.element(dialog).toHaveTextContent('End all sessions')
  await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
  await dialog.getByRole('checkbox').first().click()
  await dialog.getByRole('button', { name: 'End 2 sessions' }).click()
  await expect.element(dialog).not.toBeInTheDocument()
  expect(backend.seen.filter(({ command }) => command === 'end_session')).toHaveLength(2)
  await expect.element(screen.getByRole('heading', { level: 1 })).toHaveTextContent('1 session holds')
})

test('a journey without a mouse: connect, list, detail, end, report', async () => {
  const { backend, screen } = await open('three')
  await mod('4')
  await expect.element(screen.getByRole('button', { name: 'Set up Gemini CLI' })).toBeVisible()
  ;(screen.getByRole('button', { name: 'Set up Gemini CLI' }).element() as HTMLElement).focus()
  await userEvent.keyboard('{Enter}')
  await expect.element(screen.getByRole('button', { name: 'Change the file' })).toHaveFocus()
  await userEvent.keyboard('{Enter}')
  await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument()

  await mod('1')
  await expect.element(screen.getByRole('table', { name: 'Sessions' })).toBeVisible()
  document.querySelector<HTMLElement>('[data-row-link]')?.focus()
  await userEvent.keyboard('{Enter}')
  await expect.element(screen.getByRole('heading', { level: 1, name: /Claude Code/ })).toBeVisible()

  await mod('{Backspace}')
  await expect.element(screen.getByRole('alertdialog')).toBeVisible()
  await userEvent.keyboard('{Tab}{Enter}')
  await expect.element(screen.getByText(/^This session ended at/)).toBeVisible()
  expect(backend.seen.some(({ command }) => command === 'end_session')).toBe(true)

  const report = screen.getByRole('link', { name: 'View report' }).first()
  ;(report.element() as HTMLElement).focus()
  await userEvent.keyboard('{Enter}')
  await expect.element(screen.getByText('Copy JSON')).toBeVisible()
})
