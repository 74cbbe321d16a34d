// Setting a client up: shown, made, taken back; green when it connects.
import { userEvent } from 'vitest/browser'
import { describe, expect, test } from 'vitest'
import { open } from './support'

const row = (id: string) => document.querySelector(`[data-setup="${id}"]`)?.textContent ?? ''

describe('the list', () => {
  test('says how far each client is, the absent ones apart', async () => {
    const { screen } = await open('three', '#/connect')
    await expect.poll(() => row('claude-code')).toMatch('Connected')
    expect(row('vscode')).toMatch('Set up')
    expect(row('codex')).toMatch(/Needs repair.*which is not there/)
    expect(row('zed')).toMatch('File cannot be read')
    await expect.element(screen.getByText('Not found here:')).toBeVisible()
    expect(document.querySelector('[data-setup="windsurf"]')?.closest('details')?.open).toBe(false)
  })

  test('a file that cannot be read offers only what to paste', async () => {
    const { screen } = await open('three', '#/connect')
    await expect.element(screen.getByRole('button', { name: 'Copy Zed configuration' })).toBeVisible()
    expect(screen.getByRole('button', { name: /(Set up|Repair|Remove Ebb from) Zed/ }).elements()).toEqual([])
  })
})

describe('a change', () => {
  test('is shown before it is made, waits for its client and turns green', async () => {
    const { backend, screen } = await open('three', '#/connect')
    await screen.getByRole('button', { name: 'Set up Gemini CLI' }).click()
    const dialog = screen.getByRole('dialog')
    await expect.element(dialog).toHaveTextContent('/home/mara/.gemini/settings.json')
    await expect.element(dialog).toHaveTextContent('added: "args": ["connect"]')
    expect(backend.seen.some(({ command }) => command === 'change_setup')).toBe(false)
    await screen.getByRole('button', { name: 'Change the file' }).click()
    await expect.poll(() => row('gemini')).toMatch(/waiting for it.*Then this turns green/)
    expect(backend.seen).toContainEqual({ command: 'change_setup', client: 'gemini', act: 'add', mark: 'gemini add' })
    backend.connected('gemini', 1)
    await expect.poll(() => row('gemini')).toMatch('Connected')
    await expect.element(screen.getByText('Gemini CLI is connected').first()).toBeInTheDocument()
  })

  test('is not made on Escape, and can be undone', async () => {
    const { backend, screen } = await open('three', '#/connect')
    await screen.getByRole('button', { name: 'Remove Ebb from Cursor' }).click()
    await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
    await userEvent.keyboard('{Escape}')
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument()
    expect(backend.seen.some(({ command }) => command === 'change_setup')).toBe(false)
    await screen.getByRole('button', { name: 'Undo the last change of VS Code’s file' }).click()
    await expect.poll(() => row('vscode')).toMatch('Not set up')
  })
})
