/**
 * The bench of stored documents: overwrites, start-up and commits. Figures that do not depend on the
 * machine are checked, and a wrong answer of a layout or a store ends the run.
 */
import { existsSync, readdirSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { hot, LAYOUTS, type Layout, plain } from '../../bench/engines/layouts.ts'
import { openLog, runCommits } from '../../bench/workloads/commits.ts'
import { readDisk } from '../../bench/workloads/disk.ts'
import { createWritten, KEPT, type Kept, summaryOf } from '../../bench/workloads/kept.ts'
import { runOverwrites } from '../../bench/workloads/overwrites.ts'
import { runRestarts } from '../../bench/workloads/restarts.ts'
import { deleteEntry } from '../../src/maps/index.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { inFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('bench: durable')

const overwrites = (layouts: readonly Layout[], writers: readonly number[] = [1, 3]) =>
  runOverwrites({ layouts, writers, keys: 20, times: [1, 5, 30], seed: 1 })

/** The rows without their times. */
const countsOf = (rows: Awaited<ReturnType<typeof overwrites>>) =>
  rows.map(({ writeUs: _, exchangeUs: __, ...counts }) => counts)

test('overwrites: the plain layout grows, the hot one does not', async () => {
  const rows = await overwrites(LAYOUTS)
  assert.equal(
    rows.map(({ writers, layout, times }) => `${writers} ${layout} ${times}`),
    [1, 3].flatMap((w) => ['plain', 'hot'].flatMap((l) => [1, 5, 30].map((t) => `${w} ${l} ${t}`))),
  )
  for (const row of rows) {
    assert.is(row.byteRatio, row.bytes / row.liveBytes)
    assert.is(row.structRatio, row.structs / 20)
    assert.ok(row.writeUs > 0)
    assert.is(row.exchangeUs === null, row.writers === 1)
    if (row.layout === 'hot') assert.ok(row.byteRatio < 3 && row.structRatio < 3, `${row.bytes}`)
    else assert.ok(row.structs > 20 * row.times * 0.9, `${row.structs}`)
  }
})

test('overwrites: the same seed gives the same bytes and structs', async () => {
  assert.equal(countsOf(await overwrites(LAYOUTS, [3])), countsOf(await overwrites(LAYOUTS, [3])))
})

const layouts: Record<string, [Layout, RegExp]> = {
  'loses a write': [
    {
      ...hot,
      write: (doc, key, value) => key !== 'task:00003' && hot.write(doc, key, value),
    },
    /internal wrong answer: hot, .*: "task:00003" is missing/,
  ],
  'restores what was overwritten': [
    {
      ...plain,
      write: (doc, key, value) => doc.getMap('state').has(key) || plain.write(doc, key, value),
    },
    /wrong answer: plain, 2 writers, .*"task:/,
  ],
  'has another winner than it declares': [
    { ...plain, laterWins: hot.laterWins },
    /wrong answer: plain/,
  ],
  'declares another winner than it has': [
    { ...hot, laterWins: plain.laterWins },
    /wrong answer: hot/,
  ],
  'writes nothing': [{ ...hot, write: () => undefined }, /wrong answer: hot, .*is missing/],
  'deletes sometimes': [
    {
      ...hot,
      write: (doc, key, value) => {
        hot.write(doc, key, value)
        if (key === 'task:00005') deleteEntry(doc, 'state', key)
      },
    },
    /"task:00005" is missing/,
  ],
}

for (const [name, [layout, message]] of Object.entries(layouts)) {
  test(`overwrites: a layout that ${name} fails the run`, async () => {
    await rejects(() => overwrites([layout]), message)
  })
}

const restarts = (kept: readonly Kept[], layouts = LAYOUTS, dir = tmpdir()) =>
  runRestarts({ layouts, kept, keys: 150, runs: 1, seed: 1, dir })

test('start-up: every row has bytes on disk, memory and times', async () => {
  const rows = await restarts(KEPT)
  assert.equal(
    rows.map(({ layout, kept, keys }) => `${layout}, ${kept}, ${keys}`),
    ['plain', 'hot'].flatMap((layout) => KEPT.map(({ name }) => `${layout}, ${name}, 150`)),
  )
  for (const [index, row] of rows.entries()) {
    const { ms, cpuMs, loadMs, restoreMs, readMs, heapBytes, peakBytes, diskBytes } = row
    for (const figure of [ms.min, cpuMs.min, loadMs, restoreMs, readMs, heapBytes, diskBytes]) {
      assert.ok(figure > 0, JSON.stringify(row))
    }
    assert.ok(peakBytes > heapBytes)
    if (index % 2 === 1)
      assert.ok(diskBytes < rows[index - 1]!.diskBytes, 'a compacted state is shorter')
  }
})

test('start-up: a layout with few keys for each writer has more writers', async () => {
  const layout = { ...hot, maxKeysPerWriter: 40 }
  const { doc, updates } = createWritten(layout, 150, 1)
  assert.is(doc.store.clients.size, 4)
  assert.is(updates.length, 150)
  const rows = await restarts(KEPT, [layout])
  assert.equal(
    rows.map(({ keys }) => keys),
    [150, 150],
  )
})

const [log, state] = KEPT as [Kept, Kept]
const kepts: Record<string, [Kept, RegExp]> = {
  'loses the last update': [
    {
      ...log,
      fill: (dir, { doc, updates }) => log.fill(dir, { doc, updates: updates.slice(0, -1) }),
    },
    /internal wrong answer: start-up, plain, log of single updates: \{"keys":149,/,
  ],
  'has other values under the same clocks': [
    { ...state, fill: (dir) => state.fill(dir, createWritten(plain, 150, 2)) },
    /wrong answer: start-up, plain, compacted state: \{"keys":150,/,
  ],
  'is not a folder': [
    { ...log, fill: (dir) => rm(dir, { recursive: true }).then(() => writeFile(dir, '')) },
    /start-up, plain, log of single updates: the process that starts failed/,
  ],
  'holds an invalid update': [
    { ...log, fill: (dir, { doc }) => log.fill(dir, { doc, updates: [Uint8Array.of(9, 9)] }) },
    /wrong answer: start-up, plain, .*update 0 of the store is not an update/,
  ],
}

for (const [name, [kept, message]] of Object.entries(kepts)) {
  test(`start-up: a folder that ${name} fails the run, and is removed`, async () => {
    await inFolder(async (dir) => {
      await rejects(() => restarts([kept], [plain], dir), message)
      assert.equal(readdirSync(dir), [])
    })
  })
}

test('start-up: the summary distinguishes documents with the same clocks', () => {
  const [a, b] = [1, 2].map((seed) => summaryOf(createWritten(plain, 100, seed).doc))
  assert.is(a!.digest, b!.digest)
  assert.is.not(a!.content, b!.content)
})

const commits = (open: typeof openLog, writers: readonly number[]) =>
  runCommits({ open, writers, ms: 20, seed: 1, dir: tmpdir() })

test('commits: one writer has a flush for each write, many writers share one', async () => {
  const { disk, rows } = await commits(openLog, [1, 20])
  assert.ok(disk.fileSystem.length > 0 && disk.samples > 0)
  const { min, median, max } = disk.fsyncMs
  assert.ok(min > 0 && min <= median && median <= max)
  const [one, many] = rows as [(typeof rows)[0], (typeof rows)[0]]
  assert.equal([one.writers, one.flushes, one.writesPerFlush], [1, one.writes, 1])
  assert.is(many.writers, 20)
  assert.ok(many.writes >= 20 && many.flushes * 10 <= many.writes, JSON.stringify(many))
  for (const { perSecond, waitMs } of rows) assert.ok(perSecond > 0 && waitMs.min > 0)
})

/** The log with a defective `append`. */
const appending =
  (append: (store: LogStore, update: Uint8Array) => Promise<void>): typeof openLog =>
  (dir, disk) => {
    const store = new LogStore({ dir, disk })
    return {
      load: () => store.load(),
      append: (update) => append(store, update),
      needsCompaction: () => false,
      compact: (doc) => store.compact(doc),
      stats: () => store.stats(),
      close: () => store.close(),
    }
  }

const stores: Record<string, [typeof openLog, RegExp]> = {
  'acknowledges before the flush': [
    appending(async () => undefined),
    /internal wrong answer: commits, 1 writers: "task:.*" was acknowledged without a flush/,
  ],
  'stores something else': [
    appending((store) => store.append(Y.encodeStateAsUpdate(new Y.Doc()))),
    /wrong answer: commits, 1 writers, after a restart: "task:.*" is missing/,
  ],
}

for (const [name, [open, message]] of Object.entries(stores)) {
  test(`commits: a store that ${name} fails the run`, async () => {
    await rejects(() => commits(open, [1]), message)
  })
}

test('folder: it is removed, even after a failure', async () => {
  let made = ''
  const use = async (folder: string) => {
    made = folder
    await readDisk(folder)
    throw new Error('not today')
  }
  await rejects(() => inFolder(use), /not today/)
  assert.match(made, /pg-/)
  assert.not(existsSync(made))
})

test.run()
