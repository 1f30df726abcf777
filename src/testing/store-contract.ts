/**
 * The contract of a store, as cases for any test runner. `store/store.ts` states the contract.
 *
 * ```ts
 * const cases = storeContract(() => {
 *   const dir = mkdtempSync(join(tmpdir(), 'store-'))
 *   return { store: () => new LogStore({ dir }), close: () => rmSync(dir, { recursive: true }) }
 * })
 * for (const { name, run } of cases) test(name, run)
 * ```
 */
import assert from 'node:assert/strict'
import * as Y from 'yjs'
import { isFailure } from '../errors.ts'
import { type Loaded, restore, type Store } from '../store/store.ts'
import { type ContractCase, rejectionOf } from './contract.ts'
import { written } from './written.ts'

export interface StoreWorld {
  /** A store over the same data each time, not loaded yet. One is open at a time. */
  store(): Store
  /** Removes the data. Called once, after the last store was closed. */
  close(): void | Promise<void>
}

export interface FaultyStoreWorld extends StoreWorld {
  /** From now on each write fails with this system error; undefined: writes work again. */
  refuse(code: string | undefined): void
}

/** Milliseconds that a case may take: each writes some thousand updates at most. */
const TIMEOUT_MS = 60_000

const REFUSALS = [
  ['ENOSPC', 'disk_full'],
  ['EROFS', 'permission_denied'],
] as const

type Play<World> = (world: World) => Promise<void>

const opened = async (world: StoreWorld): Promise<Store> => {
  const store = world.store()
  const { problems } = await store.load()
  assert.deepEqual(problems, [])
  return store
}

/** What a newly opened store returns. Bytes become plain arrays: a store may return Buffers. */
const reload = async (world: StoreWorld): Promise<Loaded> => {
  const store = world.store()
  const { state, updates, problems } = await store.load()
  await store.close()
  return {
    state: state && new Uint8Array(state),
    updates: updates.map((update) => new Uint8Array(update)),
    problems,
  }
}

/** Fails unless the document that was loaded is equal to `doc`, deletions too. */
const assertHolds = (loaded: Loaded, doc: Y.Doc): void => {
  const copy = new Y.Doc()
  restore(copy, loaded)
  assert.ok(Y.equalSnapshots(Y.snapshot(copy), Y.snapshot(doc)), 'the document differs')
}

const caseIn =
  <World extends StoreWorld>(createWorld: () => World) =>
  (name: string, play: Play<World>): ContractCase => ({
    name,
    timeoutMs: TIMEOUT_MS,
    run: async () => {
      const world = createWorld()
      try {
        await play(world)
      } finally {
        await world.close()
      }
    },
  })

