// What is not measured yet is not called nothing; the band stands still while it fills.
import { describe, expect, test } from 'vitest'
import { roof, stacked } from '$lib/components/chart'
import { client, host, session, tab } from '$lib/backend/fake-data'
import { initial } from '$lib/text/hostile'
import { browserText } from '$lib/text/words'
import { open } from './support'

const unmeasured = () =>
  session(Date.now(), client('Shopping Assistant'), {
    tabs: [tab(1, 'Basket', 'http://127.0.0.1:4000/', { bytes: null })],
    held: { total: 0, cursors: 0, devtools: 0, renderers: null, js_heap: null },
  })

describe('not measured yet', () => {
  test('reads as measuring, and turns into numbers', async () => {
    const { backend, screen } = await open('empty')
    const one = unmeasured()
    backend.add(one)
    const heading = screen.getByRole('heading', { level: 1 })
    await expect.element(heading).toHaveTextContent('1 session is open. Nothing is left behind.')
    const row = screen.getByRole('row', { name: /Shopping Assistant/ })
    await expect.element(row).toHaveTextContent('measuring…')
    await expect.element(screen.getByRole('contentinfo')).not.toHaveTextContent('0 MB')
    await expect.element(screen.getByRole('img', { name: /^Memory held by sessions: now/ })).toBeVisible()
    const held = { total: 84e6, cursors: 0, devtools: 0, renderers: 84e6, js_heap: null }
    backend.emit({ event: 'session', data: { ...one, held } })
    await expect.element(heading).toHaveTextContent('1 session holds 84 MB.')
    await expect.element(row).toHaveTextContent('84 MB')
  })

  test('without a tab there is nothing to measure', async () => {
    const { backend, screen } = await open('empty')
    backend.add({ ...unmeasured(), tabs: [] })
    await expect.element(screen.getByRole('row', { name: /Shopping/ })).not.toHaveTextContent('measuring…')
  })

  test('one of a system that tells no sizes does not measure for ever', async () => {
    const { backend, screen } = await open('empty')
    backend.add({ ...unmeasured(), held: { total: 0, cursors: 0, devtools: 0, renderers: null, js_heap: 9e6 } })
    await expect.element(screen.getByRole('row', { name: /Shopping/ })).toHaveTextContent('not reported')
  })
})

describe('the band', () => {
  const times = [10, 20, 30, 40]

  test('begins at the first sample, with a width', () => {
    const [at, both, held] = stacked({ times, held: [0, 5, 6, 7], shared: [0, 1, 1, 1], step: 10 })
    expect(at).toEqual([0, 10, 20, 30, 40])
    expect(both).toEqual([null, 6, 6, 7, 8])
    expect(held).toEqual([null, 5, 5, 6, 7])
  })

  test('is level while there are few samples', () => {
    expect(stacked({ times: [10, 20], held: [2, 9], shared: [1, 1], step: 10 })[2]).toEqual([9, 9, 9])
    expect(stacked({ times: [10], held: [4], shared: [0], step: 10 })[2]).toEqual([4, 4])
  })

  test('shows a quiet hour as nothing', () => {
    expect(stacked({ times, held: [0, 0, 0, 0], shared: [0, 0, 0, 0], step: 10 })[2]).toEqual([0, 0, 0, 0, 0])
  })

  test('keeps its height while numbers move a little', () => {
    expect([0, 516e6, 530e6, 660e6, 720e6].map(roof)).toEqual([50e6, 750e6, 750e6, 750e6, 1000e6])
  })
})

test('a letter comes from the title, then the host, then a digit', () => {
  expect(initial('Basket', '127.0.0.1')).toBe('B')
  expect(initial('', 'shop.example')).toBe('S')
  expect(initial('42', 'shop.example')).toBe('S')
  expect(initial('', '127.0.0.1')).toBe('1')
  expect(initial('')).toBe('?')
})

test('the browser is one text, without a gap before the comma', () => {
  const { browser } = host(Date.now())
  if (browser.state !== 'running') throw new Error('no browser')
  expect(browserText({ ...browser, sandbox_off: 'no user namespaces' }).text).toBe('Chrome 156, sandbox off')
})
