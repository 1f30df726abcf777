/**
 * Convergence by seeded histories: 40 histories of `history.ts`, and the proof that its oracles and
 * its watcher work: each of them detects gossip with a deliberate defect.
 *
 * `HISTORY_SEED=1000` takes 40 others, from seed 1000 on.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { emptyDeletes, emptyDelta, Replica } from '../../crdt/index.ts'
import { Published } from '../../crdt/published.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { type HistoryReport, runHistory } from './history.ts'
import { HostileMember } from './hostile-member.ts'

const test = suite('histories')

const FIRST = Number(process.env.HISTORY_SEED ?? 1)
const BATCHES = 4
const BATCH = 10

for (let batch = 0; batch < BATCHES; batch++) {
  const from = FIRST + batch * BATCH
  test(`seeds ${from} to ${from + BATCH - 1} converge, and no key vanishes`, () => {
    const reports: HistoryReport[] = []
    for (let seed = from; seed < from + BATCH; seed++) reports.push(runHistory(seed))
    // Histories in which nothing happens would converge, too.
    for (const { replicas, writes, messages } of reports) {
      assert.ok(replicas >= 3 && replicas <= 12)
      assert.ok(writes >= 20 && messages >= 50)
    }
    assert.ok(
      reports.some(({ gaps }) => gaps > 0),
      'no update ever came out of order',
    )
  })
}

test('a seed gives the same history every time', () => {
  assert.equal(runHistory(3), runHistory(3))
})

/** Each takes some half a second. */
const HOSTILE_SEEDS = 12

test(`seeds ${FIRST} to ${FIRST + HOSTILE_SEEDS - 1} with a hostile member keep all that was written`, () => {
  let [sent, rejected, kept] = [0, 0, 0]
  for (let seed = FIRST; seed < FIRST + HOSTILE_SEEDS; seed++) {
    const { hostile } = runHistory(seed, { hostile: true })
    sent += hostile!.sent
    rejected += hostile!.rejected
    kept += hostile!.kept
  }
  assert.ok(sent > 100 && rejected > 50 && kept > 100, `${sent}, ${rejected}, ${kept}`)
})

test('the ledger finds an honest write that is gone, and the command replays it', async () => {
  const { act } = HostileMember.prototype
  HostileMember.prototype.act = function (this: HostileMember) {
    this.target.doc.getMap('map').delete('honest:0')
  }
  try {
    const { message } = await rejects(() => runHistory(FIRST, { hostile: true }))
    assert.match(message, /has undefined as honest:0, not n\d+:\d+/)
    assert.match(message, /--hostile --seed \d+$/)
  } finally {
    HostileMember.prototype.act = act
  }
})

/** Runs histories with a method replaced until one fails; returns the message. */
const spoiled = async <K extends string, T extends Record<K, (...args: never[]) => unknown>>(
  target: T,
  name: K,
  replacement: (original: T[K]) => T[K],
  seeds: readonly number[],
): Promise<string> => {
  const original = target[name]
  Object.assign(target, { [name]: replacement(original) })
  try {
    const error = await rejects(() => seeds.map((seed) => runHistory(seed)))
    return error.message
  } finally {
    Object.assign(target, { [name]: original })
  }
}

const REPLAY = /\n {2}replay: node --import tsx test\/tools\/history\.ts --seed \d+$/

test('the watcher sees a key vanish if updates do not wait for what they need', async () => {
  const message = await spoiled(
    Replica.prototype,
    'apply',
    (apply) =>
      function (this: Replica, bytes) {
        return apply.call(this, bytes)
      },
    // Three seeds of ten show it.
    [10, 13, 24, 28],
  )
  assert.match(message, /^keep\d vanished at n\d+/)
  assert.match(message, REPLAY)
})

test('the watcher sees a key vanish if updates with gaps are merged at once', async () => {
  const message = await spoiled(
    Replica.prototype,
    'apply',
    () =>
      function (this: Replica, bytes) {
        Y.applyUpdate(this.doc, bytes, this.origin)
        return { status: 'new', delta: emptyDelta(), carried: emptyDelta(), thrown: [] }
      },
    [1, 2, 3, 4, 5, 6, 7, 8],
  )
  assert.match(message, /^keep\d vanished at n\d+/)
})

test('the digest shows that deletes are not repaired', async () => {
  const message = await spoiled(
    Replica.prototype,
    'lacking',
    (lacking) =>
      function (this: Replica, known) {
        return { ...lacking.call(this, known), deletes: emptyDeletes() }
      },
    // In every other history pulls go by ranges.
    [7, 4],
  )
  assert.match(message, /^\d+ replicas did not converge in 600000 virtual ms/)
  assert.match(message, REPLAY)
})

test('the digest shows that ranges do not repair deletes', async () => {
  const message = await spoiled(
    Published.prototype,
    'compareRanges',
    (compareRanges) =>
      function (this: Published, bytes) {
        const outcome = compareRanges.call(this, bytes)
        return { ...outcome, lacks: { ...outcome.lacks, deletes: emptyDeletes() } }
      },
    [8, 2],
  )
  assert.match(message, /^\d+ replicas did not converge in 600000 virtual ms/)
})

test('the comparison finds a value that differs at one node although all digests are equal', async () => {
  const message = await spoiled(
    Replica.prototype,
    'apply',
    (apply) =>
      function (this: Replica, bytes, needs) {
        const outcome = apply.call(this, bytes, needs)
        const item = this.doc.getMap('map')._map.get('bulk7')
        const isVictim = this.doc.clientID % 2 === 0
        if (isVictim && item?.content instanceof Y.ContentAny) item.content.arr[0] = 'tampered'
        return outcome
      },
    [1, 2, 3, 4, 5, 6, 7, 8],
  )
  assert.not.match(message, /did not converge|vanished/)
  assert.match(message, REPLAY)
})

test.run()
