// Accessibility of every screen, scenario and theme.
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
