// The order of rows, and the words: pure functions.
import { describe, expect, test } from 'vitest'
import { client, session, tab } from '$lib/backend/fake-data'
import { arrange, sorted } from '$lib/state/rows'
import { byHand } from '$lib/text/connect'
import { bytes, duration, millis } from '$lib/text/format'
import { clean, hostOf, initial } from '$lib/text/hostile'
import { headline, stripText } from '$lib/text/words'

describe('rows', () => {
  const present = (...ids: string[]) => new Set(ids)

  test('keep their places while frozen; new ones come last', () => {
    expect(arrange(['a', 'b', 'c'], ['d', 'c', 'b', 'a'], present('a', 'b', 'c', 'd'), true)).toEqual([
      'a',
      'b',
      'c',
      'd',
    ])
  })
  test('move when nobody is there', () => {
    expect(arrange(['a', 'b', 'c'], ['c', 'b', 'a'], present('a', 'b', 'c'), false)).toEqual(['c', 'b', 'a'])
  })
  test('an ended row stays behind its neighbour', () => {
    expect(arrange(['a', 'b', 'c'], ['a', 'c'], present('a', 'b', 'c'), false)).toEqual(['a', 'b', 'c'])
    expect(arrange(['a', 'b', 'c'], ['b', 'c'], present('a', 'b', 'c'), false)).toEqual(['a', 'b', 'c'])
  })
  test('an ended row that was never drawn comes last', () => {
    for (const frozen of [true, false]) expect(arrange([], ['a'], present('a', 'x'), frozen)).toEqual(['a', 'x'])
  })
  test('a row that is gone for good goes, frozen or not', () => {
    for (const frozen of [true, false]) expect(arrange(['a', 'b'], ['b'], present('b'), frozen)).toEqual(['b'])
  })
  test('sort by number, largest first when asked', () => {
    const small = session(0, client('A'))
    const large = session(0, client('B'), { tabs: [tab(1, 'x', 'https://x.example')] })
    expect(sorted([small, large], { key: 'tabs', descending: true })).toEqual([large.id, small.id])
    expect(sorted([small, large], null)).toEqual([small.id, large.id])
  })
})

describe('words', () => {
  test.each([
    [0, '0 B'],
    [512, '512 B'],
    [96_000, '96 KB'],
    [184_000_000, '184 MB'],
    [63_100_000, '63.1 MB'],
    [999_600_000, '1 GB'],
    [18_200_000_000, '18.2 GB'],
  ])('%d bytes are %s', (value, text) => expect(bytes(value)).toBe(text))

  test.each([
    [0.4, '<1 ms'],
    [41.3, '41 ms'],
    [5100, '5.1 s'],
    [120_000, '2 min'],
  ])('%d ms are %s', (value, text) => expect(millis(value)).toBe(text))

  test.each([
    [12, '12 s'],
    [960, '16 min'],
    [7500, '2 h 5 min'],
    [200_000, '2 days'],
  ])('%d s are %s', (value, text) => expect(duration(value)).toBe(text))

  test('the sentence never claims more than is so', () => {
    const facts = { sessions: [], held: 0, leftovers: 0, clients: 0, cleanups: 0 }
    expect(headline(facts)).toEqual({ main: 'No client has connected yet.', rest: '' })
    expect(headline({ ...facts, cleanups: 3 }).rest).toBe('Nothing is left behind.')
    expect(headline({ ...facts, leftovers: 2 }).rest).toBe('2 things are left behind.')
    expect(headline({ ...facts, clients: 1 }).main).toBe('1 client is connected, no session is open.')
  })

  test('the strip can be heard', () => {
    const cells = [
      { step: 'devtools', outcome: 'done' },
      { step: 'browser', outcome: null },
      { step: 'state', outcome: undefined },
    ] as const
    expect(stripText([...cells])).toBe('DevTools: done. Browser: running. State: to do.')
  })
})

describe('hostile text', () => {
  test('loses what cannot be seen, and its excess', () => {
    expect(clean('a\u202eb\u0000c\u2066d')).toBe('abcd')
    expect(clean('x'.repeat(1000))).toHaveLength(300)
  })
  test('has a host and a letter, whatever it is', () => {
    expect(hostOf('https://shop.example:8443/x')).toBe('shop.example:8443')
    expect(hostOf('about:blank')).toBe('about:')
    expect(hostOf('not an address')).toBe('not an address')
    expect(initial('   ')).toBe('?')
    expect(initial('«élan»')).toBe('É')
  })
  test('a path with spaces and quotes survives every snippet', () => {
    const path = "/opt/my 'apps'/ebb"
    const [command, json] = byHand(path).map(({ text }) => text)
    expect(command).toBe(`'/opt/my '\\''apps'\\''/ebb' connect`)
    expect(JSON.parse(json ?? '').mcpServers.ebb).toEqual({ command: path, args: ['connect'] })
  })
})