/** `createWorld` is called once for each case. */
export const storeContract = (createWorld: () => StoreWorld): readonly ContractCase[] => {
  const create = caseIn(createWorld)
  return [
    create('load: empty at first', async (world) => {
      assert.deepEqual(await reload(world), { state: undefined, updates: [], problems: [] })
    }),

    create('load: returns what was appended, in order, over several starts', async (world) => {
      const { updates } = written(30)
      for (let start = 0; start < 3; start++) {
        const store = await opened(world)
        for (const update of updates.slice(start * 10, start * 10 + 10)) await store.append(update)
        await store.close()
      }
      assert.deepEqual((await reload(world)).updates, updates)
    }),

    create('append: many at the same time keep their order and share flushes', async (world) => {
      const { updates } = written(10_000, 100)
      const store = await opened(world)
      await Promise.all(updates.map((update) => store.append(update)))
      const { appended, commits, logUpdates } = store.stats()
      assert.equal(appended, updates.length)
      assert.equal(logUpdates, updates.length)
      assert.ok(commits < 20, `${commits} commits`)
      await store.close()
      assert.deepEqual((await reload(world)).updates, updates)
    }),

    create(
      'compact: saves the state of the document, and later appends follow it',
      async (world) => {
        const { doc, updates } = written(1000, 10)
        const store = await opened(world)
        await Promise.all(updates.map((update) => store.append(update)))
        await store.compact(doc)
        assert.equal(store.stats().logUpdates, 0)
        const later = written(5, 5, doc).updates
        for (const update of later) await store.append(update)
        await store.close()
        const loaded = await reload(world)
        assert.deepEqual(loaded.problems, [])
        assert.deepEqual(loaded.updates, later)
        assert.ok(loaded.state && loaded.state.length < 500)
        assertHolds(loaded, doc)
      },
    ),

    create('append during compact: is kept; a second compact joins the first', async (world) => {
      const { doc, updates } = written(100, 10)
      const store = await opened(world)
      const early = updates.map((update) => store.append(update))
      const first = store.compact(doc)
      const late = written(10, 10, doc).updates
      const second = store.compact(doc)
      await Promise.all([...early, first, second, ...late.map((update) => store.append(update))])
      await store.compact(doc)
      const last = written(3, 3, doc).updates
      for (const update of last) await store.append(update)
      await store.close()
      const loaded = await reload(world)
      assertHolds(loaded, doc)
      assert.deepEqual(loaded.updates, last)
    }),

    create(
      'misuse: append before load, a second load and an empty update are TypeErrors',
      async (world) => {
        const store = world.store()
        const isTypeError = (error: Error) => assert.ok(error instanceof TypeError, String(error))
        isTypeError(await rejectionOf(() => store.append(written(1).updates[0]!), /load/))
        isTypeError(await rejectionOf(() => store.compact(new Y.Doc()), /load/))
        await store.load()
        isTypeError(await rejectionOf(() => store.load(), /twice/))
        isTypeError(await rejectionOf(() => store.append(new Uint8Array()), /empty/))
        await store.close()
      },
    ),

    create('close: waits for what was begun; later calls reject with closed', async (world) => {
      const { doc, updates } = written(20)
      const store = await opened(world)
      const appends = updates.map((update) => store.append(update))
      const compacting = store.compact(doc)
      await Promise.all([store.close(), store.close()])
      await Promise.all([...appends, compacting])
      await rejectionOf(() => store.append(updates[0]!), /^closed/)
      await rejectionOf(() => store.compact(doc), /^closed/)
      assertHolds(await reload(world), doc)
    }),
  ]
}

/** The cases about a disk that fails, for stores that a test can give one. */
export const faultyStoreContract = (
  createWorld: () => FaultyStoreWorld,
): readonly ContractCase[] => {
  const create = caseIn(createWorld)
  return [
    ...REFUSALS.map(([system, code]) =>
      create(
        `a disk that fails with ${system}: append and compact reject with ${code}, and work again afterwards`,
        async (world) => {
          const { doc, updates } = written(9)
          const store = await opened(world)
          for (const update of updates.slice(0, 3)) await store.append(update)
          world.refuse(system)
          const failed = await Promise.allSettled(
            updates.slice(3, 6).map((update) => store.append(update)),
          )
          for (const result of failed) {
            assert.ok(result.status === 'rejected' && isFailure(result.reason, code))
            assert.ok(result.reason.hint, 'a hint says what to do')
          }
          await rejectionOf(() => store.compact(doc), new RegExp(`^${code} cannot`))
          world.refuse(undefined)
          for (const update of updates.slice(3)) await store.append(update)
          await store.close()
          const loaded = await reload(world)
          assert.deepEqual(loaded.problems, [])
          assert.deepEqual(loaded.updates, updates)
        },
      ),
    ),

    create('compact: saves what a failed append did not', async (world) => {
      const { doc, updates } = written(4)
      const store = await opened(world)
      await store.append(updates[0]!)
      world.refuse('ENOSPC')
      await rejectionOf(() => store.append(updates[1]!), /^disk_full cannot/)
      world.refuse(undefined)
      await store.compact(doc)
      await store.close()
      assertHolds(await reload(world), doc)
    }),
  ]
}
