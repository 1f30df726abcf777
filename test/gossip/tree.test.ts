/** Dissemination as a tree: redundant links become lazy, digests over them repair the tree. */
import * as assert from 'uvu/assert'
import { DEFAULTS } from '../../src/gossip/index.ts'
import { Simulation } from '../../src/simulation/index.ts'
import { docOf } from '../helpers/docs.ts'
import { DOC, kindOf, packedState, pushText, stateIn, Table } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: tree')

const { batchMs, digestDelayMs } = DEFAULTS

/** `a` with three neighbours among four peers; what it sends is not delivered. */
const seated = () => {
  const table = new Table({ config: { dissemination: 'tree', fanout: 1, digestFanout: 2 } })
  const [a] = table.seat('a', 'b', 'c', 'd', 'e')
  const write = (key: string): void => {
    a.map.set(key, 1)
    table.change(a)
  }
  /** What `a` sends within that time, as peer and kind. */
  const sent = (ms: number): string[] =>
    table
      .advance(ms, () => true)
      .filter(({ from }) => from === 'a')
      .map((message) => `${message.to} ${kindOf(message)}`)
      .sort()
  return { table, a, write, sent }
}

test('a change goes to all neighbours while no link is lazy, and no digest follows', () => {
  const { write, sent } = seated()
  write('k')
  const pushes = sent(batchMs)
  assert.is(pushes.length, 2)
  for (const push of pushes) assert.match(push, / update$/)
  assert.equal(sent(10_000), [])
})

test('a redundant push makes its link lazy on both sides', () => {
  const { table, write, sent } = seated()
  write('first')
  const [one, other] = sent(batchMs).map((push) => push.split(' ')[0]!)
  const source = docOf(77)
  source.getMap('map').set('theirs', 1)
  const text = pushText({ [DOC]: { update: packedState(source) } })
  for (const from of [one!, other!]) table.deliver({ from, to: 'a', text })
  assert.ok(table.log.some((message) => message.to === other && stateIn(message).enough))
  table.settle(() => true)
  sent(10_000)
  write('second')
  assert.equal(sent(batchMs), [`${one} update`])
  assert.equal(sent(digestDelayMs), [`${other} digest`], 'the lazy link gets the digest')
})

test('a peer that sends "enough" gets digests, and pushes again after it has pulled', () => {
  const { table, a, write, sent } = seated()
  write('first')
  const [one] = sent(batchMs).map((push) => push.split(' ')[0]!)
  const { digest } = a.replica
  table.deliver({ from: one!, to: 'a', text: pushText({ [DOC]: { digest, enough: true } }) })
  write('second')
  assert.not(sent(batchMs).includes(`${one} update`))
  assert.ok(sent(digestDelayMs).includes(`${one} digest`))
  const { replica } = table.get(one!)
  const pull = { digest: replica.digest, vector: replica.syncRequest().vector }
  table.deliver({ from: one!, to: 'a', text: pushText({ [DOC]: pull }) })
  sent(batchMs)
  write('third')
  assert.ok(sent(batchMs).includes(`${one} update`))
})

test('the option changes nothing in a small swarm', () => {
  const table = new Table({ config: { dissemination: 'tree' } })
  const [a] = table.seat('a', 'b', 'c')
  a.map.set('k', 1)
  table.change(a)
  assert.is(table.advance(batchMs).length, 2)
})

const spread = (seed: number, loss: number, crash: number) => {
  let updates = 0
  const swarm = new Simulation({
    seed,
    loss,
    latency: [10, 50],
    config: { dissemination: 'tree', intervalMs: 1e9, jitter: 0 },
    onSend: (_from, _to, text) => {
      if (text.includes('"update"')) updates++
    },
  })
  const names = Array.from({ length: 100 }, (_, i) => `n${i}`)
  for (const name of names) swarm.add(name, { peers: names, isAcquainted: true })
  const write = (key: string): number => {
    updates = 0
    swarm.nodes.get('n0')!.doc.getMap('map').set(key, 1)
    swarm.run(10_000)
    return [...swarm.nodes.values()].filter(({ doc }) => doc.getMap('map').has(key)).length
  }
  swarm.run(5_000)
  for (const key of ['first', 'second']) write(key)
  for (const name of names.slice(1, 1 + crash)) swarm.crash(name)
  return { reached: write('k'), updates }
}

test('when the tree is laid, each node gets a change about once', () => {
  const { reached, updates } = spread(1, 0, 0)
  assert.is(reached, 100)
  assert.ok(updates <= 115, `${updates} updates for 100 nodes`)
})

test('nearly all nodes get a change although a fifth have died and a tenth of the messages is lost', () => {
  for (const seed of [1, 2, 3]) {
    const { reached } = spread(seed, 0.1, 20)
    assert.ok(reached >= 76, `${reached} of 80 have it (seed ${seed})`)
  }
})

test.run()
