/** The store in LevelDB: the contract, damage that it detects or not, and its requirements. */
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import type { Failure } from '../../src/errors.ts'
import { levelDataFolder } from '../../src/store/level/index.ts'
import {
  importLevel,
  type LevelDatabase,
  type OpenLevel,
  openLevel,
  toLevelFailure,
} from '../../src/store/level/level-database.ts'
import { encodeKey, encodeValue } from '../../src/store/level/level-entry.ts'
import { LevelStore } from '../../src/store/level/level-store.ts'
import { restore, type Store } from '../../src/store/store.ts'
import { runStoreContract } from '../contracts/store.ts'
import { digestOf, docOf, written } from '../fixtures/store/updates.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

/** Errors of LevelDB; `full.test.ts` gets the same from a real disk. */
const TEXTS: Readonly<Record<string, string>> = {
  ENOSPC: 'No space left on device',
  EROFS: 'Read-only file system',
}

/** Opens databases with some operations replaced. */
const changed =
  (change: (inner: LevelDatabase) => Partial<LevelDatabase>): OpenLevel =>
  async (dir) => {
    const inner = await openLevel(dir)
    return {
      batch: (operations, options) => inner.batch(operations, options),
      compactRange: (start, end) => inner.compactRange(start, end),
      get: (key) => inner.get(key),
      iterator: () => inner.iterator(),
      keys: (range) => inner.keys(range),
      close: () => inner.close(),
      ...change(inner),
    }
  }

/** Writes fail while `refusal` returns an error of the system. */
const refusing = (refusal: () => string | undefined): OpenLevel => {
  const check = (): void => {
    const text = TEXTS[refusal() ?? '']
    if (!text) return
    throw Object.assign(new Error(`IO error: db/000003.log: ${text}`), { code: 'LEVEL_IO_ERROR' })
  }
  return changed((inner) => ({
    batch: async (operations, options) => {
      check()
      await inner.batch(operations, options)
    },
    compactRange: async (start, end) => {
      check()
      await inner.compactRange(start, end)
    },
  }))
}

runStoreContract('level', () => {
  const { dir, remove } = temporaryFolder()
  let refused: string | undefined
  const open = refusing(() => refused)
  return {
    store: () => new LevelStore({ dir, open }),
    refuse: (code) => {
      refused = code
    },
    close: remove,
  }
})

const test = suite('level store')

const inDir = (play: (dir: string) => Promise<void>) => async (): Promise<void> => {
  const { dir, remove } = temporaryFolder()
  try {
    await play(dir)
  } finally {
    remove()
  }
}

const opened = async (dir: string, open: OpenLevel = openLevel) => {
  let isWhole = true
  const onIncomplete = (): void => {
    isWhole = false
  }
  const store = new LevelStore({ dir, open, onIncomplete })
  const loaded = await store.load()
  return { ...loaded, store, isWhole, types: loaded.problems.map(({ type }) => type) }
}

const appendAll = async (store: Store, updates: readonly Uint8Array[]): Promise<void> => {
  for (const update of updates) await store.append(update)
}

test(
  'loads 100,000 small updates, and frees their space in a compaction',
  inDir(async (dir) => {
    const { doc, updates } = written(100_000, 100)
    const { store } = await opened(dir)
    await Promise.all(updates.map((update) => store.append(update)))
    await store.close()
    const again = await opened(dir)
    assert.is(again.updates.length, 100_000)
    assert.is(digestOf(docOf(again)), digestOf(doc))
    assert.ok(again.store.needsCompaction())
    await again.store.compact(doc)
    assert.not(again.store.needsCompaction({ isIdle: true }))
    await again.store.close()
    const folder = join(dir, 'db')
    const bytes = readdirSync(folder).reduce(
      (sum, name) => sum + readFileSync(join(folder, name)).length,
      0,
    )
    assert.ok(bytes < 20_000, `${bytes} bytes`)
  }),
)

/** Moves everything from the journal to a table. */
const toTable = async (dir: string): Promise<void> => {
  const database = await openLevel(join(dir, 'db'))
  await database.compactRange(Uint8Array.of(0), Uint8Array.of(0xff))
  await database.close()
}

