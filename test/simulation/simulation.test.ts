/**
 * The swarm in virtual time: the same seed gives the same run to the byte, events happen in order, and
 * a write reaches every node of a large swarm on a bad network.
 */
import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import { Simulation, type SimulationOptions } from '../../src/simulation/index.ts'
import { TimeQueue } from '../../src/simulation/queue.ts'
import { docOf } from '../helpers/docs.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('simulation')

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`)

const BAD: Partial<SimulationOptions> = { loss: 0.2, doubling: 0.1, latency: [5, 80] }

test('the queue returns items by time, and those of one time in the order in which they were added', () => {
  eachSeed(200, (random) => {
    const queue = new TimeQueue<number>()
    const waiting: { at: number; item: number }[] = []
    for (let item = 0; item < 300; item++) {
      if (random.chance(0.6)) {
        const at = random.int(0, 20)
        queue.push(at, item)
        waiting.push({ at, item })
      } else {
        waiting.sort((a, b) => a.at - b.at || a.item - b.item)
        const next = waiting.shift()
        assert.is(queue.nextAt, next?.at ?? Number.POSITIVE_INFINITY)
        assert.is(queue.pop(), next?.item)
      }
      assert.is(queue.size, waiting.length)
    }
  })
})

test('an empty queue returns nothing', () => {
  const queue = new TimeQueue<string>()
  assert.is(queue.pop(), undefined)
  assert.is(queue.nextAt, Number.POSITIVE_INFINITY)
  queue.push(1, 'one')
  assert.is(queue.pop(), 'one')
  assert.is(queue.pop(), undefined)
})

/** A hash over all messages of a run, with their times. */
const runHash = (seed: number): string => {
  const hash = createHash('sha256')
  let sent = 0
  const swarm: Simulation = new Simulation({
    ...BAD,
    seed,
    onSend: (from, to, text) => {
      sent++
      hash.update(`${swarm.now} ${from} ${to} ${text}\n`)
    },
  })
  const all = names(12)
  for (const name of all) swarm.add(name, { peers: ['n0'] })
  for (let i = 0; i < 40; i++) {
    swarm.run(100)
    swarm.nodes
      .get(all[i % 12]!)!
      .doc.getMap('map')
      .set(`k${i % 7}`, i)
    if (i === 20) swarm.network.partition([all.slice(0, 5), all.slice(5)])
    if (i === 30) swarm.network.heal()
  }
  swarm.run(20_000)
  assert.ok(sent > 300, `only ${sent} messages`)
  return hash.digest('hex')
}

test('the same seed gives the same messages at the same times; another seed gives others', () => {
  assert.is(runHash(1), runHash(1))
  assert.is.not(runHash(1), runHash(2))
})

test('run moves time to its end, or until the condition holds', () => {
  const swarm = new Simulation({ seed: 1 })
  const times: number[] = []
  for (const at of [50, 10, 30]) swarm.at(at, () => times.push(swarm.now))
  assert.is(
    swarm.run(100, () => times.length === 2),
    true,
  )
  assert.equal(times, [10, 30])
  assert.is(swarm.now, 30)
  assert.is(swarm.run(100), false)
  assert.equal(times, [10, 30, 50])
  assert.is(swarm.now, 130)
})

test('a write reaches 300 nodes in a few rounds with 20 % loss', () => {
  const swarm = new Simulation({ seed: 4, loss: 0.2, latency: [10, 50] })
  const all = names(300)
  for (const name of all) swarm.add(name, { peers: all })
  swarm.run(10_000)
  const start = swarm.now
  swarm.nodes.get('n7')!.doc.getMap('map').set('k', 'v')
  const count = () => all.filter((name) => swarm.nodes.get(name)!.doc.getMap('map').has('k')).length
  swarm.run(1_000)
  const reached = count()
  assert.ok(reached >= 250, `${reached} of 300 within a second, without waiting for a round`)
  assert.ok(
    swarm.run(30_000, () => swarm.hasConverged),
    'not converged after 30 s',
  )
  assert.is(count(), 300)
  assert.ok(swarm.now - start <= 30_000)
})

test('a node that crashes comes back with the document that the caller kept', () => {
  const swarm = new Simulation({ seed: 6, latency: [5, 20] })
  const a = swarm.add('a', { peers: ['b'] })
  swarm.add('b', { peers: ['a'] })
  a.doc.getMap('map').set('one', 1)
  assert.ok(swarm.run(10_000, () => swarm.hasConverged))
  swarm.crash('b')
  assert.throws(() => swarm.crash('b'), /no node "b"/)
  a.doc.getMap('map').set('two', 2)
  swarm.run(10_000)
  assert.ok(a.gossip.counters.sendsFailed > 0, 'sends to a dead node end well')
  const back = swarm.add('b', { peers: ['a'], doc: docOf(99) })
  assert.ok(swarm.run(30_000, () => swarm.hasConverged))
  assert.equal(back.doc.getMap('map').toJSON(), { one: 1, two: 2 })
})

test('a message to a crashed node is lost, unless the node returns before it arrives', () => {
  for (const isBack of [true, false]) {
    const swarm = new Simulation({
      seed: 6,
      latency: [1_000, 1_000],
      config: { intervalMs: 1e9, jitter: 0, digestFanout: 0 },
    })
    const a = swarm.add('a', { peers: ['b'] })
    swarm.add('b', { peers: [] })
    swarm.run(5_000)
    a.doc.getMap('map').set('k', 1)
    swarm.run(100) // it has left
    swarm.crash('b')
    swarm.run(isBack ? 100 : 2_000)
    const back = swarm.add('b', { peers: [], doc: docOf(99) })
    swarm.run(5_000)
    assert.is(back.gossip.counters.pushesReceived, isBack ? 1 : 0)
  }
})

test('converges with 50 % loss and a partition of a minute', () => {
  const swarm = new Simulation({ seed: 8, loss: 0.5, latency: [10, 50] })
  const all = names(40)
  for (const name of all) swarm.add(name, { peers: ['n0', 'n1'] })
  swarm.run(30_000)
  swarm.network.partition([all.slice(0, 20), all.slice(20)])
  for (const [i, name] of all.entries()) {
    swarm.nodes
      .get(name)!
      .doc.getMap('map')
      .set(`k${i % 15}`, name)
    swarm.run(1_500)
  }
  assert.not(swarm.hasConverged)
  swarm.network.heal()
  assert.ok(swarm.run(120_000, () => swarm.hasConverged))
  const contents = new Set(
    all.map((name) => {
      const map = swarm.nodes.get(name)!.doc.getMap('map').toJSON()
      return JSON.stringify(Object.entries(map).sort())
    }),
  )
  assert.is(contents.size, 1)
})

test.run()
