/** A pull that is not answered in the usual time goes to a second peer that announced a change. */
import * as assert from 'uvu/assert'
import { MIN_HEDGE_MS, Pulls } from '../../src/gossip/pulls.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: second pulls')

const TIMEOUT_MS = 1_500

/** Pulls that were answered after these times, one after another; and the time after that. */
const practised = (...times: number[]): [pulls: Pulls, now: number] => {
  const pulls = new Pulls(TIMEOUT_MS)
  let now = 0
  for (const ms of times) {
    pulls.start('kv', 'x', 'digest', now)
    now += ms
    pulls.answered('kv', 'x', false, now)
  }
  return [pulls, now]
}

const peersOf = (ended: ReturnType<Pulls['expire']>): string[] =>
  ended.flatMap(([, nexts]) => nexts.map(({ peer }) => peer))

test('a second announcer is asked after twice the usual time of an answer', () => {
  const [pulls, now] = practised(100)
  assert.ok(pulls.start('kv', 'b', 'digest', now))
  assert.is(pulls.wakeAt, now + 400, 'no other peer could be asked')
  assert.not(pulls.start('kv', 'c', 'digest', now + 50))
  assert.is(pulls.wakeAt, now + 200)
  assert.equal(peersOf(pulls.expire(now + 199)), [])
  assert.equal(peersOf(pulls.expire(now + 200)), ['c'])
})

test('a second announcer that comes later than that is asked at once', () => {
  const [pulls, now] = practised(100)
  pulls.start('kv', 'b', 'digest', now)
  pulls.start('kv', 'c', 'digest', now + 300)
  assert.ok(pulls.wakeAt <= now + 300)
  assert.equal(peersOf(pulls.expire(now + 300)), ['c'])
})

test('before the first answer, a sixth of the longest time-out has to pass', () => {
  const pulls = new Pulls(TIMEOUT_MS)
  pulls.start('kv', 'b', 'digest', 0)
  pulls.start('kv', 'c', 'digest', 0)
  assert.is(pulls.wakeAt, TIMEOUT_MS / 4)
})

test('fast answers do not make it shorter than a bound', () => {
  const [pulls, now] = practised(1, 1, 1)
  pulls.start('kv', 'b', 'digest', now)
  pulls.start('kv', 'c', 'digest', now)
  assert.is(pulls.wakeAt, now + MIN_HEDGE_MS)
})

test('times that vary make it longer', () => {
  const even = practised(100, 100, 100, 100)
  const uneven = practised(20, 180, 20, 180)
  const waits = [even, uneven].map(([pulls, now]) => {
    pulls.start('kv', 'b', 'digest', now)
    pulls.start('kv', 'c', 'digest', now)
    return pulls.wakeAt - now
  })
  assert.is(waits[0], 200)
  assert.ok(waits[1]! >= 250, `${waits[1]} ms`)
})

test('on a slow host late answers make it longer, so that few states come twice', () => {
  const [pulls, start] = practised(60)
  let now = start
  let twice = 0
  for (let i = 0; i < 20; i++) {
    pulls.start('kv', 'b', `${i}`, now)
    pulls.start('kv', 'c', `${i}`, now)
    const isTwice = pulls.wakeAt < now + 1_000
    if (isTwice) {
      twice++
      pulls.expire(pulls.wakeAt)
      pulls.start('kv', 'c', `${i}`, now + 500)
    }
    now += 1_000
    pulls.answered('kv', 'b', false, now)
    pulls.answered('kv', 'c', false, now)
  }
  assert.ok(twice <= 4, `${twice} of 20 were pulled twice`)
})

test('from the second peer without an answer on, the time doubles', () => {
  const [pulls, start] = practised(100)
  const waits: number[] = []
  let now = start
  for (const peer of ['b', 'c', 'd', 'e']) {
    assert.ok(pulls.start('kv', peer, 'digest', now))
    pulls.start('kv', 'other', 'digest', now)
    waits.push(pulls.wakeAt - now)
    now = pulls.wakeAt
    pulls.expire(now)
  }
  assert.equal(waits, [200, 200, 400, 400], 'at most the time without another announcer')
})

test('no second peer is asked while parts of an answer come', () => {
  const [pulls, now] = practised(100)
  pulls.start('kv', 'b', 'digest', now)
  pulls.answered('kv', 'b', true, now + 100)
  pulls.start('kv', 'c', 'digest', now + 110)
  assert.ok(pulls.wakeAt >= now + 100 + TIMEOUT_MS)
})

test('no second peer is asked while fragments of an answer come', () => {
  const [pulls, now] = practised(100)
  pulls.start('kv', 'b', 'digest', now)
  pulls.extend('b', now + 100)
  pulls.start('kv', 'c', 'digest', now + 300)
  assert.is(pulls.wakeAt, now + 100 + TIMEOUT_MS)
})

test.run()
