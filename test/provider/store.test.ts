/**
 * A provider with a store: the stored document is loaded before anything is sent, and a disk that fails
 * loses no change.
 */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Failure } from '../../src/errors.ts'
import { nodeDisk } from '../../src/fs/disk.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import type { Store } from '../../src/store/store.ts'
import { FaultyDisk } from '../fixtures/store/faulty-disk.ts'
import { temporaryFolder } from '../helpers/cli.ts'
import { eventsOf, onStage, type Stage, textOf, turns, write } from '../helpers/provider.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('provider with a store')

const inFolder = (run: (stage: Stage, dir: string) => Promise<void>) => async () => {
  const { dir, remove } = temporaryFolder()
  try {
    await onStage((stage) => run(stage, dir))
  } finally {
    remove()
  }
}

/** A store whose `load` waits for the test. */
class SlowStore extends LogStore {
  go: () => void = () => undefined
  readonly #gate = new Promise<void>((resolve) => {
    this.go = resolve
  })

  override async load(): ReturnType<LogStore['load']> {
    await this.#gate
    return super.load()
  }
}

test(
  'has the document after a restart, without a peer',
  inFolder(async (stage, dir) => {
    const before = stage.add('a', { store: new LogStore({ dir }) })
    await before.whenLoaded
    write(before, 'kept')
    await before.flush()
    await before.destroy()
    const after = stage.add('a', { store: new LogStore({ dir }), connect: false })
    let loads = 0
    after.doc.on('load', () => loads++)
    await after.whenLoaded
    assert.is(textOf(after), 'kept')
    assert.is(after.doc.isLoaded, true)
    assert.is(loads, 1)
    assert.is(after.synced, false)
  }),
)

test(
  'sends nothing before the store is loaded, and sends the loaded document then',
  inFolder(async (stage, dir) => {
    const first = stage.add('a', { store: new LogStore({ dir }) })
    await first.whenLoaded
    write(first, 'kept')
    await first.destroy()
    const b = stage.add('b')
    await until('b', () => b.connected)
    const store = new SlowStore({ dir })
    const via = stage.transport('a')
    const again = stage.add('a', { store, via })
    await turns()
    assert.is(again.status, 'connecting')
    assert.equal(stage.hub.addresses, ['b'])
    store.go()
    await until('b has it', () => textOf(b) === 'kept')
    await until('a knows that', () => again.syncStatus.status === 'green')
  }),
)

test(
  'leaves nothing open if it ends while the store is being loaded',
  inFolder(async (stage, dir) => {
    for (const end of ['destroy', 'disconnect'] as const) {
      const store = new SlowStore({ dir: join(dir, end) })
      const a = stage.add('a', { store })
      await turns(2)
      const ended = a[end]()
      store.go()
      await ended
      await a.whenLoaded
      await turns()
      assert.is(a.status, 'disconnected')
      assert.equal(stage.hub.addresses, [], 'the transport was not opened')
    }
  }),
)

test(
  'reports a store that cannot be read once, and shares nothing',
  inFolder(async (stage, dir) => {
    const store = new LogStore({ dir })
    store.load = async () => {
      throw new Failure('permission_denied', 'no')
    }
    const a = stage.add('a', { store })
    const events = eventsOf(a)
    await rejects(() => a.whenLoaded, /permission_denied/)
    await until('reported', () => events.length > 1)
    await turns()
    assert.equal(events.sort(), ['disconnected', 'error permission_denied'])
    assert.is(a.shouldConnect, false)
    assert.equal(stage.hub.addresses, [])
    await rejects(() => a.flush(), /permission_denied/)
  }),
)

test(
  'reports a full disk, goes on, and stores everything once there is space',
  inFolder(async (stage, dir) => {
    const disk = new FaultyDisk(nodeDisk)
    const a = stage.add('a', { store: new LogStore({ dir, disk }) })
    const b = stage.add('b')
    await a.whenSynced
    write(a, 'one')
    await a.flush()
    await until('b has it', () => textOf(b) === 'one')
    const events = eventsOf(a)
    disk.space = 0
    write(b, 'two')
    await until('a shows it all the same', () => textOf(a) === 'onetwo')
    write(a, 'three')
    await rejects(() => a.flush(), /disk_full/)
    await until('it is reported', () => events.some((line) => line.startsWith('problem')))
    disk.space = Number.POSITIVE_INFINITY
    await a.flush()
    await until('b has it', () => textOf(b) === 'onetwothree')
    await a.destroy()
    const again = stage.add('a', { store: new LogStore({ dir }), connect: false })
    await again.whenLoaded
    assert.is(textOf(again), 'onetwothree')
  }),
)

test(
  'keeps subdocuments in stores of their own',
  inFolder(async (stage, dir) => {
    const stores = new Map<string, Store>()
    const options = {
      storeOf: (guid: string): Store => {
        const store = new LogStore({ dir: join(dir, guid) })
        stores.set(guid, store)
        return store
      },
    }
    const a = stage.add('a', { store: new LogStore({ dir: join(dir, 'top') }), ...options })
    await a.whenLoaded
    const sub = new Y.Doc({ guid: 'sub', autoLoad: true })
    a.doc.getMap('subs').set('sub', sub)
    await a.subdocs.get('sub')!.whenLoaded
    sub.getText('text').insert(0, 'kept')
    await a.subdocs.get('sub')!.flush()
    await a.destroy()
    assert.equal([...stores.keys()], ['sub'])
    const again = stage.add('a', {
      store: new LogStore({ dir: join(dir, 'top') }),
      connect: false,
      ...options,
    })
    await again.whenLoaded
    const provider = again.subdocs.get('sub')!
    await provider.whenLoaded
    assert.is(textOf(provider), 'kept')
    assert.is(provider.status, 'disconnected', 'as the one above')
  }),
)

test.run()
