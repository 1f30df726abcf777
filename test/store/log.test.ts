/** The log store beyond the contract: flushes, files, failures in the middle, old formats. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { nodeDisk } from '../../src/fs/disk.ts'
import {
  COMPACT_BYTES,
  COMPACT_UPDATES,
  drawShare,
  isDueForCompaction,
} from '../../src/store/compaction.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { restore } from '../../src/store/store.ts'
import { runStoreContract } from '../contracts/store.ts'
import { FaultyDisk, readOnly } from '../fixtures/store/faulty-disk.ts'
import { digestOf, docOf, written } from '../fixtures/store/updates.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { gate } from '../helpers/gate.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

runStoreContract('log', () => {
  const { dir, remove } = temporaryFolder()
  const disk = new FaultyDisk(nodeDisk)
  return {
    store: () => new LogStore({ dir, disk }),
    refuse: (code) => {
      disk.refuse = (operation) => (code && readOnly(operation) ? code : undefined)
    },
    close: remove,
  }
})

const test = suite('log store')

interface Kit {
  readonly dir: string
  readonly disk: FaultyDisk
  /** A loaded store. The previous one must be closed. */
  readonly open: () => Promise<LogStore>
  readonly reload: () => ReturnType<LogStore['load']>
}

const inDir = (play: (kit: Kit) => Promise<void>) => async (): Promise<void> => {
  const { dir, remove } = temporaryFolder()
  const disk = new FaultyDisk(nodeDisk)
  const open = async (): Promise<LogStore> => {
    const store = new LogStore({ dir, disk })
    await store.load()
    return store
  }
  const reload = async () => {
    const store = new LogStore({ dir, disk })
    const loaded = await store.load()
    await store.close()
    return loaded
  }
  try {
    await play({ dir, disk, open, reload })
  } finally {
    remove()
  }
}

test(
  'writes 10,000 appends with few flushes',
  inDir(async ({ disk, open }) => {
    const store = await open()
    const { updates } = written(10_000, 100)
    // A hundred callers. Each writes again once its last write is acknowledged, as agents do.
    const work = async (caller: number): Promise<void> => {
      for (let index = caller; index < updates.length; index += 100) {
        await store.append(updates[index]!)
      }
    }
    await Promise.all(Array.from({ length: 100 }, (_, caller) => work(caller)))
    assert.is(store.stats().appended, 10_000)
    assert.ok(disk.syncs < 1000, `${disk.syncs} flushes`)
    await store.close()
  }),
)

test(
  'writes a single append with one flush, and acknowledges it after that',
  inDir(async ({ disk, open }) => {
    const store = await open()
    const { updates } = written(3)
    await store.append(updates[0]!)
    const before = disk.syncs
    await store.append(updates[1]!)
    assert.is(disk.syncs, before + 1)
    disk.refuse = (operation) => (operation === 'sync' ? 'EIO' : undefined)
    await rejects(() => store.append(updates[2]!), /^internal .*EIO/)
    await store.close()
  }),
)

test(
  'rejects an append that waits behind one that fails',
  inDir(async ({ disk, open, reload }) => {
    const store = await open()
    const { updates } = written(3)
    await store.append(updates[0]!)
    const { promise, open: release } = gate()
    disk.hold = promise
    let refusals = 0
    disk.refuse = (operation) => (operation === 'write' && refusals++ === 0 ? 'ENOSPC' : undefined)
    const before = disk.writes
    const first = store.append(updates[1]!)
    await until('the write', () => disk.writes > before)
    const second = store.append(updates[2]!)
    release()
    for (const { status } of await Promise.allSettled([first, second]))
      assert.is(status, 'rejected')
    await store.append(updates[1]!)
    await store.close()
    const loaded = await reload()
    assert.equal(loaded.problems, [])
    assert.equal(loaded.updates, updates.slice(0, 2))
  }),
)