/** The only file in the folder with that suffix. */
const fileIn = (folder: string, ending: string): string => {
  const names = readdirSync(folder).filter((name) => name.endsWith(ending))
  assert.is(names.length, 1, `${names}`)
  return join(folder, names[0]!)
}

/** Flips a bit of these bytes in the file. */
const flip = (path: string, bytes: Uint8Array): void => {
  const content = readFileSync(path)
  const at = content.indexOf(bytes)
  assert.not(at === -1, 'no such bytes')
  content[at]! ^= 1
  writeFileSync(path, content)
}

const flipped = (update: Uint8Array): Uint8Array => {
  const bytes = update.slice()
  bytes[0]! ^= 1
  return bytes
}

test(
  'reports an entry with a wrong checksum, moves it to a file, and uses the others',
  inDir(async (dir) => {
    const { doc, updates } = written(20)
    const first = await opened(dir)
    await appendAll(first.store, updates)
    await first.store.close()
    await toTable(dir)
    flip(fileIn(join(dir, 'db'), '.ldb'), updates[7]!)
    flip(fileIn(join(dir, 'db'), '.ldb'), updates[19]!)

    const second = await opened(dir)
    assert.equal(second.types, ['damaged', 'damaged', 'missing'])
    assert.not(second.isWhole)
    assert.equal(
      second.updates,
      updates.filter((_, index) => index !== 7 && index !== 19),
    )
    const [{ file = '', bytes = 0 } = {}, other, { failure } = {}] = second.problems
    assert.equal([file, other?.file], ['damaged-1.bin', 'damaged-2.bin'])
    const aside = readFileSync(join(dir, file))
    assert.is(aside.length, bytes)
    assert.ok(aside.subarray(-updates[7]!.length).equals(flipped(updates[7]!)))
    assert.match(failure?.message ?? '', '2 updates are missing')
    await second.store.close()

    const third = await opened(dir) // the gap is reported until a compaction closes it
    assert.equal([third.types, third.isWhole], [['missing'], false])
    assert.ok(third.store.needsCompaction())
    await third.store.compact(doc)
    assert.not(third.store.needsCompaction())
    await third.store.append(updates[0]!)
    await third.store.close()
    const fourth = await opened(dir)
    assert.equal([fourth.types, fourth.isWhole], [[], true])
    assert.equal(fourth.updates, [updates[0]])
    await fourth.store.close()
  }),
)

test(
  'reports a damaged state, and uses the updates after it',
  inDir(async (dir) => {
    const { doc, updates } = written(20)
    const first = await opened(dir)
    await appendAll(first.store, updates)
    await first.store.compact(doc)
    const later = written(3, 3, doc).updates
    await appendAll(first.store, later)
    await first.store.close()
    flip(fileIn(join(dir, 'db'), '.ldb'), Y.encodeStateAsUpdateV2(docOf({ ...first, updates })))
    const second = await opened(dir)
    assert.equal([second.types, second.isWhole], [['damaged', 'missing'], false])
    assert.equal([second.state, second.updates], [undefined, later])
    await second.store.close()
  }),
)

test(
  'finds the number of the next update without a damaged head',
  inDir(async (dir) => {
    const { updates } = written(4)
    const first = await opened(dir)
    await appendAll(first.store, updates.slice(0, 3))
    await first.store.close()
    await toTable(dir)
    flip(fileIn(join(dir, 'db'), '.ldb'), Buffer.from('"next":3'))
    const second = await opened(dir)
    assert.equal([second.types, second.updates], [['damaged'], updates.slice(0, 3)])
    await second.store.append(updates[3]!)
    await second.store.close()
    const third = await opened(dir)
    assert.equal([third.types, third.updates], [[], updates])
    await third.store.close()
  }),
)

