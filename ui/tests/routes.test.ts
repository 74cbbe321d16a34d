// The addresses that the tray opens: they ask, and leave no trace in the address.
import { userEvent } from 'vitest/browser'
import { describe, expect, test } from 'vitest'
import { client, session } from '$lib/backend/fake-data'
import { parse } from '$lib/state/route.svelte'
import { open } from './support'

const ends = (seen: { command: string }[]) => seen.filter(({ command }) => /end_session|quit/.test(command))

test('an address is read into its parts', () => {
  expect(parse('')).toEqual({ screen: 'home', quit: false, idle: false })
  expect(parse('#/')).toEqual({ screen: 'home', quit: false, idle: false })
  expect(parse('#/quit')).toEqual({ screen: 'home', quit: true, idle: false })
  expect(parse('#/sessions/ses_a')).toEqual({ screen: 'session', id: 'ses_a', end: false })
  expect(parse('#/sessions/ses_a?end')).toEqual({ screen: 'session', id: 'ses_a', end: true })
  expect(parse('#/sessions/a%3Fend')).toEqual({ screen: 'session', id: 'a?end', end: false })
  expect(parse('#/history/rep_a')).toEqual({ screen: 'history', report: 'rep_a', problems: false })
  expect(parse('#/%E0%A4%A')).toEqual({ screen: 'home', quit: false, idle: false })
  expect(parse('#/history?outcome=clean')).toEqual({ screen: 'history', report: null, problems: false })
  expect(parse('#/history?outcome=with_problems')).toEqual({ screen: 'history', report: null, problems: true })
  expect(parse('#/?idle')).toEqual({ screen: 'home', quit: false, idle: true })
  expect(parse('#/connect')).toEqual({ screen: 'connect' })
  expect(parse('#/settings?x=1')).toEqual({ screen: 'settings' })
  expect(parse('#/nowhere')).toEqual({ screen: 'home', quit: false, idle: false })
})

describe('#/quit', () => {
  test('opens the sheet over Home; leaving it leads back to Home', async () => {
    const { backend, screen } = await open('three', '#/quit')
    await expect.element(screen.getByRole('dialog')).toHaveTextContent('Quit Ebb and end 3 sessions?')
    await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
    await userEvent.keyboard('{Escape}')
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument()
    expect(location.hash).toBe('#/')
    await expect.poll(() => document.activeElement?.id).toBe('main')
    expect(ends(backend.seen)).toEqual([])
    location.hash = '#/quit'
    await screen.getByRole('button', { name: 'Cancel' }).click()
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument()
    expect(location.hash).toBe('#/')
  })

  test('comes over whatever is open, and goes when the address goes', async () => {
    const { backend, screen } = await open('three')
    const id = backend.snapshot().sessions[0]?.id
    location.hash = `#/sessions/${id}?end`
    await expect.element(screen.getByRole('alertdialog')).toBeVisible()
    location.hash = '#/quit'
    await expect.element(screen.getByRole('dialog')).toHaveTextContent('Quit Ebb and end 3 sessions?')
    await expect.element(screen.getByRole('alertdialog')).not.toBeInTheDocument()
    location.hash = `#/sessions/${id}`
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument()
  })

  test('quits only after a yes, also without a session', async () => {
    const { backend, screen } = await open('empty', '#/quit')
    const sheet = screen.getByRole('dialog')
    await expect.element(sheet).toHaveTextContent('Quit Ebb?')
    expect(ends(backend.seen)).toEqual([])
    await sheet.getByRole('button', { name: 'Quit', exact: true }).click()
    expect(backend.seen).toContainEqual({ command: 'quit', by: 'dashboard' })
    await expect.element(screen.getByRole('heading', { name: 'Ebb was quit.' })).toBeVisible()
  })
})

describe('#/sessions/<id>?end', () => {
  test('opens the session with its question, and only once', async () => {
    const { backend, screen } = await open('three')
    const id = backend.snapshot().sessions[0]?.id
    location.hash = `#/sessions/${id}?end`
    const question = screen.getByRole('alertdialog')
    await expect.element(question).toHaveTextContent('End Claude Code, webshop?')
    await expect.element(screen.getByRole('heading', { level: 1 })).toHaveTextContent('Claude Code, webshop')
    await expect.element(screen.getByRole('button', { name: 'Cancel' })).toHaveFocus()
    expect(location.hash).toBe(`#/sessions/${id}`)
    await userEvent.keyboard('{Escape}')
    await expect.element(question).not.toBeInTheDocument()
    await expect.element(screen.getByRole('button', { name: 'End session' })).toHaveFocus()
    expect(ends(backend.seen)).toEqual([])
    // The tray again, on the same session.
    location.hash = `#/sessions/${id}?end`
    await expect.element(question).toBeVisible()
    await question.getByRole('button', { name: 'End session' }).click()
    await expect.element(screen.getByText(/^This session ended at/)).toBeVisible()
    expect(backend.seen).toContainEqual({ command: 'end_session', session: id, by: 'dashboard' })
  })

  test('asks even where a button would not, and nothing where there is no such session', async () => {
    const { backend, screen } = await open('three')
    const bare = session(Date.now(), client('Gemini CLI'), { state: 'idle' })
    backend.add(bare)
    location.hash = `#/sessions/${bare.id}?end`
    await expect.element(screen.getByRole('alertdialog')).toHaveTextContent('It holds no tab and no cursor.')
    expect(ends(backend.seen)).toEqual([])
    location.hash = '#/sessions/ses_nobody?end'
    await expect.element(screen.getByText('There is no such session.').first()).toBeVisible()
    await expect.element(screen.getByRole('alertdialog')).not.toBeInTheDocument()
    expect(location.hash).toBe('#/sessions/ses_nobody')
  })
})
