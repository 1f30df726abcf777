/**
 * The contract of `src/store/store.ts` as tests, sentence by sentence; every store runs it.
 *
 * ```ts
 * storeContract('log', () => {
 *   const dir = mkdtempSync(…)
 *   return { store: () => new LogStore({ dir }), close: () => rmSync(dir, { recursive: true }) }
 * })
 * ```
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { isFailure } from '../../src/errors.ts'
import type { Store } from '../../src/store/store.ts'
import { digestOf, docOf, written } from '../fixtures/store/updates.ts'
import { rejects, suite } from '../helpers/suite.ts'

export interface StoreWorld {
  /** A store over the same data each time, not loaded yet; one lives at a time. */
  store(): Store
  /** From now on the disk refuses to write with this system error; undefined: it works again. */
  refuse(code: string | undefined): void
  close(): void | Promise<void>
}

export const storeContract = (name: string, create: () => StoreWorld): void => {
  const test = suite(`store contract: ${name}`)

  const inWorld = (play: (world: StoreWorld) => Promise<void>) => async (): Promise<void> => {
    const world = create()
    try {
      await play(world)
    } finally {
      await world.close()
    }
  }

  const opened = async (world: StoreWorld): Promise<Store> => {
    const store = world.store()
    const { problems } = await store.load()
    assert.equal(problems, [])
    return store
  }

  /** What a store opened anew gives back. */
  const reload = async (world: StoreWorld) => {
    const store = world.store()
    const loaded = await store.load()
    await store.close()
    return loaded
  }

  test(
    'is empty at first',
    inWorld(async (world) => {
      assert.equal(await reload(world), { state: undefined, updates: [], problems: [] })
    }),
  )

  test(
    'gives back what was appended, in order, over several starts',
    inWorld(async (world) => {
      const { updates } = written(30)
      for (let start = 0; start < 3; start++) {
        const store = await opened(world)
        for (const update of updates.slice(start * 10, start * 10 + 10)) await store.append(update)
        await store.close()
      }
      assert.equal((await reload(world)).updates, updates)
    }),
  )

  test(
    'keeps the order of appends that wait at once, and takes few flushes for many',
    inWorld(async (world) => {
      const { updates } = written(10_000, 100)
      const store = await opened(world)
      await Promise.all(updates.map((update) => store.append(update)))
      const { appended, commits, logUpdates } = store.stats()
      assert.is(appended, updates.length)
      assert.is(logUpdates, updates.length)
      assert.ok(commits < 20, `${commits} commits`)
      await store.close()
      assert.equal((await reload(world)).updates, updates)
    }),
  )

  test(
    'compacts to the state of the document, and goes on after it',
    inWorld(async (world) => {
      const { doc, updates } = written(1000, 10)
      const store = await opened(world)
      await Promise.all(updates.map((update) => store.append(update)))
      await store.compact(doc)
      assert.is(store.stats().logUpdates, 0)
      const later = written(5, 5, doc).updates
      for (const update of later) await store.append(update)
      await store.close()
      const loaded = await reload(world)
      assert.equal(loaded.problems, [])
      assert.equal(loaded.updates, later)
      assert.ok(loaded.state && loaded.state.length < 500)
      assert.is(digestOf(docOf(loaded)), digestOf(doc))
    }),
  )

  test(
    'keeps what is appended while it compacts; a second call is the same compaction',
    inWorld(async (world) => {
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
      assert.is(digestOf(docOf(loaded)), digestOf(doc))
      assert.equal(loaded.updates, last)
    }),
  )

  const refusals = [
    ['ENOSPC', 'disk_full'],
    ['EROFS', 'permission_denied'],
  ] as const
  for (const [system, code] of refusals) {
    test(
      `rejects with ${code} while the disk says ${system}, and works again afterwards`,
      inWorld(async (world) => {
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
        await rejects(() => store.compact(doc), new RegExp(`^${code} cannot`))
        world.refuse(undefined)
        for (const update of updates.slice(3)) await store.append(update)
        await store.close()
        const loaded = await reload(world)
        assert.equal(loaded.problems, [])
        assert.equal(loaded.updates, updates)
      }),
    )
  }

  test(
    'a compaction repairs appends that failed',
    inWorld(async (world) => {
      const { doc, updates } = written(4)
      const store = await opened(world)
      await store.append(updates[0]!)
      world.refuse('ENOSPC')
      await rejects(() => store.append(updates[1]!), /^disk_full cannot/)
      world.refuse(undefined)
      await store.compact(doc)
      await store.close()
      assert.is(digestOf(docOf(await reload(world))), digestOf(doc))
    }),
  )

  test(
    'is used wrongly: before load, twice loaded, nothing to append',
    inWorld(async (world) => {
      const store = world.store()
      const isTypeError = (error: Error) => assert.instance(error, TypeError)
      isTypeError(await rejects(() => store.append(written(1).updates[0]!), /load/))
      isTypeError(await rejects(() => store.compact(new Y.Doc()), /load/))
      await store.load()
      isTypeError(await rejects(() => store.load(), /twice/))
      isTypeError(await rejects(() => store.append(new Uint8Array()), /empty/))
      await store.close()
    }),
  )

  test(
    'close waits for what was begun; afterwards nothing is taken',
    inWorld(async (world) => {
      const { doc, updates } = written(20)
      const store = await opened(world)
      const appends = updates.map((update) => store.append(update))
      const compacting = store.compact(doc)
      await Promise.all([store.close(), store.close()])
      await Promise.all([...appends, compacting])
      await rejects(() => store.append(updates[0]!), /^closed/)
      await rejects(() => store.compact(doc), /^closed/)
      assert.is(digestOf(docOf(await reload(world))), digestOf(doc))
    }),
  )

  test.run()
}
