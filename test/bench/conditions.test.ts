/** The conditions of a simulated swarm: each is what it says, and the same for the same seed. */
import * as assert from 'uvu/assert'
import { comparePlans, measureCondition } from '../../bench/simulate/compare.ts'
import { burstsOf, LOSSY_BURSTS } from '../../bench/simulate/conditions/bursts.ts'
import { outagesOf, TENTH } from '../../bench/simulate/conditions/churn.ts'
import {
  CONDITIONS,
  type Condition,
  LARGE_CONDITIONS,
} from '../../bench/simulate/conditions/condition.ts'
import { Field } from '../../bench/simulate/conditions/field.ts'
import { ONE_WRITE, timesOf } from '../../bench/simulate/conditions/load.ts'
import { FIVE_REGIONS, latencyBetween } from '../../bench/simulate/conditions/regions.ts'
import { sendQueue } from '../../bench/simulate/conditions/send-cost.ts'
import { A_FEW_SLOW, isSlow } from '../../bench/simulate/conditions/slow-nodes.ts'
import { STANDARD } from '../../bench/simulate/settings.ts'
import { seeded } from '../../src/transports/memory/network.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('conditions')

const fieldOf = (condition: Omit<Condition, 'name' | 'load'>, seed = 1): Field =>
  new Field(
    { name: 'test', load: ONE_WRITE, ...condition },
    {
      addresses: Array.from({ length: 40 }, (_, i) => `n${i}`),
      latency: [10, 50],
      random: seeded(seed),
    },
  )

/** The delays of messages from one node to another, one each millisecond. */
const delaysOf = (field: Field, from: string, to: string, count = 5_000): readonly number[][] =>
  Array.from({ length: count }, (_, now) => [...field.deliveries(from, to, now)])

const lostShare = (delays: readonly number[][]): number =>
  delays.filter(({ length }) => length === 0).length / delays.length

test('a field without conditions delivers each message once, within the latency', () => {
  for (const [ms, ...others] of delaysOf(fieldOf({}), 'n1', 'n2', 500)) {
    assert.ok(ms! >= 10 && ms! <= 50)
    assert.is(others.length, 0)
  }
  assert.is(fieldOf({}).leavesAt('n1', 7), 7)
})

test('loss: that share of the messages is lost', () => {
  const share = lostShare(delaysOf(fieldOf({ loss: 0.3 }), 'n1', 'n2'))
  assert.ok(share > 0.27 && share < 0.33, `${share}`)
})

test('bursts: a node is in one for that share of the time, in stretches of that length', () => {
  const isLossy = burstsOf(LOSSY_BURSTS, seeded(3))
  let [lossy, begun, before] = [0, 0, false]
  const total = 2_000_000
  for (let now = 0; now < total; now += 10) {
    const is = isLossy('a', now)
    if (is) lossy += 10
    if (is && !before) begun++
    before = is
  }
  const { share, meanMs } = LOSSY_BURSTS
  assert.ok(Math.abs(lossy / total - share) < share / 4, `${lossy / total}`)
  assert.ok(Math.abs(lossy / begun - meanMs) < meanMs / 4, `${lossy / begun} ms`)
})

test('bursts: losses of one receiver come together, those of two do not', () => {
  const field = fieldOf({ bursts: { share: 0.2, meanMs: 500, loss: 1 } })
  const lost = (to: string) => delaysOf(field, 'n1', to).map(({ length }) => length === 0)
  const [a, b] = [lost('n2'), lost('n3')]
  const switches = a.filter((one, i) => i > 0 && one !== a[i - 1]).length
  assert.ok(a.includes(true) && a.includes(false))
  assert.ok(switches < 50, `${switches} switches`)
  assert.not.equal(a, b)
})

test('regions: a message takes longer between two regions than within one', () => {
  assert.equal(latencyBetween(FIVE_REGIONS, 0, 5), FIVE_REGIONS.within)
  assert.equal(latencyBetween(FIVE_REGIONS, 0, 6), FIVE_REGIONS.between)
  const field = fieldOf({ regions: FIVE_REGIONS })
  const within = delaysOf(field, 'n0', 'n5', 200).flat()
  const between = delaysOf(field, 'n0', 'n1', 200).flat()
  assert.ok(Math.max(...within) <= 20)
  assert.ok(Math.min(...between) >= 80 && Math.max(...between) <= 200)
})

test('slow nodes: what one of twenty sends takes longer', () => {
  assert.equal(
    Array.from({ length: 60 }, (_, node) => node).filter((node) => isSlow(A_FEW_SLOW, node)),
    [0, 20, 40],
  )
  const field = fieldOf({ slow: A_FEW_SLOW })
  assert.ok(Math.min(...delaysOf(field, 'n20', 'n1', 100).flat()) >= 310)
  assert.ok(Math.max(...delaysOf(field, 'n1', 'n20', 100).flat()) <= 50)
})

test('send cost: the messages of a node leave one after another', () => {
  const leavesAt = sendQueue({ ms: 15 })
  assert.equal([leavesAt('a', 100), leavesAt('a', 100), leavesAt('b', 100)], [115, 130, 115])
  assert.is(leavesAt('a', 1_000), 1_015)
})

test('churn: that share of the nodes goes down once, within the time', () => {
  const outages = outagesOf(TENTH, 200, 5_000, seeded(1))
  assert.is(outages.length, 20)
  assert.is(new Set(outages.map(({ node }) => node)).size, 20)
  for (const { node, at } of outages) assert.ok(node < 200 && at >= 0 && at < 5_000)
})

test('load: writes are evenly apart', () => {
  assert.equal(timesOf({ perSecond: 10, writes: 3 }), [0, 100, 200])
})

test('conditions have different names', () => {
  assert.is(new Set(CONDITIONS.map(({ name }) => name)).size, CONDITIONS.length)
  assert.ok(LARGE_CONDITIONS.length > 0)
})

test('every condition gives the same figures for the same seed, and each write arrives', () => {
  const settings = { ...STANDARD, nodes: 40, view: 39 }
  const { plans } = comparePlans(settings, 40)
  assert.is(plans.length, 2 * CONDITIONS.length)
  for (const { condition, plan, leftOut, p50, messages } of plans) {
    assert.ok(p50 !== null && p50 > 0, `${condition}, ${plan}: half never have it`)
    assert.ok(leftOut < 0.05, `${condition}, ${plan}: ${leftOut} left out`)
    assert.ok(messages < 6, `${condition}, ${plan}: ${messages} messages`)
  }
  const churn = CONDITIONS.find((condition) => condition.churn)!
  const again = measureCondition(churn, settings, settings.seed)
  assert.equal(
    plans.find(({ condition, plan }) => condition === churn.name && plan === 'fanout'),
    again,
  )
})

test.run()
