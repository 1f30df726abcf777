/** When a document is compacted: after a write, or if nothing was written for a while. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { renameStructs } from '../../crdt/rename.ts'
import { Failure } from '../../src/errors.ts'
import {
  IDLE_BYTES,
  IDLE_MS,
  IDLE_UPDATES,
  isDueForCompaction,
  type Moment,
} from '../../src/store/compaction.ts'
import { Persistence } from '../../src/store/persistence.ts'
import type { Loaded, Store, StoreStats } from '../../src/store/store.ts'
import { FakeTimers, settle } from '../helpers/fake-timers.ts'
import { gate } from '../helpers/gate.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('store persistence')

/** A store that keeps nothing and fails when the test says so. */
class FakeStore implements Store {
  isDue = (_moment?: Moment): boolean => false
  failure: Failure | undefined
  compactions = 0

  async load(): Promise<Loaded> {
    return { state: undefined, updates: [], problems: [] }
  }

  async append(_update?: Uint8Array): Promise<void> {
    if (this.failure) throw this.failure
  }

  needsCompaction(moment?: Moment): boolean {
    return this.isDue(moment)
  }

  async compact(): Promise<void> {
    this.compactions++
    if (this.failure) throw this.failure
    this.isDue = () => false
  }

  stats(): StoreStats {
    return { stateBytes: 0, logBytes: 0, logUpdates: 0, appended: 0, commits: 0 }
  }

  async close(): Promise<void> {}
}

const whenIdle = (moment?: Moment): boolean => moment?.isIdle === true

const kit = async (isDue: (moment?: Moment) => boolean) => {
  const doc = new Y.Doc()
  const store = new FakeStore()
  store.isDue = isDue
  const timers = new FakeTimers()
  const problems: Failure[] = []
  const persistence = new Persistence(doc, store, (failure) => problems.push(failure), timers)
  await persistence.open()
  const write = async (): Promise<void> => {
    doc.getMap('map').set('key', timers.time)
    await settle()
  }
  return { store, timers, problems, persistence, write }
}

test('compacts a long log at once', async () => {
  const { store, write, persistence } = await kit(() => true)
  assert.is(store.compactions, 0)
  await write()
  assert.is(store.compactions, 1)
  await persistence.close()
})

test('compacts a shorter log if nothing was written for a while', async () => {
  const { store, timers, write, persistence } = await kit(whenIdle)
  for (let count = 0; count < 10; count++) {
    await write()
    await timers.pass(IDLE_MS - 1)
  }
  assert.is(store.compactions, 0)
  assert.ok(timers.count <= 11, `${timers.count} timers: one for all writes`)
  await timers.pass(1)
  assert.is(store.compactions, 1)
  assert.not(timers.isWaiting)
  await persistence.close()
})

test('compacts the log of an earlier run, without a write', async () => {
  const { store, timers, persistence } = await kit(whenIdle)
  await timers.pass(IDLE_MS)
  assert.is(store.compactions, 1)
  await persistence.close()
})

test('has no timer if there is nothing to compact, nor after close', async () => {
  const { store, timers, write, persistence } = await kit(() => false)
  await write()
  assert.not(timers.isWaiting)
  store.isDue = whenIdle
  await write()
  assert.ok(timers.isWaiting)
  await persistence.close()
  assert.not(timers.isWaiting)
  await timers.pass(10 * IDLE_MS)
  assert.is(store.compactions, 0)
})

test('retries a failed compaction after a minute, not at each write', async () => {
  const { store, timers, problems, write, persistence } = await kit(whenIdle)
  store.failure = new Failure('disk_full', 'no space')
  await timers.pass(IDLE_MS)
  assert.equal([store.compactions, problems.length], [1, 1])
  await timers.pass(59_999)
  assert.is(store.compactions, 1)
  store.failure = undefined
  await timers.pass(1)
  assert.is(store.compactions, 2)
  await write()
  assert.not(timers.isWaiting)
  await persistence.close()
})

test('does not compact while the disk fails, and does not repeat its timer', async () => {
  const { store, timers, write, persistence } = await kit(whenIdle)
  store.failure = new Failure('disk_full', 'no space')
  await write()
  const before = timers.count
  for (let minute = 0; minute < 10; minute++) await timers.pass(60_000)
  assert.is(store.compactions, 0)
  assert.ok(timers.count - before <= 10, `${timers.count - before} timers in ten minutes`)
  store.failure = undefined
  await persistence.flushed()
  await timers.pass(60_000)
  assert.is(store.compactions, 1)
  await persistence.close()
})