test(
  'a disk that is full at any byte: rejects, corrupts nothing, and goes on later',
  inDir(async ({ disk, open, reload, dir }) => {
    const { doc, updates } = written(3)
    for (let space = 0; space < 400; space += 7) {
      const store = await open()
      disk.space = space
      const results = await Promise.allSettled([
        ...updates.map((update) => store.append(update)),
        store.compact(doc),
      ])
      for (const result of results) {
        if (result.status === 'fulfilled') continue
        assert.is(result.reason.code, 'disk_full')
        assert.match(result.reason.message, /no space left/)
        assert.match(result.reason.hint, /free some space/)
      }
      const during = await reload() // reads go on, whatever was written so far
      assert.equal(
        during.problems.filter(({ type }) => type !== 'torn'),
        [],
      )
      disk.space = Number.POSITIVE_INFINITY
      await Promise.all(updates.map((update) => store.append(update)))
      await store.close()
      const loaded = await reload()
      assert.equal(loaded.problems, [])
      assert.is(digestOf(docOf(loaded)), digestOf(doc))
      for (const name of readdirSync(dir)) rmSync(join(dir, name))
    }
  }),
)

test(
  'cuts off the rest of a failed write, also before a shorter one',
  inDir(async ({ disk, open, reload }) => {
    const store = await open()
    const { updates } = written(2)
    await store.append(updates[0]!)
    const large = new Y.Doc()
    large.getMap('map').set('large', 'x'.repeat(1000))
    disk.space = 500
    await rejects(() => store.append(Y.encodeStateAsUpdate(large)), /^disk_full/)
    disk.space = Number.POSITIVE_INFINITY
    await store.append(updates[1]!)
    await store.close()
    assert.equal(await reload(), { state: undefined, updates, problems: [] })
  }),
)

test(
  'keeps damaged bytes in place until they can be copied',
  inDir(async ({ dir, disk, open }) => {
    const { doc, updates } = written(2)
    const first = await open()
    for (const update of updates) await first.append(update)
    await first.close()
    const log = join(dir, 'log-000001.bin')
    const bytes = readFileSync(log)
    bytes[60]! ^= 1
    writeFileSync(log, bytes)
    disk.refuse = (operation, path) =>
      operation === 'create' && path.includes('damaged-') ? 'EROFS' : undefined
    const store = await open()
    await rejects(() => store.compact(doc), /^permission_denied .*damaged-log-000001-45/)
    assert.ok(readFileSync(log).equals(bytes))
    disk.refuse = () => undefined
    await store.compact(doc)
    await store.close()
    assert.equal(readdirSync(dir).sort(), [
      'damaged-log-000001-45.bin',
      'log-000003.bin',
      'state-000003.bin',
    ])
  }),
)

test(
  'reads a read-only folder, also with damage and leftovers',
  inDir(async ({ dir, disk, open, reload }) => {
    const store = await open()
    const { updates } = written(3)
    for (const update of updates) await store.append(update)
    await store.close()
    const log = join(dir, 'log-000001.bin')
    const bytes = readFileSync(log)
    bytes[60]! ^= 1
    writeFileSync(log, bytes)
    writeFileSync(join(dir, 'state-000002.bin.tmp'), 'half')
    disk.refuse = readOnly
    const loaded = await reload()
    assert.equal(loaded.updates, updates.slice(1))
    assert.equal(
      loaded.problems.map(({ type }) => type),
      ['damaged', 'untidy', 'untidy'],
    )
    disk.refuse = () => undefined
    assert.equal(
      (await reload()).problems.map(({ type }) => type),
      ['damaged'],
    )
    assert.equal(readdirSync(dir).sort(), ['damaged-log-000001-45.bin', 'log-000001.bin'])
  }),
)

test(
  'a compaction leaves one generation; a state that fails its proof changes nothing',
  inDir(async ({ dir, disk, open, reload }) => {
    const { doc, updates } = written(50, 5)
    const store = await open()
    for (const update of updates) await store.append(update)
    await store.compact(doc)
    await store.compact(doc)
    assert.equal(readdirSync(dir).sort(), ['log-000003.bin', 'state-000003.bin'])
    // The disk returns other bytes than those that were written.
    const read = disk.read.bind(disk)
    disk.read = async (path) => {
      const bytes = await read(path)
      if (path.endsWith('.tmp')) bytes[bytes.length - 1]! ^= 1
      return bytes
    }
    await rejects(() => store.compact(doc), /^damaged .*the old one is kept/)
    disk.read = read
    assert.equal(readdirSync(dir).sort(), ['log-000003.bin', 'log-000004.bin', 'state-000003.bin'])
    const later = written(2, 2, doc).updates
    for (const update of later) await store.append(update)
    await store.close()
    const loaded = await reload()
    assert.equal(loaded.problems, [])
    assert.is(digestOf(docOf(loaded)), digestOf(doc))
  }),
)

