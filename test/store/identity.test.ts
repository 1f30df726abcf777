import {
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { nodeDisk } from '../../src/fs/disk.ts'
import { Identity } from '../../src/store/identity.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { restore } from '../../src/store/store.ts'
import {
  INCARNATIONS,
  incarnationOf,
  judgeWriter,
  nextIncarnation,
  nodeOf,
  writerId,
} from '../../src/store/writer.ts'
import { FaultyDisk, readOnly } from '../fixtures/store/faulty-disk.ts'
import { inFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('store identity')

const NODE = 0xcafe
const NO_CLOCKS: ReadonlyMap<number, number> = new Map()

const inDir = (play: (dir: string, disk: FaultyDisk) => Promise<void>) => () =>
  inFolder((dir) => play(dir, new FaultyDisk(nodeDisk)))

/** Opens the folder, takes an id, and closes the folder. */
const once = async <T>(
  dir: string,
  ask: (identity: Identity) => Promise<T>,
  options: { random?: () => number; disk?: FaultyDisk } = {},
): Promise<T> => {
  const identity = new Identity({ dir, ...options })
  await identity.open()
  try {
    return await ask(identity)
  } finally {
    await identity.close()
  }
}

const take = (dir: string, clocks = NO_CLOCKS, node = NODE) =>
  once(dir, (identity) => identity.take(node, clocks))

test('an id consists of a node and an incarnation, in 53 bits', () => {
  for (const node of [0, 1, NODE, 2 ** 32 - 1]) {
    for (const incarnation of [1, 7, INCARNATIONS - 1]) {
      const writer = writerId(node, incarnation)
      assert.ok(Number.isSafeInteger(writer))
      assert.is(nodeOf(writer), node)
      assert.is(incarnationOf(writer), incarnation)
    }
  }
  for (const node of [-1, 1.5, 2 ** 32, Number.NaN])
    assert.throws(() => writerId(node, 1), /32 bits/)
  for (const incarnation of [-1, 0, 0.5, INCARNATIONS]) {
    assert.throws(() => writerId(1, incarnation), /from 1 to 2097151/)
  }
})

test('allows an id again if node and clock match', () => {
  const record = { node: NODE, incarnation: 3, published: 10 }
  const at = (clock: number) => new Map([[writerId(NODE, 3), clock]])
  assert.is(judgeWriter(record, NODE, at(10)), 'same')
  assert.is(judgeWriter(record, NODE, at(11)), 'same')
  assert.is(judgeWriter(record, NODE, at(9)), 'lost')
  assert.is(judgeWriter(record, NODE, NO_CLOCKS), 'lost')
  assert.is(judgeWriter(record, NODE + 1, at(10)), 'moved')
})

test('the next incarnation is neither a known one nor 0', () => {
  const seen = new Map([[writerId(NODE, 1), 5]])
  const before = { node: NODE, incarnation: 2, published: 0 }
  assert.is(
    nextIncarnation(NODE, seen, before, () => 0),
    3,
  )
  assert.is(
    nextIncarnation(NODE, seen, before, () => INCARNATIONS - 1),
    INCARNATIONS - 1,
  )
  const last = { node: NODE, incarnation: INCARNATIONS - 1, published: 0 }
  assert.is(
    nextIncarnation(NODE, seen, last, () => INCARNATIONS - 1),
    2,
  )
  assert.is(
    nextIncarnation(NODE + 1, seen, before, () => 1),
    1,
  )
})

test(
  'keeps the id over restarts while everything published is on disk',
  inDir(async (dir) => {
    const first = await once(dir, async (identity) => {
      const taken = await identity.take(NODE, NO_CLOCKS)
      await Promise.all([identity.publish(3), identity.publish(5), identity.publish(4)])
      return taken
    })
    assert.is(first.reason, 'first')
    assert.is(nodeOf(first.writer), NODE)
    for (const clock of [5, 6]) {
      const again = await take(dir, new Map([[first.writer, clock]]))
      assert.equal(again, { writer: first.writer, reason: 'same' })
    }
    const lost = await take(dir, new Map([[first.writer, 4]]))
    assert.is(lost.reason, 'lost')
    assert.is.not(lost.writer, first.writer)
    assert.equal(await take(dir), { writer: lost.writer, reason: 'same' })
  }),
)

test(
  'takes a new id if unreadable entries may become readable later',
  inDir(async (dir) => {
    const live = async () => {
      const { store, identity } = dataFolder(dir)
      await identity.open()
      const doc = new Y.Doc()
      restore(doc, await store.load())
      const clocks = Y.decodeStateVector(Y.encodeStateVector(doc))
      const taken = await identity.take(NODE, clocks)
      doc.clientID = taken.writer
      return { store, identity, doc, taken }
    }
    const write = async ({ store, doc }: Awaited<ReturnType<typeof live>>, value: string) => {
      doc.getArray('array').push([value])
      await store.append(Y.encodeStateAsUpdate(doc))
    }
    const end = async ({ store, identity }: Awaited<ReturnType<typeof live>>) => {
      await store.close()
      await identity.close()
    }
    const first = await live()
    await write(first, 'acknowledged, not published')
    await end(first)
    // A folder has the name of the log: it exists, but cannot be read.
    const log = join(dir, 'log', 'log-000001.bin')
    renameSync(log, join(dir, 'away'))
    mkdirSync(log)
    const second = await live()
    assert.is(second.taken.reason, 'lost')
    assert.is.not(second.taken.writer, first.taken.writer)
    await write(second, 'meanwhile')
    await end(second)
    rmdirSync(log)
    renameSync(join(dir, 'away'), log)
    const third = await live()
    assert.equal(third.taken, { writer: second.taken.writer, reason: 'same' })
    assert.equal([...third.doc.getArray<string>('array')].sort(), [
      'acknowledged, not published',
      'meanwhile',
    ])
    await end(third)
  }),
)

test(
  'publish resolves when the clock is on disk; many calls share few writes, and a known clock needs none',
  inDir(async (dir, disk) => {
    await once(
      dir,
      async (identity) => {
        await identity.take(NODE, NO_CLOCKS)
        const before = disk.writes
        await Promise.all(Array.from({ length: 100 }, (_, index) => identity.publish(index + 1)))
        assert.ok(disk.writes - before <= 2, `${disk.writes - before} writes`)
        const { published } = JSON.parse(readFileSync(join(dir, 'writer.json'), 'utf8'))
        assert.is(published, 100)
        const after = disk.writes
        await identity.publish(100)
        await identity.publish(7)
        assert.is(disk.writes, after)
        await rejects(() => identity.publish(-1), /is not a clock/)
      },
      { disk },
    )
  }),
)

test(
  'changes its id if a peer has more of this writer, and avoids ids that the document knows',
  inDir(async (dir) => {
    const seen = new Map([[writerId(NODE, 9), 1]])
    await once(
      dir,
      async (identity) => {
        assert.is((await identity.take(NODE, NO_CLOCKS)).writer, writerId(NODE, 8))
        await identity.publish(50)
        const changed = await identity.mustChange(seen)
        assert.equal(changed, { writer: writerId(NODE, 10), reason: 'taken' })
        await identity.publish(2)
      },
      { random: () => 8 },
    )
    const clocks = new Map([...seen, [writerId(NODE, 10), 2]])
    assert.equal(await take(dir, clocks), { writer: writerId(NODE, 10), reason: 'same' })
  }),
)

test(
  'gives another node another id, and a copied folder a new one if a peer reports it',
  inDir(async (dir) => {
    const { writer } = await take(dir)
    const moved = await take(dir, NO_CLOCKS, NODE + 1)
    assert.is(moved.reason, 'moved')
    assert.is(nodeOf(moved.writer), NODE + 1)
    assert.is.not(moved.writer, writer)
    const copy = `${dir}-copy`
    cpSync(dir, copy, { recursive: true })
    try {
      const change = (identity: Identity) => identity.mustChange(NO_CLOCKS)
      const both = await Promise.all(
        [dir, copy].map((each) =>
          once(each, async (identity) => {
            await identity.take(NODE + 1, NO_CLOCKS)
            return change(identity)
          }),
        ),
      )
      assert.is.not(both[0]!.writer, both[1]!.writer)
    } finally {
      rmSync(copy, { recursive: true })
    }
  }),
)

test(
  'takes a new id for a damaged file, and refuses a file of a newer format',
  inDir(async (dir) => {
    const { writer } = await take(dir)
    const path = join(dir, 'writer.json')
    const whole = readFileSync(path, 'utf8')
    const record = JSON.parse(whole)
    const damaged = [
      '',
      'null',
      whole.slice(0, -10),
      ...[
        { node: -1 },
        { node: '1' },
        { incarnation: 0 },
        { incarnation: 2 ** 21 },
        { published: -1 },
        { published: '1' },
      ].map((change) => JSON.stringify({ ...record, ...change })),
    ]
    for (const text of damaged) {
      writeFileSync(path, text)
      const taken = await take(dir, new Map([[writer, 1]]))
      assert.is(taken.reason, 'unreadable', text)
      assert.is.not(taken.writer, writer)
    }
    writeFileSync(path, JSON.stringify({ ...record, format: 2 }))
    await rejects(() => take(dir), /^invalid_argument .*writer\.json.*format 2/)
  }),
)

test(
  'refuses a second agent on the folder',
  inDir(async (dir) => {
    const other = new Identity({ dir })
    await other.open()
    await rejects(() => new Identity({ dir }).open(), /^already_exists .*is taken: process/)
    await other.close()
    await take(dir)
  }),
)

test(
  'returns no id that cannot be written to disk',
  inDir(async (dir, disk) => {
    await once(
      dir,
      async (identity) => {
        disk.refuse = readOnly
        await rejects(() => identity.take(NODE, NO_CLOCKS), /^permission_denied .*writer\.json/)
        await rejects(() => identity.publish(1), /call take first/)
        disk.refuse = () => undefined
        await identity.take(NODE, NO_CLOCKS)
        disk.refuse = readOnly
        await rejects(() => identity.publish(1), /^permission_denied/)
        await rejects(() => identity.mustChange(NO_CLOCKS), /^permission_denied/)
        disk.refuse = () => undefined
        await identity.publish(1)
      },
      { disk },
    )
    assert.is(JSON.parse(readFileSync(join(dir, 'writer.json'), 'utf8')).published, 1)
  }),
)

test(
  'throws before open and after close',
  inDir(async (dir) => {
    const identity = new Identity({ dir })
    await rejects(() => identity.take(NODE, NO_CLOCKS), /^closed/)
    await identity.close()
    await identity.open()
    await identity.take(NODE, NO_CLOCKS)
    await identity.close()
    await rejects(() => identity.mustChange(NO_CLOCKS), /^closed/)
    await rejects(() => identity.publish(1), /^closed/)
  }),
)

test(
  'an id from next can be used before mustChange writes it',
  inDir(async (dir) => {
    const clocks = new Map([[writerId(NODE, 5), 3]])
    const next = await once(dir, async (identity) => {
      const { writer } = await identity.take(NODE, NO_CLOCKS)
      await identity.publish(4)
      assert.is(identity.published, 4)
      const chosen = identity.next(clocks)
      assert.is.not(chosen, writer)
      assert.is.not(chosen, writerId(NODE, 5))
      // A clock that is published of it before is not recorded for the old id.
      await identity.publish(9, chosen)
      assert.is(identity.published, 4)
      assert.equal(await identity.mustChange(clocks, chosen), { writer: chosen, reason: 'taken' })
      assert.is(identity.published, 0)
      return chosen
    })
    assert.equal(await take(dir), { writer: next, reason: 'same' })
  }),
)

test.run()
