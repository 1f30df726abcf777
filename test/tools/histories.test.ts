/**
 * Convergence by seeded histories: some 40 of those of `history.ts`, and the proof that its
 * oracles and its watcher are awake: gossip that is spoiled on purpose is caught by each.
 *
 * `HISTORY_SEED=1000` takes 40 others, from seed 1000 on.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { emptyDeletes, emptyDelta, Replica } from '../../crdt/index.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { type HistoryReport, runHistory } from './history.ts'

const test = suite('histories')

const FIRST = Number(process.env.HISTORY_SEED ?? 1)
const BATCHES = 4
const BATCH = 10

for (let batch = 0; batch < BATCHES; batch++) {
  const from = FIRST + batch * BATCH
  test(`seeds ${from} to ${from + BATCH - 1} converge, and no key vanishes`, () => {
    const reports: HistoryReport[] = []
    for (let seed = from; seed < from + BATCH; seed++) reports.push(runHistory(seed))
    // Histories in which nothing happens would pass as well.
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

test('the same seed is the same history', () => {
  assert.equal(runHistory(3), runHistory(3))
})

/** Runs histories until one fails, with a method replaced; answers with what it told. */
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

test('the watcher sees a key vanish when what an update needs is not waited for', async () => {
  const told = await spoiled(
    Replica.prototype,
    'apply',
    (apply) =>
      function (this: Replica, bytes) {
        return apply.call(this, bytes)
      },
    // Three of ten show it.
    [10, 13, 24, 28],
  )
  assert.match(told, /^keep\d vanished at n\d+/)
  assert.match(told, REPLAY)
})

test('the watcher sees a key vanish when updates with gaps are merged at once', async () => {
  const told = await spoiled(
    Replica.prototype,
    'apply',
    () =>
      function (this: Replica, bytes) {
        Y.applyUpdate(this.doc, bytes, this.origin)
        return { status: 'new', delta: emptyDelta(), carried: emptyDelta(), thrown: [] }
      },
    [1, 2, 3, 4, 5, 6, 7, 8],
  )
  assert.match(told, /^keep\d vanished at n\d+/)
})

test('the digest sees it when deletes are not repaired', async () => {
  const told = await spoiled(
    Replica.prototype,
    'lacking',
    (lacking) =>
      function (this: Replica, known) {
        return { ...lacking.call(this, known), deletes: emptyDeletes() }
      },
    [3, 13],
  )
  assert.match(told, /^\d+ replicas did not converge in 600000 virtual ms/)
  assert.match(told, REPLAY)
})

test('the comparison sees a value that is another at one node, though all digests are equal', async () => {
  const told = await spoiled(
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
  assert.not.match(told, /did not converge|vanished/)
  assert.match(told, REPLAY)
})

test.run()
