// Draws every screen, scenario and theme into test-results/shots. Pictures for eyes, not for comparison.
// `--docs` draws the few of the README and the guide into docs/, and nothing else.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium as browserType } from 'playwright'
import { preview } from 'vite'
import { chromium } from './chromium.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = `${root}test-results/shots`
const docs = process.argv.includes('--docs')
const only = process.argv.slice(2).find((word) => !word.startsWith('-')) ?? ''

const end = async (page) =>
  page
    .getByRole('button', { name: /^End session of/ })
    .first()
    .click()
const openSession = async (page) => {
  await page.locator('[data-row-link]').first().click()
  await page.getByRole('tab', { name: /^Tabs/ }).waitFor()
}
const tab = (name) => async (page) => {
  await openSession(page)
  await page.getByRole('tab', { name }).click()
  await page.getByRole('tabpanel').locator('tbody tr, dl').first().waitFor()
}
const history = async (page) => {
  await page.getByRole('link', { name: 'History', exact: true }).click()
  await page.getByRole('heading', { name: 'History', exact: true }).waitFor()
  await page.locator('[data-report], .card').first().waitFor()
}
const report = (row) => async (page) => {
  await history(page)
  await page.locator('[data-report] button').nth(row).click()
  await page.getByText('Copy JSON').waitFor()
}

const screen = (name, heading) => async (page) => {
  await page.getByRole('link', { name, exact: false }).first().click()
  await page.getByRole('heading', { level: 1, name: heading }).waitFor()
  await page.locator('main .card').first().waitFor()
}
const connect = screen('Connect', /Connect a client/)
const cursors = screen('Cursors', /cursor/i)
const settings = screen('Settings', /Settings/)
const plan = async (page) => {
  await connect(page)
  await page.getByRole('button', { name: 'Set up Gemini CLI' }).click()
  await page.getByRole('dialog').waitFor()
}
const palette = async (page) => {
  await page.keyboard.press('Control+k')
  await page.getByRole('dialog').waitFor()
}