test(
  'reports a gap that LevelDB does not report',
  inDir(async (dir) => {
    const { updates } = written(3000)
    const { store } = await opened(dir)
    await appendAll(store, updates)
    await store.close()
    flip(fileIn(join(dir, 'db'), '.log'), updates[1500]!) // which costs the rest of its block
    const { types, isWhole, ...loaded } = await opened(dir)
    await loaded.store.close()
    assert.equal([types, isWhole], [['missing'], false])
    assert.equal(loaded.updates[1499], updates[1499])
    assert.equal(loaded.updates.at(-1), updates.at(-1))
    const lost = updates.length - loaded.updates.length
    assert.ok(lost > 0 && lost < 1000, `${lost} lost`)
    assert.match(loaded.problems[0]?.failure.message ?? '', `${lost} updates are missing`)
  }),
)

/** Damage after which LevelDB cannot open a database, or not read it to its end. */
const RUINS: readonly (readonly [string, (folder: string) => void])[] = [
  ['CURRENT is gone', (folder) => rmSync(join(folder, 'CURRENT'))],
  ['CURRENT is nonsense', (folder) => writeFileSync(join(folder, 'CURRENT'), 'nonsense')],
  ['the list of files is gone', (folder) => rmSync(join(folder, manifestIn(folder)))],
  ['the list of files is empty', (folder) => truncateSync(join(folder, manifestIn(folder)))],
  ['a table is gone', (folder) => rmSync(fileIn(folder, '.ldb'))],
  ['a table is cut short', (folder) => truncateSync(fileIn(folder, '.ldb'), 700)],
  [
    'a part of a table is nonsense',
    (folder) => {
      const path = fileIn(folder, '.ldb')
      writeFileSync(path, readFileSync(path).fill(0xff, 6000, 6200)) // behind the head
    },
  ],
  [
    'a table is nonsense',
    (folder) => {
      const path = fileIn(folder, '.ldb')
      writeFileSync(path, Buffer.alloc(readFileSync(path).length, 'nonsense'))
    },
  ],
]

const manifestIn = (folder: string): string =>
  readdirSync(folder).find((name) => name.startsWith('MANIFEST')) ?? ''

/** The tables. LevelDB writes its other files again if it can open them. */
const tablesIn = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => name.endsWith('.ldb'))
      .map((name) => [name, readFileSync(join(folder, name)).toString('hex')]),
  )

for (const [name, ruin] of RUINS) {
  test(
    `moves a database that cannot be read aside, and creates a new one: ${name}`,
    inDir(async (dir) => {
      const { updates } = written(400)
      mkdirSync(join(dir, 'damaged-1')) // of an earlier time
      const first = await opened(dir)
      await Promise.all(updates.map((update) => first.store.append(update)))
      await first.store.close()
      await toTable(dir)
      ruin(join(dir, 'db'))
      const ruined = tablesIn(join(dir, 'db'))

      const second = await opened(dir)
      assert.equal([second.types, second.isWhole], [['damaged'], false])
      assert.equal([second.state, second.updates], [undefined, []])
      assert.match(second.problems[0]?.failure.message ?? '', /db": cannot read .*"damaged-2"$/)
      assert.equal(tablesIn(join(dir, 'damaged-2')), ruined)
      await appendAll(second.store, updates.slice(0, 3))
      await second.store.close()

      const third = await opened(dir)
      assert.equal([third.types, third.isWhole], [[], true])
      assert.equal(third.updates, updates.slice(0, 3))
      await third.store.close()
    }),
  )
}

test(
  'moves nothing aside if the system refuses access',
  inDir(async (dir) => {
    const { updates } = written(3)
    const first = await opened(dir)
    await appendAll(first.store, updates)
    await first.store.close()
    const refusals = [
      [{ code: 'LEVEL_IO_ERROR' }, 'IO error: db/LOCK: Permission denied', 'permission_denied'],
      [{ code: 'LEVEL_IO_ERROR' }, 'IO error: db/LOG: No space left on device', 'disk_full'],
      [{ code: 'LEVEL_IO_ERROR' }, 'IO error: db/CURRENT: Too many open files', 'internal'],
      [{ code: 'LEVEL_IO_ERROR' }, 'IO error: db/CURRENT: Input/output error', 'internal'],
      [{ code: 'ENOENT' }, 'ENOENT: no such file or directory', 'not_found'],
    ] as const
    for (const [code, message, expected] of refusals) {
      const open = () => Promise.reject(Object.assign(new Error(message), code))
      await rejects(() => opened(dir, open), new RegExp(`^${expected} .*${message}`))
      assert.equal(readdirSync(dir), ['db'])
    }
    const again = await opened(dir)
    assert.equal([again.types, again.updates], [[], updates])
    await again.store.close()
  }),
)

const NODE = 7

/** Uses the folder as an agent does: loads, takes an id, writes, and publishes up to a clock. */
const live = async (dir: string, numbers: readonly number[], published?: number) => {
  const { identity, store } = levelDataFolder(dir)
  await identity.open()
  const loaded = await store.load()
  const doc = new Y.Doc()
  restore(doc, loaded)
  const clocks = Y.decodeStateVector(Y.encodeStateVector(doc))
  const { writer, reason } = await identity.take(NODE, clocks)
  doc.clientID = writer
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => {
    updates.push(update)
  })
  for (const number of numbers) doc.getMap('numbers').set(`${number}`, number)
  await appendAll(store, updates)
  if (published !== undefined) await identity.publish(published)
  await store.close()
  await identity.close()
  const types = loaded.problems.map(({ type }) => type)
  return { types, writer, reason, updates, numbers: Object.keys(doc.getMap('numbers').toJSON()) }
}

