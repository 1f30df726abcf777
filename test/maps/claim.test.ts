/** Claims: who wins, what the fencing number does, and when a holder learns that it has lost. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { type Failure, isFailure, SharedMap } from '../../src/index.ts'
import {
  type ClaimState,
  readClaim,
  readEntries,
  releaseClaim,
  renewClaim,
  takeClaim,
  useClock,
  writeEntry,
} from '../../src/maps/index.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('maps: claims')

const NOW = 1_810_000_000_000
const MAP = 'claims'

/** A document with a clock of its own, which the test sets. */
const clocked = (): { doc: Y.Doc; clock: { now: number } } => {
  const doc = new Y.Doc()
  const clock = { now: NOW }
  useClock(doc, () => clock.now)
  return { doc, clock }
}

const sync = (...docs: Y.Doc[]): void => {
  for (const from of docs) for (const to of docs) Y.applyUpdate(to, Y.encodeStateAsUpdate(from))
}

const refuses = (code: Failure['code'], call: () => unknown): void =>
  assert.throws(call, (error: unknown) => isFailure(error, code))

const anna = { holder: 'anna', forMs: 30_000 }
const bert = { holder: 'bert', forMs: 30_000 }

test('one holder at a time; renewed, released, and over by itself', () => {
  const { doc, clock } = clocked()
  const first = takeClaim(doc, MAP, 'k', anna)
  assert.equal([first.holder, first.until], ['anna', NOW + 30_000])
  refuses('taken', () => takeClaim(doc, MAP, 'k', bert))
  refuses('taken', () => renewClaim(doc, MAP, 'k', bert))
  refuses('taken', () => releaseClaim(doc, MAP, 'k', 'bert'))
  clock.now += 20_000
  const renewed = renewClaim(doc, MAP, 'k', anna)
  assert.equal([renewed.fence, renewed.until], [first.fence, NOW + 50_000])
  assert.is(takeClaim(doc, MAP, 'k', anna).fence, first.fence)
  releaseClaim(doc, MAP, 'k', 'anna')
  assert.is(readClaim(doc, MAP, 'k'), undefined)
  refuses('not_found', () => renewClaim(doc, MAP, 'k', anna))
  const second = takeClaim(doc, MAP, 'k', bert)
  assert.ok(second.fence > first.fence)
  clock.now += 30_000
  assert.is(readClaim(doc, MAP, 'k'), undefined)
  assert.ok(takeClaim(doc, MAP, 'k', anna).fence > second.fence)
})

test('of two that did not know of each other the higher number holds, everywhere', () => {
  const a = clocked()
  const b = clocked()
  b.clock.now += 5
  const first = takeClaim(a.doc, MAP, 'k', anna)
  const second = takeClaim(b.doc, MAP, 'k', bert)
  assert.ok(second.fence > first.fence)
  // A renewal is later, and does not win for that.
  a.clock.now += 1_000
  renewClaim(a.doc, MAP, 'k', anna)
  sync(a.doc, b.doc)
  for (const { doc } of [a, b]) assert.is(readClaim(doc, MAP, 'k')?.holder, 'bert')
  refuses('taken', () => renewClaim(a.doc, MAP, 'k', anna))
})

test('the number never goes down, whoever claims, renews, releases, and meets when', () =>
  eachSeed(40, (random) => {
    const sides = [clocked(), clocked(), clocked()]
    const seen = sides.map(() => 0)
    const look = (): void =>
      sides.forEach(({ doc }, i) => {
        const { k } = readEntries(doc, MAP) as { k?: ClaimState }
        if (k === undefined) return
        assert.ok(k.fence >= seen[i]!, `${k.fence} after ${seen[i]}`)
        seen[i] = k.fence
      })
    for (let step = 0; step < 60; step++) {
      const i = random.int(0, 2)
      const { doc, clock } = sides[i]!
      const holder = `holder${i}`
      clock.now += random.int(0, 20_000)
      try {
        const what = random.int(0, 3)
        if (what === 0) takeClaim(doc, MAP, 'k', { holder, forMs: random.int(10, 40_000) })
        else if (what === 1) renewClaim(doc, MAP, 'k', { holder, forMs: random.int(10, 40_000) })
        else if (what === 2) releaseClaim(doc, MAP, 'k', holder)
        else sync(doc, sides[random.int(0, 2)]!.doc)
      } catch (error) {
        if (!isFailure(error, 'taken') && !isFailure(error, 'not_found')) throw error
      }
      look()
    }
    sync(...sides.map(({ doc }) => doc))
    look()
    const all = sides.map(({ doc }) => JSON.stringify(readEntries(doc, MAP)))
    assert.is(new Set(all).size, 1)
  }))