const both = ['light', 'dark']
const wide = { width: 1080, height: 720 }
const small = { width: 760, height: 480 }
/** What is left of 1080x720 at a zoom of 200 %. */
const zoomed = { width: 540, height: 360, scale: 2 }
const picked = async (page) => {
  await page
    .getByRole('checkbox', { name: /^Select session of/ })
    .nth(0)
    .check()
  await page
    .getByRole('checkbox', { name: /^Select session of/ })
    .nth(1)
    .check()
}
const callOpen = async (page) => {
  await tab(/^Activity/)(page)
  await page.getByRole('tabpanel').locator('button[aria-expanded]').nth(2).click()
}
const grouped = async (page) => {
  await history(page)
  await page.getByRole('button', { name: 'By client' }).click()
}
/** name, scenario, themes, window, what to do first */
const shots = [
  ['home', 'three', both, wide],
  ['home', 'empty', both, wide],
  ['home', 'fresh', both, wide],
  ['home', 'closing', both, wide],
  ['home', 'degraded', both, wide],
  ['home', 'many', both, wide],
  ['home', 'stale', both, wide],
  ['home', 'no-browser', both, wide],
  ['home-small', 'three', ['light'], small],
  ['home-large', 'closing', ['dark'], { width: 1440, height: 900 }],
  ['home-end', 'three', both, wide, end],
  [
    'home-held',
    'three',
    both,
    wide,
    (page) =>
      page
        .getByRole('button', { name: /held\. Show/ })
        .first()
        .click(),
  ],
  ['home-quit', 'three', both, wide, (page) => page.getByRole('button', { name: 'Quit' }).click()],
  ['home-table', 'three', ['light'], wide, (page) => page.getByRole('button', { name: 'As table' }).click()],
  [
    'home-toast',
    'three',
    both,
    wide,
    async (page) => {
      await end(page)
      await page.getByRole('button', { name: 'End session', exact: true }).click()
      await page.getByText('ended cleanly').first().waitFor()
    },
  ],
  ['session', 'three', both, wide, openSession],
  ['session', 'fresh', ['light'], wide, openSession],
  ['session', 'degraded', ['light'], wide, openSession],
  ['session-small', 'three', ['dark'], small, openSession],
  ['session-cursors', 'three', both, wide, tab(/^Cursors/)],
  ['session-devtools', 'three', ['light'], wide, tab(/^DevTools/)],
  ['session-activity', 'three', both, wide, tab(/^Activity/)],
  [
    'session-ended',
    'three',
    both,
    wide,
    async (page) => {
      await openSession(page)
      await page.getByRole('button', { name: 'End session' }).click()
      await page.getByRole('alertdialog').getByRole('button', { name: 'End session' }).click()
      await page.getByText('This session ended at').waitFor()
    },
  ],
  ['connect', 'three', both, wide, connect],
  ['connect', 'empty', ['light'], wide, connect],
  ['connect-small', 'three', ['dark'], small, connect],
  ['connect-plan', 'three', both, wide, plan],
  ['cursors', 'three', both, wide, cursors],
  ['cursors', 'many', ['light'], wide, cursors],
  ['cursors', 'empty', ['light'], wide, cursors],
  ['cursors', 'degraded', ['light'], wide, cursors],
  ['cursors-small', 'three', ['dark'], small, cursors],
  ['settings', 'three', both, wide, settings],
  ['settings', 'degraded', ['light'], wide, settings],
  ['settings-small', 'three', ['dark'], small, settings],
  ['palette', 'three', both, wide, palette],
  ['idle', 'three', both, wide, (page) => page.getByRole('button', { name: /^Clean up idle/ }).click()],
  ['help', 'three', ['light'], wide, (page) => page.getByRole('button', { name: 'Shortcuts' }).click()],
  ['history', 'three', both, wide, history],
  ['history', 'empty', ['light'], wide, history],
  ['history-small', 'degraded', ['light'], small, history],
  ['history-report', 'three', both, wide, report(0)],
  ['history-problem', 'degraded', both, wide, report(1)],
  ['home-picked', 'three', both, wide, picked],
  ['home-columns', 'three', ['light'], wide, (page) => page.getByRole('button', { name: 'Choose columns' }).click()],
  ['session-call', 'three', both, wide, callOpen],
  ['history-grouped', 'three', both, wide, grouped],
  ...[
    ['home', undefined],
    ['session', openSession],
    ['cursors', cursors],
    ['history', history],
    ['connect', connect],
    ['settings', settings],
  ].flatMap(([name, act]) => [
    [`zoom-${name}`, 'three', ['light'], zoomed, act],
    [`small-${name}`, 'three', ['light'], small, act],
  ]),
]
/** Those that the pages of docs/ show. */
const PICTURES = {
  window: ['home', 'three', ['light'], wide],
  session: ['session', 'three', ['light'], wide, openSession],
  report: ['history-problem', 'degraded', ['light'], wide, report(1)],
  connect: ['connect-plan', 'three', ['light'], wide, plan],
}

execFileSync('npm', ['run', '-s', 'build:fake'], { cwd: root, stdio: 'inherit' })
if (!only && !docs) rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
const server = await preview({ root, build: { outDir: 'test-results/fake' }, preview: { port: 0, strictPort: false } })
const browser = await browserType.launch(chromium())
const problems = []
try {
  const address = server.resolvedUrls?.local[0] ?? ''
  const chosen = docs ? Object.entries(PICTURES).map(([file, shot]) => [...shot.slice(0, 4), shot[4], file]) : shots
  for (const [name, scenario, themes, viewport, act, file] of chosen) {
    if (only && !`${name}-${scenario}`.includes(only)) continue
    for (const colorScheme of themes) {
      const page = await browser.newPage({
        viewport,
        colorScheme,
        reducedMotion: 'reduce',
        deviceScaleFactor: viewport.scale ?? 1,
      })
      page.on(
        'console',
        (message) => message.type() === 'error' && problems.push(`${name} ${scenario}: ${message.text()}`),
      )
      page.on('pageerror', (error) => problems.push(`${name} ${scenario}: ${error.message}`))
      await page.goto(`${address}?scenario=${scenario}&still`)
      await page.getByRole('heading', { level: 1 }).waitFor()
      if (!['empty', 'no-browser'].includes(scenario)) await page.locator('canvas').waitFor()
      await act?.(page)
      await page.screenshot({
        path: file ? `${root}../docs/${file}.png` : `${out}/${name}-${scenario}-${colorScheme}.png`,
      })
      await page.close()
    }
  }
} finally {
  await browser.close()
  await server.close()
}
for (const problem of problems) console.error(problem)
console.log(`${out}`)
process.exitCode = problems.length > 0 ? 1 : 0