test(
  'does not detect a lost end that was not published, and keeps the id',
  inDir(async (dir) => {
    const first = await live(dir, [0, 1, 2, 3, 4], 3)
    const path = fileIn(join(dir, 'level', 'db'), '.log')
    const sound = readFileSync(path)
    flip(path, first.updates[3]!)
    const second = await live(dir, [5, 6], 5)
    assert.equal([second.types, second.reason, second.writer], [[], 'same', first.writer])
    assert.equal(second.numbers, ['0', '1', '2', '5', '6'])
    // Not even if the disk can be read again.
    assert.not(readdirSync(join(dir, 'level', 'db')).includes(path.slice(-10)))
    assert.not(readFileSync(fileIn(join(dir, 'level', 'db'), '.log')).equals(sound))
    const third = await live(dir, [])
    assert.equal([third.types, third.reason], [[], 'same'])
    assert.equal(third.numbers, ['0', '1', '2', '5', '6'])
  }),
)

test(
  'takes a new writer id after a lost end that was published',
  inDir(async (dir) => {
    const first = await live(dir, [0, 1, 2, 3, 4], 4)
    flip(fileIn(join(dir, 'level', 'db'), '.log'), first.updates[3]!)
    const second = await live(dir, [5], 1)
    assert.equal([second.types, second.reason], [[], 'lost'])
    assert.not(second.writer === first.writer)
  }),
)

test(
  'takes a new writer id after a gap: updates behind it wait under the old one',
  inDir(async (dir) => {
    const first = await live(dir, [0, 1, 2, 3, 4], 1)
    const database = await openLevel(join(dir, 'level', 'db'))
    await database.batch([{ type: 'del', key: encodeKey('update', 2) }], { sync: true })
    await database.close()
    const second = await live(dir, [5], 1)
    assert.equal([second.types, second.reason], [['missing'], 'lost'])
    assert.not(second.writer === first.writer)
    assert.equal(second.numbers, ['0', '1', '5'])
  }),
)

test(
  'loads both states that a crash in a compaction leaves; the next compaction removes them',
  inDir(async (dir) => {
    const { doc, updates } = written(30, 3)
    let batches = 0
    const open = changed((inner) => ({
      batch: async (operations, options) => {
        if (++batches === 2) throw new Error('the power is cut')
        await inner.batch(operations, options)
      },
    }))
    const first = await opened(dir)
    await Promise.all(updates.map((update) => first.store.append(update)))
    await first.store.compact(doc)
    const later = written(4, 2, doc).updates
    await appendAll(first.store, later)
    await first.store.close()
    const second = await opened(dir, open)
    await rejects(() => second.store.compact(doc), /^internal cannot compact .*the power is cut/)
    await second.store.close()
    const third = await opened(dir)
    assert.equal([third.types, third.updates], [[], later])
    assert.equal(third.state, second.state, 'a state that was not proved')
    assert.is(digestOf(docOf(third)), digestOf(doc))
    await third.store.compact(doc)
    await third.store.close()
    const database = await openLevel(join(dir, 'db'))
    let count = 0
    for await (const _ of database.iterator()) count++
    assert.is(count, 2) // the head and the state
    await database.close()
  }),
)

