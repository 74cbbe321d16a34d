// The store: numbers without a gap, ended rows that stay, a snapshot when something is missing.
import { flushSync } from 'svelte'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Numbered, Reply, Snapshot } from '$lib/bindings'
import type { Backend, StreamState } from '$lib/backend'
import { client, leftover, report, session } from '$lib/backend/fake-data'
import { world } from '$lib/backend/fake-scenarios'
import { ENDED_STAYS_MS, Live } from '$lib/state/live.svelte'
import { watch } from './watch.svelte'

const now = Date.now()

class Wire implements Backend {
  snapshot: Snapshot = world('three', now).snapshot
  asked = 0
  onSnapshot: (snapshot: Snapshot) => void = () => undefined
  onEvent: (event: Numbered) => void = () => undefined
  onState: (state: StreamState) => void = () => undefined
  /** Lets the next snapshot through. */
  release: () => void = () => undefined

  dispatch(): Promise<Reply> {
    this.asked += 1
    return new Promise((done) => {
      this.release = () => done({ reply: 'snapshot', data: this.snapshot })
    })
  }
  thumb = () => ''
  subscribe(onSnapshot: Wire['onSnapshot'], onEvent: Wire['onEvent'], onState: Wire['onState']) {
    Object.assign(this, { onSnapshot, onEvent, onState })
    onSnapshot(this.snapshot)
    return () => undefined
  }
}

let wire: Wire
let live: Live
const ids = () => live.sessions.map(({ id }) => id)

beforeEach(() => {
  wire = new Wire()
  live = new Live(wire)
  return live.start()
})

describe('numbers', () => {
  test('events in order are applied', () => {
    const added = session(now, client('Zed'))
    wire.onEvent({ seq: 101, event: 'session', data: added })
    flushSync()
    expect(ids()).toContain(added.id)
    expect(wire.asked).toBe(0)
  })

  test('an event that the snapshot contains is dropped', () => {
    wire.onEvent({ seq: 100, event: 'leftover', data: leftover(now) })
    expect(live.leftovers).toEqual([])
    expect(wire.asked).toBe(0)
  })

  test('a gap asks once for a snapshot, holds events back and applies the newer ones', async () => {
    const added = session(now, client('Zed'))
    wire.onEvent({ seq: 103, event: 'leftover', data: leftover(now) })
    wire.onEvent({ seq: 104, event: 'leftover', data: leftover(now) })
    wire.onEvent({ seq: 105, event: 'session', data: added })
    expect(wire.asked).toBe(1)
    expect(live.leftovers).toEqual([])
    wire.snapshot = { ...wire.snapshot, seq: 104, leftovers: [leftover(now), leftover(now)] }
    wire.release()
    await expect.poll(() => live.leftovers.length).toBe(2)
    expect(ids()).toContain(added.id)
    expect(wire.asked).toBe(1)
  })

  test('lagged asks for a snapshot', () => {
    wire.onEvent({ seq: 101, event: 'lagged' })
    expect(wire.asked).toBe(1)
  })
})

describe('removal', () => {
  test('the session goes, its row stays with the report for ten seconds', () => {
    const [gone] = wire.snapshot.sessions
    if (!gone) throw new Error('no session')
    const done = report(now, gone.client, { session: gone.id })
    wire.onEvent({ seq: 101, event: 'removed', data: done })
    expect(ids()).not.toContain(gone.id)
    expect(live.ended.get(gone.id)?.report.id).toBe(done.id)
    expect(live.recent[0]?.id).toBe(done.id)
    const { at } = live.ended.get(gone.id) ?? { at: 0 }
    live.forgetEnded(at + ENDED_STAYS_MS - 1)
    expect(live.ended.size).toBe(1)
    live.forgetEnded(at + ENDED_STAYS_MS)
    expect(live.ended.size).toBe(0)
  })

  test('one that went between two snapshots still shows how it went', () => {
    const [gone, ...rest] = wire.snapshot.sessions
    if (!gone) throw new Error('no session')
    const done = report(now, gone.client, { session: gone.id })
    wire.onSnapshot({ ...wire.snapshot, seq: 200, sessions: rest, recent: [done, ...wire.snapshot.recent] })
    expect(live.ended.get(gone.id)?.report.id).toBe(done.id)
  })

  test('at most twenty recent ones are kept', () => {
    for (let seq = 101; seq < 130; seq += 1) {
      wire.onEvent({ seq, event: 'removed', data: report(now, client('Zed')) })
    }
    expect(live.recent).toHaveLength(20)
  })
})

describe('the stream', () => {
  test('says when it is stale and when it is back', () => {
    wire.onState({ state: 'reconnecting', since: new Date(now).toISOString() })
    expect(live.stream.state).toBe('reconnecting')
    wire.onSnapshot(wire.snapshot)
    expect(live.stream.state).toBe('connected')
  })

  test('a running number does not draw more often than ten times a second', async () => {
    const [first] = wire.snapshot.sessions
    if (!first) throw new Error('no session')
    let drawn = 0
    const stop = watch(
      () => live.sessions,
      () => (drawn += 1),
    )
    for (let seq = 101; seq <= 300; seq += 1) {
      wire.onEvent({ seq, event: 'session', data: { ...first, calls: seq } })
      flushSync()
    }
    await expect.poll(() => live.session(first.id)?.calls).toBe(300)
    expect(drawn).toBeLessThan(10)
    stop()
  })
})