test('does not keep the process alive with its timer', async () => {
  const store = new FakeStore()
  store.isDue = whenIdle
  const persistence = new Persistence(new Y.Doc(), store, () => {})
  const countTimers = (): number =>
    process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
  const before = countTimers()
  await persistence.open()
  assert.is(countTimers(), before)
  await persistence.close()
})

test('idle compaction is due by bytes or by count, unless the log is small compared to the state', () => {
  const idle = { isIdle: true }
  const sizes = { stateBytes: 0, logBytes: 0, logUpdates: 0 }
  assert.not(isDueForCompaction(sizes, idle))
  assert.not(isDueForCompaction({ ...sizes, logBytes: IDLE_BYTES - 1 }, idle))
  for (const worth of [{ logBytes: IDLE_BYTES }, { logUpdates: IDLE_UPDATES }]) {
    assert.ok(isDueForCompaction({ ...sizes, ...worth }, idle))
    assert.not(isDueForCompaction({ ...sizes, ...worth }))
  }
  const large = { ...sizes, stateBytes: 4 * IDLE_BYTES + 4, logUpdates: IDLE_UPDATES }
  assert.not(isDueForCompaction({ ...large, logBytes: IDLE_BYTES }, idle))
  assert.ok(isDueForCompaction({ ...large, logBytes: IDLE_BYTES + 1 }, idle))
})

test('rewrite stores the whole document, and flushed waits for that', async () => {
  const store = new FakeStore()
  const doc = new Y.Doc()
  const problems: Failure[] = []
  const persistence = new Persistence(doc, store, (failure) => problems.push(failure))
  await persistence.open()
  let appended = 0
  store.append = async () => void appended++
  const own = doc.clientID
  doc.getMap('state').set('k', 1)
  await persistence.flushed()
  assert.is(appended, 1)
  persistence.rewrite(() => renameStructs(doc, Y.createID(own, 0), own + 1, undefined))
  await persistence.flushed()
  assert.equal([appended, store.compactions], [1, 1])
  store.failure = new Failure('disk_full', 'no room')
  persistence.rewrite(() => renameStructs(doc, Y.createID(own + 1, 0), own + 2, undefined))
  await rejects(() => persistence.flushed(), /disk_full/)
  assert.ok(problems.length > 0)
  store.failure = undefined
  const before = store.compactions
  await persistence.flushed()
  assert.is(store.compactions, before + 1)
  await persistence.flushed()
  assert.is(store.compactions, before + 1)
  await persistence.close()
})

/** Calls `run` once while the next transaction runs or ends. */
const moments: readonly (readonly [string, (doc: Y.Doc, run: () => void) => void])[] = [
  [
    'in a transaction',
    (doc, run) =>
      doc.transact(() => {
        doc.getMap('map').set('key', 'value')
        run()
      }),
  ],
  [
    'by an observer',
    (doc, run) => {
      doc.getMap('map').observe(run)
      doc.getMap('map').set('key', 'value')
    },
  ],
  [
    'after a transaction, before its update',
    (doc, run) => {
      doc.once('afterTransaction', run)
      doc.getMap('map').set('key', 'value')
    },
  ],
]

for (const [when, change] of moments) {
  test(`flushed: waits for the change if it is called ${when}`, async () => {
    const doc = new Y.Doc()
    const { promise, open } = gate()
    const store = new FakeStore()
    let appends = 0
    store.append = async () => {
      appends++
      await promise
    }
    const persistence = new Persistence(doc, store, () => undefined, new FakeTimers())
    await persistence.open()
    let isFlushed = false
    let flushing: Promise<void> | undefined
    change(doc, () => {
      flushing = persistence.flushed().then(() => {
        isFlushed = true
      })
    })
    await settle()
    assert.is(appends, 1)
    assert.not.ok(isFlushed, 'the store has not taken it yet')
    open()
    await flushing
    assert.ok(isFlushed)
    await persistence.close()
  })
}

for (const [when, change] of moments) {
  test(`close: stores the change if it is called ${when}`, async () => {
    const doc = new Y.Doc()
    const store = new FakeStore()
    const kept = new Y.Doc()
    store.append = async (update?: Uint8Array) => Y.applyUpdate(kept, update!)
    const persistence = new Persistence(doc, store, () => undefined, new FakeTimers())
    await persistence.open()
    let closing: Promise<void> | undefined
    change(doc, () => {
      closing = persistence.close()
    })
    await closing
    assert.is(kept.getMap('map').get('key'), 'value')
  })
}

test.run()