test(
  'a compaction frees the memory of overwritten values',
  inDir(async ({ open, reload }) => {
    const { doc, updates } = written(20_000, 10)
    const store = await open()
    await Promise.all(updates.map((update) => store.append(update)))
    await store.compact(doc)
    await store.close()
    const loaded = await reload()
    const copy = docOf(loaded)
    const structsOf = ({ store: { clients } }: Y.Doc): number =>
      [...clients.values()].reduce((sum, structs) => sum + structs.length, 0)
    assert.is(digestOf(copy), digestOf(doc))
    assert.equal(copy.getMap('numbers').toJSON(), doc.getMap('numbers').toJSON())
    assert.is(structsOf(copy), structsOf(doc))
    assert.ok(loaded.state!.length < 1000, `${loaded.state!.length} bytes`)
  }),
)

test(
  'loads 100,000 small updates',
  inDir(async ({ open, reload }) => {
    const { doc, updates } = written(100_000, 100)
    const store = await open()
    await Promise.all(updates.map((update) => store.append(update)))
    assert.ok(store.needsCompaction())
    await store.close()
    const loaded = await reload()
    assert.is(loaded.updates.length, 100_000)
    assert.is(digestOf(docOf(loaded)), digestOf(doc))
  }),
)

test('stores whose logs grow alike are due at different moments, none of them late', () => {
  const shares = [0, 0.5, 0.999].map((random) => drawShare(() => random))
  const due = shares.map((share) => {
    for (let logBytes = COMPACT_BYTES; ; logBytes += COMPACT_BYTES) {
      const sizes = { stateBytes: 100 * COMPACT_BYTES, logBytes, logUpdates: 0 }
      if (isDueForCompaction(sizes, undefined, share)) return logBytes / COMPACT_BYTES
    }
  })
  assert.equal(due, [100, 88, 76])
})

test('compaction is due by bytes or by count, unless the log is small compared to the state', () => {
  const sizes = { stateBytes: 0, logBytes: 0, logUpdates: 0 }
  assert.not(isDueForCompaction(sizes))
  assert.ok(isDueForCompaction({ ...sizes, logBytes: COMPACT_BYTES }))
  assert.ok(isDueForCompaction({ ...sizes, logUpdates: COMPACT_UPDATES }))
  const large = { ...sizes, stateBytes: 10 * COMPACT_BYTES }
  assert.not(isDueForCompaction({ ...large, logBytes: 2 * COMPACT_BYTES }))
  assert.not(
    isDueForCompaction({ ...large, logBytes: 2 * COMPACT_BYTES, logUpdates: COMPACT_UPDATES }),
  )
  assert.ok(
    isDueForCompaction({ ...large, logBytes: 3 * COMPACT_BYTES, logUpdates: COMPACT_UPDATES }),
  )
})

test('reports an update that Yjs cannot read, and uses the others', () => {
  const { doc, updates } = written(3)
  const copy = new Y.Doc()
  const nonsense = new Uint8Array([255, 255, 255])
  const { problems } = restore(copy, {
    state: nonsense,
    updates: [nonsense, ...updates],
    problems: [],
  })
  assert.equal(
    problems.map(({ type }) => type),
    ['damaged', 'damaged'],
  )
  assert.is(digestOf(copy), digestOf(doc))
})

for (const kind of ['log', 'state']) {
  test(
    `refuses a ${kind} of a newer format, and changes nothing`,
    inDir(async ({ dir, open }) => {
      const golden = fileURLToPath(new URL('../fixtures/store/format-1', import.meta.url))
      cpSync(golden, dir, { recursive: true })
      const path = join(dir, `${kind}-000002.bin`)
      const newer = `pilot-gossip ${kind} 2 0123456789abcdef`
      const { crc32 } = await import('node:zlib')
      writeFileSync(path, `${newer} ${crc32(newer).toString(16).padStart(8, '0')}\nwhatever`)
      const before = readdirSync(dir)
      const error = await rejects(open, /^invalid_argument .*format 2.*up to 1/)
      assert.ok(error.message.includes(path))
      assert.equal(readdirSync(dir), before)
    }),
  )
}

test.run()
