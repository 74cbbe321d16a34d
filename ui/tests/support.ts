// Draws the whole dashboard over a fake backend, as a user would meet it.
import '../src/app.css'
import './page.css'
import axe from 'axe-core'
import { expect } from 'vitest'
import { render } from 'vitest-browser-svelte'
import App from '../src/App.svelte'
import { FakeBackend, type FakeOptions } from '$lib/backend/fake'
import type { Scenario } from '$lib/backend/fake-scenarios'
import { type Theme, theme } from '$lib/state/theme.svelte'

export interface Opened {
  backend: FakeBackend
  screen: Awaited<ReturnType<typeof render>>
}

export async function open(
  scenario: Scenario,
  hash = '#/',
  { look = 'light', ...options }: FakeOptions & { look?: Theme } = {},
): Promise<Opened> {
  const backend = new FakeBackend(scenario, { still: true, stepMs: 0, ...options })
  location.hash = hash
  theme.set(look)
  const screen = await render(App, { backend })
  await expect.element(screen.getByRole('heading', { level: 1 })).toBeInTheDocument()
  return { backend, screen }
}

/** The rules of WCAG 2.2 A and AA, on everything that is drawn. */
export async function violations(): Promise<string[]> {
  const result = await axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
    resultTypes: ['violations'],
    // The test page itself has no language and no title of its own to judge.
    rules: { 'html-has-lang': { enabled: false } },
  })
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} ${target.join(' ')}: ${failureSummary ?? ''}`),
  )
}
