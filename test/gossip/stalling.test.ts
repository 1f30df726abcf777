/** A peer that answers without end and brings nothing: others are asked instead. */
import * as assert from 'uvu/assert'
import { Pulls } from '../../src/gossip/pulls.ts'
import { DOC, pushText, Table } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: stalled answers')

const FORGED = 'f'.repeat(22)

/** `a` lacks what `b` has, and was first told of a forged digest. Each of `stallers` announces one. */
const tableWith = (stallers: readonly string[]) => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  for (const from of stallers)
    table.deliver({ from, to: 'a', text: pushText({ [DOC]: { digest: FORGED } }) })
  table.settle()
  b.map.set('k', 1)
  table.change(b)
  table.advance(30, ({ from }) => from === 'b') // its push is lost
  return { table, a, b }
}

/** Milliseconds until `a` has the change, while the stallers answer every 100 ms; 60 s at most. */
const timeToRepair = (
  stallers: readonly string[],
  more: Parameters<typeof pushText>[0],
): number => {
  const { table, a, b } = tableWith(stallers)
  const start = table.now
  while (table.now < start + 60_000 && !a.map.has('k')) {
    for (const from of stallers) table.deliver({ from, to: 'a', text: pushText(more) })
    if ((table.now - start) % 5_000 === 0) table.round(b)
    table.advance(100)
  }
  return table.now - start
}

test('a peer that says "more follows" every 100 ms does not keep others from being asked', () => {
  const ms = timeToRepair(['evil'], { [DOC]: { digest: FORGED, answer: true, more: true } })
  assert.ok(ms <= 10_000, `repaired after ${ms} ms`)
})

test('three such peers do not, either', () => {
  const names = ['evil1', 'evil2', 'evil3']
  const ms = timeToRepair(names, { [DOC]: { digest: FORGED, answer: true, more: true } })
  assert.ok(ms <= 30_000, `repaired after ${ms} ms`)
})

test('a slow answer that brings something with each part is waited for', () => {
  const pulls = new Pulls(1_500)
  pulls.start('kv', 'b', FORGED, 0)
  for (let now = 1_000; now < 600_000; now += 1_400) {
    assert.equal(pulls.expire(now), [])
    pulls.answered('kv', 'b', true, now, true)
  }
})

test('a peer that stalled is given up sooner the next time, until it brings something', () => {
  const pulls = new Pulls(1_500)
  let now = 0
  const patience = (): number => {
    const start = now
    assert.ok(pulls.start('kv', 'evil', FORGED, now))
    for (;;) {
      now += 100
      if (pulls.expire(now).length > 0) return now - start
      pulls.answered('kv', 'evil', true, now, false)
    }
  }
  assert.is(patience(), 5_000)
  assert.is(patience(), 1_500)
  pulls.answered('kv', 'evil', true, now, true)
  assert.is(patience(), 5_000)
})

test.run()