test('what is no claim is not taken over, and odd times and names are refused', () => {
  const { doc } = clocked()
  writeEntry(doc, MAP, 'k', 'mine')
  writeEntry(doc, MAP, 'hot', { holder: 7 }, { hot: true })
  for (const key of ['k', 'hot', ''])
    refuses('invalid_argument', () => takeClaim(doc, MAP, key, anna))
  for (const forMs of [0, 9, Number.NaN, Number.POSITIVE_INFINITY, 8 * 24 * 3_600_000])
    refuses('invalid_argument', () => takeClaim(doc, MAP, 'n', { holder: 'anna', forMs }))
  for (const holder of ['', 'x'.repeat(257)])
    refuses('invalid_argument', () => takeClaim(doc, MAP, 'n', { holder, forMs: 100 }))
})

test('renewed all day, a claim leaves nothing behind', () => {
  const { doc, clock } = clocked()
  takeClaim(doc, MAP, 'k', anna)
  for (let i = 0; i < 2_000; i++) {
    clock.now += 10_000
    renewClaim(doc, MAP, 'k', anna)
  }
  assert.ok(Y.encodeStateAsUpdate(doc).length < 400)
  assert.ok((doc.store.clients.get(doc.clientID)?.length ?? 0) < 10)
})

test('claim of a map: settles, tells of its loss, and rejects who comes second', async () => {
  const a = new SharedMap(new Y.Doc(), MAP)
  const b = new SharedMap(new Y.Doc(), MAP)
  const claim = await a.claim('k', { ...anna, settleMs: 1 })
  sync(a.doc, b.doc)
  await b.claim('k', bert).then(
    () => assert.unreachable(),
    (error) => assert.ok(isFailure(error, 'taken')),
  )
  assert.is(claim.signal.aborted, false)
  claim.renew(60_000)
  assert.ok(claim.until > Date.now() + 50_000)
  claim.release()
  assert.ok(isFailure(claim.signal.reason, 'closed'))
  claim.release()
  sync(a.doc, b.doc)
  // Two at the same moment: one of them rejects, or is told.
  const attempts = [
    a.claim('two', { ...anna, settleMs: 60 }),
    b.claim('two', { ...bert, settleMs: 60 }),
  ]
  sync(a.doc, b.doc)
  const ends = await Promise.allSettled(attempts)
  assert.equal(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  // Beyond a cut both hold it, until they meet.
  const own = await a.claim('cut', { ...anna, settleMs: 1 })
  const other = await b.claim('cut', { ...bert, settleMs: 1 })
  sync(a.doc, b.doc)
  const [loser, winner] = own.signal.aborted ? [own, other] : [other, own]
  assert.ok(loser.fence < winner.fence)
  assert.ok(isFailure(loser.signal.reason, 'taken'))
  assert.is(winner.signal.aborted, false)
  assert.throws(
    () => loser.renew(1_000),
    (error: unknown) => isFailure(error, 'taken'),
  )
  winner.release()
  // One that is not renewed.
  const short = await a.claim('short', { holder: 'anna', forMs: 80, settleMs: 1 })
  await until('it is over', () => short.signal.aborted)
  assert.ok(isFailure(short.signal.reason, 'timeout'))
})

test.run()