test(
  'keeps the number of an update that was rejected and written nevertheless',
  inDir(async (dir) => {
    let isRefused = false
    const open = changed((inner) => ({
      batch: async (operations, options) => {
        await inner.batch(operations, options)
        if (isRefused) throw new Error('the content of the disk is unknown')
      },
    }))
    const { updates } = written(3)
    const { store } = await opened(dir, open)
    await store.append(updates[0]!)
    isRefused = true
    await rejects(() => store.append(updates[1]!), /^internal .*the content of the disk/)
    isRefused = false
    await store.append(updates[2]!)
    await store.close()
    const loaded = await opened(dir)
    assert.equal([loaded.types, loaded.updates], [[], updates])
    await loaded.store.close()
  }),
)

test(
  'a compaction changes nothing if the state that is read back is not the document',
  inDir(async (dir) => {
    const { doc, updates } = written(30, 3)
    const open = changed((inner) => ({
      get: async (key) => {
        const value = await inner.get(key)
        if (value) value[value.length - 1]! ^= 1
        return value
      },
    }))
    const { store } = await opened(dir, open)
    await Promise.all(updates.map((update) => store.append(update)))
    await rejects(() => store.compact(doc), /^damaged .*the old one is kept/)
    await store.close()
    const loaded = await opened(dir)
    assert.equal([loaded.types, loaded.updates], [[], updates])
    await loaded.store.close()
  }),
)

test(
  'refuses a database of a newer format, and one that is open elsewhere',
  inDir(async (dir) => {
    const { store } = await opened(dir)
    await store.append(written(1).updates[0]!)
    await rejects(() => opened(dir), /^already_exists .*it is open already/)
    await store.close()
    const database = await openLevel(join(dir, 'db'))
    const key = encodeKey('head', 0)
    const value = encodeValue(key, Buffer.from('{"format":2,"next":1}'))
    await database.batch([{ type: 'put', key, value }], { sync: true })
    await database.close()
    await rejects(() => opened(dir), /^invalid_argument .*format 2.*up to 1/)
  }),
)

test('says what to install if the package is missing', async () => {
  const missing = 'classic-level-that-does-not-exist'
  const error = await rejects(
    () => importLevel(() => import(missing)),
    /^not_found the package "classic-level" is not installed/,
  )
  assert.match((error as Failure).hint ?? '', 'npm install classic-level')
  await rejects(
    () => importLevel(() => Promise.reject(new Error('no native build'))),
    /^internal the package "classic-level" cannot be loaded: no native build/,
  )
})

test('errors of LevelDB get a code and a hint', () => {
  const codes = [
    ['LEVEL_IO_ERROR', 'IO error: x: No space left on device', 'disk_full'],
    ['LEVEL_IO_ERROR', 'IO error: x: Disk quota exceeded', 'disk_full'],
    ['LEVEL_IO_ERROR', 'IO error: x: File too large', 'disk_full'],
    ['LEVEL_IO_ERROR', 'IO error: x: Read-only file system', 'permission_denied'],
    ['LEVEL_IO_ERROR', 'IO error: x/LOCK: Permission denied', 'permission_denied'],
    ['LEVEL_CORRUPTION', 'Corruption: bad block', 'damaged'],
    ['LEVEL_LOCKED', 'IO error: lock x: already held by process', 'already_exists'],
  ]
  for (const [code, message = '', expected] of codes) {
    const cause = Object.assign(new Error(message), { code })
    const outer = Object.assign(new Error('not open', { cause }), {
      code: 'LEVEL_DATABASE_NOT_OPEN',
    })
    for (const error of [cause, outer]) {
      const failure = toLevelFailure(error, 'do it')
      assert.is(failure.code, expected)
      assert.match(failure.message, message)
      assert.ok(failure.hint)
    }
  }
})

test.run()
