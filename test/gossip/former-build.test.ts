/**
 * Agents of the former build, which write and read only format 1 of the message, in one swarm with
 * ours: both understand each other, and ours use format 2 among themselves.
 */
import * as assert from 'uvu/assert'
import { type Core, type SimulatedNode, Simulation } from '../../src/simulation/index.ts'
import { FORMER } from '../fixtures/former/index.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('former build')

const INTERVAL_MS = 1_000

interface Sent {
  readonly from: string
  readonly to: string
  readonly message: { readonly format: number; readonly reads?: number }
}

interface Swarm {
  readonly swarm: Simulation
  readonly sent: Sent[]
  /** Rejections, as `node: reason`. */
  readonly refused: string[]
}

const createSwarm = (seed: number, loss = 0): Swarm => {
  const sent: Sent[] = []
  const refused: string[] = []
  const swarm = new Simulation({
    seed,
    loss,
    latency: [5, 50],
    config: { intervalMs: INTERVAL_MS },
    onSend: (from, to, text) => sent.push({ from, to, message: JSON.parse(text) }),
    onEffect: ({ address }, effect) => {
      if (effect.type === 'refused') refused.push(`${address}: ${effect.reason}`)
    },
  })
  return { swarm, sent, refused }
}

const join = ({ swarm }: Swarm, address: string, peers: string[], core?: Core): SimulatedNode =>
  swarm.add(address, { peers, ...(core && { core }) })

const set = ({ doc }: SimulatedNode, key: string, value: unknown): void => {
  doc.getMap('map').set(key, value)
}

const mapOf = ({ doc }: SimulatedNode): unknown => doc.getMap('map').toJSON()

test('a mixed swarm converges, deletes and long values included, and nothing is refused', () => {
  eachSeed(8, (_, seed) => {
    const one = createSwarm(seed, 0.1)
    const names = ['new0', 'new1', 'old0', 'old1']
    const nodes = names.map((name) =>
      join(one, name, ['new0', 'old0'], name.startsWith('old') ? FORMER : undefined),
    )
    for (let i = 0; i < 40; i++) {
      const node = nodes[i % nodes.length]!
      set(node, `k${i % 7}`, i % 10 === 0 ? 'x'.repeat(20_000) : i)
      if (i % 5 === 0) node.doc.getMap('map').delete(`k${(i + 3) % 7}`)
      one.swarm.run(100)
    }
    one.swarm.run(20 * INTERVAL_MS)
    for (const node of nodes) assert.equal(mapOf(node), mapOf(nodes[0]!))
    assert.equal(one.refused, [])
  })
})

test('our agents write format 2 to one another, and format 1 to former ones', () => {
  const one = createSwarm(1)
  for (const name of ['new0', 'new1', 'old0'])
    join(one, name, ['new0', 'new1', 'old0'], name === 'old0' ? FORMER : undefined)
  one.swarm.run(5 * INTERVAL_MS)
  const before = one.sent.length
  one.swarm.run(20 * INTERVAL_MS)
  for (const { from, to, message } of one.sent.slice(before))
    assert.is(message.format, from === 'old0' || to === 'old0' ? 1 : 2, `${from} to ${to}`)
  const [first] = one.sent.filter(({ from }) => from === 'new0')
  assert.equal([first!.message.format, first!.message.reads], [1, 2])
})

test('equal states of both builds are known to be equal', () => {
  const one = createSwarm(2)
  const ours = join(one, 'new', ['old'])
  const former = join(one, 'old', ['new'], FORMER)
  set(ours, 'k', 1)
  set(former, 'l', 2)
  one.swarm.run(5 * INTERVAL_MS)
  const before = one.sent.length
  one.swarm.run(10 * INTERVAL_MS)
  const perRound = (one.sent.length - before) / 10
  assert.ok(perRound <= 2.5, `${perRound} messages a round of two: equal digests need no reply`)
  assert.is(ours.gossip.statusOf('swarm')!.unacknowledgedSince, undefined)
  assert.is(former.gossip.statusOf('swarm')!.unacknowledgedSince, undefined)
})

test('an agent that is replaced by the other build goes on in the swarm', () => {
  const one = createSwarm(3)
  const ours = join(one, 'a', ['b'])
  let other = join(one, 'b', ['a'], FORMER)
  for (const core of [undefined, FORMER, undefined]) {
    one.swarm.run(3 * INTERVAL_MS)
    one.swarm.crash('b')
    one.swarm.run(INTERVAL_MS)
    other = one.swarm.add('b', { peers: ['a'], doc: other.doc, ...(core && { core }) })
    set(ours, 'k', Math.random())
    set(other, 'l', Math.random())
    one.swarm.run(4 * INTERVAL_MS)
    assert.equal(mapOf(other), mapOf(ours))
  }
})

test.run()
