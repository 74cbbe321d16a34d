// Accessibility of every screen, scenario and theme.
import { userEvent } from 'vitest/browser'
import { describe, expect, test } from 'vitest'
import { SCENARIOS } from '$lib/backend/fake-scenarios'
import { open, violations } from './support'

const looks = ['light', 'dark'] as const

describe.each(looks)('%s', (look) => {
  test.each(SCENARIOS)('home: %s', async (scenario) => {
    await open(scenario, '#/', { look })
    expect(await violations()).toEqual([])
  })

  test.each(SCENARIOS)('history: %s', async (scenario) => {
    const { screen } = await open(scenario, '#/history', { look })
    await expect.element(screen.getByText(/cleanups?, |None has run yet/)).toBeInTheDocument()
    expect(await violations()).toEqual([])
  })

  test.each(['three', 'degraded'] as const)('report: %s', async (scenario) => {
    const { screen } = await open(scenario, '#/history', { look })
    await screen.getByRole('button', { expanded: false }).nth(1).click()
    await expect.element(screen.getByText('Copy JSON')).toBeInTheDocument()
    expect(await violations()).toEqual([])
  })

  test.each(['three', 'closing', 'degraded', 'many'] as const)('session: %s', async (scenario) => {
    const { backend, screen } = await open(scenario, '#/', { look })
    location.hash = `#/sessions/${backend.snapshot().sessions.at(-1)?.id}`
    // The other panels are the same whatever the session does.
    const panels = scenario === 'three' ? [/^Tabs/, /^Cursors/, /^DevTools/, /^Activity/] : [/^Tabs/]
    for (const name of panels) {
      await screen.getByRole('tab', { name }).click()
      await expect.element(screen.getByRole('tabpanel')).toBeVisible()
      expect(await violations()).toEqual([])
    }
  })

  test.each(SCENARIOS)('connect: %s', async (scenario) => {
    const { screen } = await open(scenario, '#/connect', { look })
    await expect.element(screen.getByRole('heading', { name: 'On this machine' })).toBeInTheDocument()
    expect(await violations()).toEqual([])
  })

  test.each(SCENARIOS)('settings: %s', async (scenario) => {
    const { screen } = await open(scenario, '#/settings', { look })
    await expect.element(screen.getByRole('switch', { name: 'Start at login' })).toBeInTheDocument()
    expect(await violations()).toEqual([])
  })

  test.each(SCENARIOS.filter((scenario) => scenario !== 'many'))('cursors: %s', async (scenario) => {
    const { screen } = await open(scenario, '#/cursors', { look })
    await expect.element(screen.getByText(/Without a session: none|No cursor is open/)).toBeInTheDocument()
    expect(await violations()).toEqual([])
  })

  test('what lies over a screen: a change, the palette, the shortcuts, the list of idle sessions', async () => {
    const { screen } = await open('three', '#/connect', { look })
    await screen.getByRole('button', { name: 'Set up Gemini CLI' }).click()
    await expect.element(screen.getByRole('dialog')).toHaveTextContent('Set up Gemini CLI?')
    expect(await violations()).toEqual([])
    await userEvent.keyboard('{Escape}')
    await userEvent.keyboard('{Control>}k{/Control}')
    await expect.element(screen.getByPlaceholder('Find a screen, a session or an act')).toBeVisible()
    expect(await violations()).toEqual([])
    await userEvent.keyboard('{Escape}')
    await screen.getByRole('button', { name: 'Shortcuts' }).click()
    await expect.element(screen.getByRole('dialog')).toHaveTextContent('Shortcuts')
    expect(await violations()).toEqual([])
    await userEvent.keyboard('{Escape}')
    location.hash = '#/?idle'
    await expect.element(screen.getByRole('dialog')).toHaveTextContent('Clean up idle sessions')
    expect(await violations()).toEqual([])
  })

  test('questions: end, held, quit', async () => {
    const { screen } = await open('three', '#/', { look })
    await screen.getByRole('button', { name: /^End session of Claude/ }).click()
    await expect.element(screen.getByRole('alertdialog')).toBeVisible()
    expect(await violations()).toEqual([])
    await screen.getByRole('button', { name: 'Cancel' }).click()
    await screen
      .getByRole('button', { name: /held\. Show/ })
      .first()
      .click()
    await expect.element(screen.getByRole('dialog')).toBeVisible()
    expect(await violations()).toEqual([])
    await screen.getByRole('button', { name: 'Quit' }).click()
    await expect.element(screen.getByText('Quit Ebb and end 3 sessions?')).toBeVisible()
    expect(await violations()).toEqual([])
  })
})
