/**
 * Some time after a change was pushed the digest follows, so that peers that the pushes missed need
 * not wait for a round. Pulls that result are repeated if they are lost.
 */
import * as assert from 'uvu/assert'
import { DEFAULTS, type GossipConfig } from '../../src/gossip/index.ts'
import { Simulation } from '../../src/simulation/index.ts'
import { kindOf, type Member, type Message, Table } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: digest delay')

const { batchMs, digestDelayMs, pullTimeoutMs } = DEFAULTS

/** Rounds do not help here. */
const echoing = (config: Partial<GossipConfig> = {}): Table =>
  new Table({ config: { digestFanout: DEFAULTS.digestFanout, ...config } })

const write = (table: Table, member: Member, key: string, value: unknown): void => {
  member.map.set(key, value)
  table.change(member)
}

const isUpdate = (message: Message): boolean => kindOf(message).includes('update')

test('a peer that the push missed gets the digest, pulls, and has the change', () => {
  const table = echoing()
  const [a, b] = table.seat('a', 'b')
  write(table, a, 'k', 1)
  const [push] = table.advance(batchMs, () => true)
  assert.is(kindOf(push!), 'update')
  const seen = table.advance(digestDelayMs)
  assert.is(b.map.get('k'), 1)
  assert.is(kindOf(seen[0]!), 'digest')
})

test('the first of the digests carries the change once more, the others do not', () => {
  const table = echoing({ fanout: 1, digestFanout: 3 })
  const [a] = table.seat('a', 'b', 'c', 'd', 'e')
  write(table, a, 'k', 1)
  table.advance(batchMs, () => true)
  const digests = table.advance(digestDelayMs, () => true)
  assert.equal(digests.map(kindOf), ['digest,update', 'digest', 'digest'])
  assert.is(new Set(digests.map(({ to }) => to)).size, 3)
})

for (const [shown, kinds] of [
  [4, ['digest,update', 'digest', 'digest']],
  [5, ['digest', 'digest']],
] as const) {
  test(`a change that ${shown} peers have shown is followed by ${kinds[0]}`, () => {
    const table = echoing({ fanout: 1, digestFanout: 3 })
    const [a, ...others] = table.seat('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i')
    write(table, a, 'k', 1)
    const [push] = table.advance(batchMs, () => true)
    for (const { address } of others.slice(-shown))
      table.deliver({ from: address, to: 'a', text: push!.text })
    assert.equal(table.advance(digestDelayMs, () => true).map(kindOf), kinds)
  })
}

test('a long change is announced to the targets of push and digest at once, and not again', () => {
  const table = echoing({ fanout: 2, digestFanout: 3 })
  const [a] = table.seat('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
  write(table, a, 'k', 'x'.repeat(DEFAULTS.inlineBytes))
  const announced = table.advance(batchMs, () => true)
  assert.equal(announced.map(kindOf), ['digest', 'digest', 'digest', 'digest', 'digest'])
  assert.is(new Set(announced.map(({ to }) => to)).size, 5)
  assert.equal(
    table.advance(60_000, () => true),
    [],
  )
  write(table, a, 'k', 'short')
  table.advance(batchMs, () => true)
  assert.is(table.advance(digestDelayMs, () => true).length, 3, 'a short one is echoed as before')
})

test('the digest comes once, when nothing fresh has come for a while', () => {
  const table = echoing({ fanout: 1, digestFanout: 1 })
  const [a] = table.seat('a', 'b', 'c', 'd')
  for (let i = 0; i < 20; i++) {
    write(table, a, 'k', i)
    const seen = table.advance(digestDelayMs - 1, () => true)
    assert.equal(seen.map(kindOf), ['update'])
  }
  assert.equal(table.advance(batchMs + 1, () => true).map(kindOf), ['digest,update'])
  assert.equal(
    table.advance(60_000, () => true),
    [],
  )
})

test('the digest does not go to a peer that is known to have everything', () => {
  const table = echoing()
  const [a, b] = table.seat('a', 'b')
  write(table, a, 'k', 1)
  const seen = table.advance(60_000)
  // b has it from a, which cannot know that it arrived.
  assert.equal(
    seen.map(({ from, to }) => `${from}${to}`),
    ['ab', 'ab'],
  )
  assert.is(b.map.get('k'), 1)
})

test('a lost pull is repeated as soon as answers usually take less time', () => {
  const table = echoing()
  const [a, b] = table.seat('a', 'b')
  for (const value of [1, 2]) {
    write(table, a, 'k', value)
    table.advance(batchMs, isUpdate)
    // The update is lost here, too, so that b pulls.
    const lostPulls = (message: Message) =>
      kindOf(message) === 'digest,update' || (value === 2 && message.from === 'b')
    table.advance(digestDelayMs, lostPulls)
    if (value === 1) {
      table.round(a)
      table.settle()
      assert.is(b.map.get('k'), 1)
    }
  }
  assert.is(b.map.get('k'), 1)
  table.round(a)
  table.settle(({ from }) => from === 'b')
  table.advance(pullTimeoutMs - 1)
  assert.is(b.map.get('k'), 2)
})

test('a lost pull is not repeated forever', () => {
  const table = echoing({ digestFanout: 0 })
  const [a] = table.seat('a', 'b')
  write(table, a, 'k', 1)
  table.advance(batchMs, isUpdate)
  table.round(a)
  const seen = table.advance(600_000, ({ from }) => from === 'b')
  assert.is(seen.filter(({ from }) => from === 'b').length, 2)
})

test('of 300 nodes that lose a tenth of all messages, all but a hundredth get a write without a round', () => {
  for (const seed of [1, 2, 3]) {
    let messages = 0
    const swarm = new Simulation({
      seed,
      loss: 0.1,
      latency: [10, 50],
      config: { intervalMs: 1e9, jitter: 0 },
      onSend: () => messages++,
    })
    const names = Array.from({ length: 300 }, (_, i) => `n${i}`)
    for (const name of names) swarm.add(name, { peers: names })
    swarm.run(5_000)
    messages = 0
    swarm.nodes.get('n0')!.doc.getMap('map').set('k', 1)
    swarm.run(5_000)
    const having = [...swarm.nodes.values()].filter(({ doc }) => doc.getMap('map').has('k'))
    assert.ok(having.length >= 297, `${having.length} of 300 have it (seed ${seed})`)
    assert.ok(messages <= 7 * 300, `${messages} messages (seed ${seed})`)
  }
})

test.run()
