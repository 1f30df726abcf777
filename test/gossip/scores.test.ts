/** Scores of peers: they fall with rejections, decay, and bring a peer that goes on to the grey list. */
import * as assert from 'uvu/assert'
import { Scores } from '../../src/gossip/scores.ts'
import { DOC, type Member, pushText, Table } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: scores')

const send = (table: Table, text: string, count: number): void => {
  for (let i = 0; i < count; i++) table.deliver({ from: 'evil', to: 'a', text })
}

const refusals = ({ effects }: Member): string[] =>
  effects.flatMap((effect) => (effect.type === 'refused' ? [effect.reason] : []))

test('a peer that sends one bad message after the other is read no more, and is back later', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  send(table, '{"damaged', 60)
  const { rejected } = a.gossip.counters
  assert.is(rejected.malformed, 51)
  assert.is(rejected.grey_listed, 9)
  assert.equal(refusals(a).slice(-2), ['malformed', 'grey_listed'])
  assert.equal(a.gossip.scoreOf('evil'), { score: -51, reason: 'malformed', isGrey: true })
  // Meanwhile others are served as before.
  b.map.set('k', 1)
  table.change(b)
  table.advance(30)
  assert.is(a.map.get('k'), 1)
  table.now += 70_000
  send(table, pushText({ [DOC]: {} }), 1)
  assert.is(rejected.grey_listed, 9)
  assert.not(a.gossip.scoreOf('evil').isGrey)
})

test('a peer with one message in each round that we reject stays a peer', () => {
  const scores = new Scores()
  for (let now = 0; now < 3_600_000; now += 5_000) {
    assert.not(scores.rejected('old', 'too_deep', now))
    scores.accepted('old', now)
  }
  assert.ok(scores.of('old', 3_600_000).score > -20)
})

test('messages of another swarm or of a fork, and closed documents, say nothing about a peer', () => {
  const scores = new Scores()
  for (const reason of ['wrong_swarm', 'wrong_format', 'own_clock', 'unknown_document'] as const)
    for (let i = 0; i < 100; i++) scores.rejected('b', reason, 0)
  assert.equal(scores.of('b', 0), { score: 0, isGrey: false })
})

test('good messages make up for few bad ones only', () => {
  const scores = new Scores()
  for (let i = 0; i < 1_000; i++) scores.accepted('b', 0)
  assert.is(scores.of('b', 0).score, 0)
  let bad = 0
  while (!scores.isGrey('b', 0) && bad < 1_000) {
    scores.rejected('b', 'damaged', 0)
    scores.accepted('b', 0)
    bad++
  }
  assert.ok(bad < 80, `${bad} rejected messages`)
})

test('addresses without end take bounded memory, and do not free the one that goes on', () => {
  const scores = new Scores()
  for (let i = 0; i < 30_000; i++) {
    scores.rejected(`once-${i}`, 'malformed', 0)
    if (i % 500 === 0) scores.rejected('evil', 'malformed', 0)
  }
  assert.ok(scores.isGrey('evil', 0))
  assert.is(scores.of('once-0', 0).score, 0)
  assert.is(scores.of('once-29999', 0).score, -1)
})

test.run()
