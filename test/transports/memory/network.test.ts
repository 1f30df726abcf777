import * as assert from 'uvu/assert'
import { Network, seeded } from '../../../src/transports/memory/network.ts'
import { suite } from '../../helpers/suite.ts'

const test = suite('network')

const TRIES = 20_000

/** All results of a network that is asked `TRIES` times. */
const ask = (network: Network) =>
  Array.from({ length: TRIES }, (_, now) => network.deliveries('a', 'b', now))

test('delivers each message once and at once by default', () => {
  const network = new Network({ random: seeded(1) })
  assert.ok(ask(network).every((delays) => delays.length === 1 && delays[0] === 0))
})

test('loses and doubles the given share', () => {
  const answers = ask(new Network({ random: seeded(2), loss: 0.25, doubling: 0.1 }))
  const lost = answers.filter((delays) => delays.length === 0).length
  const twice = answers.filter((delays) => delays.length === 2).length
  assert.ok(Math.abs(lost / TRIES - 0.25) < 0.01, `lost ${lost}`)
  assert.ok(Math.abs(twice / (TRIES - lost) - 0.1) < 0.01, `doubled ${twice}`)
})

test('delays evenly within the given range, so that messages overtake each other', () => {
  const delays = ask(new Network({ random: seeded(3), latency: [20, 80], doubling: 1 })).flat()
  assert.is(delays.length, 2 * TRIES)
  assert.ok(delays.every((delay) => delay >= 20 && delay < 80))
  const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length
  assert.ok(Math.abs(mean - 50) < 1, `mean ${mean}`)
})

test('repeats its answers for the same seed, and gives others for another', () => {
  const answers = (seed: number) => ask(new Network({ random: seeded(seed), latency: [0, 9] }))
  assert.equal(answers(4), answers(4))
  assert.not.equal(answers(4), answers(5))
})

test('applies a change from the next message on', () => {
  const network = new Network({ random: seeded(6), loss: 1 })
  assert.equal(network.deliveries('a', 'b', 0), [])
  network.loss = 0
  network.latency = [7, 7]
  network.doubling = 1
  assert.equal(network.deliveries('a', 'b', 0), [7, 7])
})

test('separates groups until it is healed; addresses in no group form one more', () => {
  const network = new Network({ random: seeded(7) })
  network.partition([['a', 'b'], ['c']])
  const passes = (from: string, to: string) => network.deliveries(from, to, 0).length === 1
  assert.ok(passes('a', 'b'))
  assert.ok(passes('x', 'y'))
  for (const [from, to] of ['ac', 'ca', 'bc', 'ax', 'xc'] as const) {
    assert.ok(network.isolated(from!, to!), `${from}${to}`)
    assert.not.ok(passes(from!, to!))
  }
  network.partition([['a', 'c']])
  assert.ok(passes('a', 'c'))
  assert.not.ok(passes('a', 'b'))
  network.heal()
  assert.ok(passes('a', 'b'))
})

test('refuses impossible options', () => {
  const random = seeded(8)
  for (const loss of [-0.1, 1.1, Number.NaN]) {
    assert.throws(() => new Network({ random, loss }), /loss must be 0 to 1/)
    assert.throws(() => new Network({ random, doubling: loss }), /doubling must be 0 to 1/)
  }
  for (const latency of [
    [5, 1],
    [-1, 1],
    [0, Number.POSITIVE_INFINITY],
  ] as const) {
    assert.throws(() => new Network({ random, latency }), /latency must be \[min, max\]/)
  }
  const network = new Network({ random })
  assert.throws(() => network.partition([['a'], ['a']]), /"a" is in two groups/)
})

test('draws evenly from any seed, zero and neighbours too', () => {
  for (const seed of [0, 1, 2, -1, 0xffffffff, 12345678901234]) {
    const random = seeded(seed)
    const bins = new Array<number>(10).fill(0)
    for (let index = 0; index < TRIES; index++) {
      const drawn = random()
      assert.ok(drawn >= 0 && drawn < 1)
      bins[Math.floor(drawn * 10)]!++
    }
    for (const bin of bins) assert.ok(Math.abs(bin - TRIES / 10) < 200, `seed ${seed}: ${bins}`)
  }
})

test('draws unrelated sequences for neighbouring seeds', () => {
  for (let seed = 0; seed < 50; seed++) {
    const [left, right] = [seeded(seed), seeded(seed + 1)]
    let same = 0
    for (let index = 0; index < 2000; index++) if (left() < 0.5 === right() < 0.5) same++
    assert.ok(same > 850 && same < 1150, `seeds ${seed} and ${seed + 1}: ${same} of 2000 alike`)
  }
})

test('keeps its generator, so that recorded seeds replay forever', () => {
  const random = seeded(42)
  assert.equal(
    [random(), random(), random()].map((drawn) => drawn.toFixed(9)),
    ['0.884550510', '0.480900712', '0.980961245'],
  )
})

test.run()
