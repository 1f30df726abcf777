/** Neighbours on rings: mutual, equally many, alive, and no one is left out of a write. */
import * as assert from 'uvu/assert'
import { DEFAULTS } from '../../src/gossip/index.ts'
import { Rings } from '../../src/gossip/rings.ts'
import { Simulation } from '../../src/simulation/index.ts'
import { noise } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: rings')

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`)

const ringsOf = (self: string, all: readonly string[], count: number): Rings => {
  const rings = new Rings(self, count)
  for (const name of all) if (name !== self) rings.add(name)
  return rings
}

const any = () => true

test('each of two neighbours has the other one, whatever the order in which they were added', () => {
  const all = names(100)
  for (const ring of [0, 1, 2]) {
    const neighbours = new Map(
      all.map((name, i) => {
        const order = [...all.slice(i), ...all.slice(0, i)]
        return [name, ringsOf(name, order, 3).neighbours(ring, ring + 1, any)]
      }),
    )
    for (const [name, others] of neighbours) {
      assert.is(others.length, 2)
      for (const other of others) assert.ok(neighbours.get(other)!.includes(name))
    }
  }
})

test('one ring goes through all nodes', () => {
  const all = names(50)
  let [before, at] = ['', all[0]!]
  const seen = new Set<string>()
  while (!seen.has(at)) {
    seen.add(at)
    const next = ringsOf(at, all, 1)
      .neighbours(0, 1, any)
      .find((name) => name !== before)!
    before = at
    at = next
  }
  assert.is(seen.size, 50)
})

test('neighbours on several rings are different, as long as there are enough', () => {
  for (const count of [1, 2, 3, 5, 9, 100]) {
    const all = names(count)
    const neighbours = ringsOf('self', all, 4).neighbours(0, 4, any)
    assert.is(new Set(neighbours).size, neighbours.length)
    assert.is(neighbours.length, Math.min(8, count))
  }
  assert.equal(new Rings('self', 4).neighbours(0, 4, any), [])
})

test('the next one takes the place of a neighbour that does not fit', () => {
  const all = names(20)
  const rings = ringsOf('self', all, 1)
  const [first, second] = rings.neighbours(0, 1, any)
  const others = rings.neighbours(0, 1, (name) => name !== first)
  assert.is(others.length, 2)
  assert.ok(others.includes(second!))
  assert.not(others.includes(first!))
  assert.equal(
    rings.neighbours(0, 1, () => false),
    [],
  )
})

/** A write of that length in 300 nodes, without rounds. */
const spread = (seed: number, loss: number, value: string) => {
  let messages = 0
  const swarm = new Simulation({
    seed,
    loss,
    latency: [10, 50],
    config: { intervalMs: 1e9, jitter: 0 },
    onSend: () => messages++,
  })
  const all = names(300)
  for (const name of all) swarm.add(name, { peers: all, isAcquainted: true })
  swarm.run(5_000)
  // The nodes learn how long an answer takes.
  swarm.nodes.get('n1')!.doc.getMap('map').set('warm', noise(6_000, 1))
  swarm.run(10_000)
  messages = 0
  const start = swarm.now
  const times: number[] = []
  for (const { doc } of swarm.nodes.values())
    doc.getMap('map').observe(({ keysChanged }) => {
      if (keysChanged.has('k')) times.push(swarm.now - start)
    })
  swarm.nodes.get('n0')!.doc.getMap('map').set('k', value)
  swarm.run(5_000)
  return { reached: times.length, ms: times[296] ?? Number.POSITIVE_INFINITY, each: messages / 300 }
}

const { digestDelayMs } = DEFAULTS

for (const seed of [1, 2]) {
  test(`without loss a short write reaches all of 300 nodes by pushes alone (seed ${seed})`, () => {
    const { reached, ms, each } = spread(seed, 0, 'short')
    assert.is(reached, 300)
    assert.ok(ms < 2 * digestDelayMs, `99 % after ${ms} ms`)
    assert.ok(each <= 4.5, `${each} messages a node`)
  })

  test(`a long write reaches all of 300 nodes although a tenth of the messages is lost (seed ${seed})`, () => {
    const { reached, ms, each } = spread(seed, 0.1, noise(6_000, seed))
    assert.ok(reached >= 299, `${reached} of 300 have it`)
    assert.ok(ms <= 900, `99 % after ${ms} ms`)
    assert.ok(each <= 7, `${each} messages a node`)
  })
}

test.run()
