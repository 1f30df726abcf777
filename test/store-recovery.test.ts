/** Folders of the log store that were damaged: all that can be read is read, and all is told. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { LogStore } from '../src/store/log-store.ts'
import { digestOf, docOf, written } from './fixtures/store/updates.ts'
import { suite } from './helpers/suite.ts'

const test = suite('store recovery')

const LOG = 'log-000001.bin'

let root = ''
let count = 0
test.before(() => {
  root = mkdtempSync(join(tmpdir(), 'pilot-gossip-recovery-'))
})
test.after(() => rmSync(root, { recursive: true }))

/** A new folder with these files. */
const folder = (files: Readonly<Record<string, Uint8Array | string>> = {}): string => {
  const dir = join(root, `${count++}`)
  mkdirSync(dir)
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(dir, name), bytes)
  return dir
}

const load = async (dir: string) => {
  const store = new LogStore({ dir })
  const loaded = await store.load()
  const types = loaded.problems.map(({ type }) => type)
  return { ...loaded, store, types }
}

/** The log with these updates, and where each record ends; the first entry is the head's end. */
const logOf = async (updates: readonly Uint8Array[]) => {
  const dir = folder()
  const { store } = await load(dir)
  const ends: number[] = []
  for (const update of updates) {
    await store.append(update)
    ends.push(store.stats().logBytes)
  }
  await store.close()
  return {
    bytes: readFileSync(join(dir, LOG)),
    ends: [ends[0]! - 17 - updates[0]!.length, ...ends],
  }
}

/** The store takes one more update, which is there afterwards behind `before`. */
const goesOn = async (dir: string, store: LogStore, before: readonly Uint8Array[]) => {
  const [update] = written(1).updates
  await store.append(update!)
  await store.close()
  const loaded = await load(dir)
  assert.equal(loaded.updates, [...before, update])
  await loaded.store.close()
  return loaded
}

test('a log cut at every byte: all whole records, the rest told and cut off', async () => {
  const { updates } = written(5)
  const { bytes, ends } = await logOf(updates)
  for (let length = ends[2]!; length < bytes.length; length++) {
    const dir = folder({ [LOG]: bytes.subarray(0, length) })
    const { store, problems, ...loaded } = await load(dir)
    const whole = ends.filter((end) => end <= length).length - 1
    assert.equal(loaded.updates, updates.slice(0, whole))
    const torn = length - ends[whole]!
    assert.equal(
      problems.map(({ type, bytes }) => [type, bytes]),
      torn > 0 ? [['torn', torn]] : [],
    )
    assert.equal((await goesOn(dir, store, updates.slice(0, whole))).problems, [])
  }
})

test('a log cut within its head: told, set aside, and a new log is begun', async () => {
  const { bytes, ends } = await logOf(written(1).updates)
  for (let length = 0; length < ends[0]!; length++) {
    const dir = folder({ [LOG]: bytes.subarray(0, length) })
    const { store, types, updates } = await load(dir)
    assert.equal(updates, [])
    assert.equal(types, ['damaged'])
    await goesOn(dir, store, [])
    const aside = length > 0 ? ['damaged-log-000001-0.bin'] : []
    assert.equal(readdirSync(dir).sort(), [...aside, LOG, 'log-000002.bin'])
  }
})

test('one flipped bit anywhere: every other record is read, and the damage told', async () => {
  const { updates } = written(4)
  const { bytes, ends } = await logOf(updates)
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes)
    flipped[at]! ^= 1 << (at % 8)
    const dir = folder({ [LOG]: flipped })
    const { store, ...loaded } = await load(dir)
    const hit = ends.findIndex((end) => at < end) // 0: the head
    assert.equal(
      loaded.updates,
      updates.filter((_, index) => index !== hit - 1),
      `byte ${at}`,
    )
    const [from, to] = hit === 0 ? [0, ends[0]!] : [ends[hit - 1]!, ends[hit]!]
    assert.equal(
      loaded.problems.map(({ type, bytes }) => [type, bytes]),
      [[hit === 4 ? 'torn' : 'damaged', to - from]],
      `byte ${at}`,
    )
    if (hit < 4) {
      const aside = readFileSync(join(dir, `damaged-log-000001-${from}.bin`))
      assert.ok(aside.equals(flipped.subarray(from, to)))
      assert.ok(store.needsCompaction(), 'damage asks for a compaction')
    }
    await store.close()
  }
})

test('a tail of zeros, of noise, and a record in the middle overwritten with zeros', async () => {
  const { updates } = written(3)
  const { bytes, ends } = await logOf(updates)
  for (const tail of [Buffer.alloc(5000), Buffer.from('noise'.repeat(100))]) {
    const dir = folder({ [LOG]: Buffer.concat([bytes, tail]) })
    const { store, problems, ...loaded } = await load(dir)
    assert.equal(loaded.updates, updates)
    assert.equal(
      problems.map(({ type, bytes }) => [type, bytes]),
      [['torn', tail.length]],
    )
    assert.match(problems[0]!.failure.message, `${tail.length} bytes`)
    assert.equal((await goesOn(dir, store, updates)).problems, [])
  }
  const zeroed = Buffer.from(bytes).fill(0, ends[1]!, ends[2]!)
  const { store, ...loaded } = await load(folder({ [LOG]: zeroed }))
  assert.equal(loaded.updates, [updates[0], updates[2]])
  assert.equal(loaded.types, ['damaged'])
  await store.close()
})

test('what looks like a record inside a damaged one is not taken for one', async () => {
  const { bytes: inner } = await logOf(written(1).updates)
  const { updates } = written(2)
  // A value that holds the bytes of a log; whoever writes it cannot know the marker of ours.
  const { bytes, ends } = await logOf([updates[0]!, inner, updates[1]!])
  bytes[ends[1]! + 3]! ^= 1
  const { store, ...loaded } = await load(folder({ [LOG]: bytes }))
  assert.equal(loaded.updates, updates)
  await store.close()
})

test('leftover temporary files are removed, other files are left alone', async () => {
  const { updates } = written(2)
  const { bytes } = await logOf(updates)
  const dir = folder({
    [LOG]: bytes,
    'log-000002.bin.tmp': 'half',
    'state-000002.bin.tmp': '',
    'damaged-log-000001-0.bin.tmp': 'x',
    'writer.json': '{}',
    lock: 'x',
    'notes.txt': 'mine',
  })
  const { store, problems, ...loaded } = await load(dir)
  assert.equal(problems, [])
  assert.equal(loaded.updates, updates)
  await store.close()
  assert.equal(readdirSync(dir).sort(), ['lock', LOG, 'notes.txt', 'writer.json'])
})

/** A folder after a compaction and two more updates. */
const compacted = async () => {
  const { doc, updates } = written(20, 4)
  const dir = folder()
  const { store } = await load(dir)
  await Promise.all(updates.map((update) => store.append(update)))
  const old = readFileSync(join(dir, LOG))
  await store.compact(doc)
  const later = written(2, 2, doc).updates
  for (const update of later) await store.append(update)
  await store.close()
  const state = readFileSync(join(dir, 'state-000002.bin'))
  const log = readFileSync(join(dir, 'log-000002.bin'))
  return { doc, old, state, log, later }
}

test('a crash at each step of a compaction loses nothing', async () => {
  const { doc, old, state, log } = await compacted()
  const steps: Record<string, Uint8Array>[] = [
    { [LOG]: old, 'log-000002.bin': log },
    { [LOG]: old, 'log-000002.bin': log, 'state-000002.bin.tmp': state.subarray(0, 50) },
    { [LOG]: old, 'log-000002.bin': log, 'state-000002.bin.tmp': state },
    { [LOG]: old, 'log-000002.bin': log, 'state-000002.bin': state },
    { 'log-000002.bin': log, 'state-000002.bin': state },
  ]
  for (const files of steps) {
    const dir = folder(files)
    const { store, ...loaded } = await load(dir)
    assert.equal(loaded.problems, [])
    assert.is(digestOf(docOf(loaded)), digestOf(doc))
    const names = readdirSync(dir).sort()
    const isDone = 'state-000002.bin' in files
    assert.equal(names, isDone ? ['log-000002.bin', 'state-000002.bin'] : [LOG, 'log-000002.bin'])
    await store.compact(doc)
    await store.close()
    assert.equal(readdirSync(dir).sort(), ['log-000003.bin', 'state-000003.bin'])
  }
})

test('a state half written or flipped at any byte: the old generation is used while it is there', async () => {
  const { doc, old, state, log, later } = await compacted()
  for (let at = 0; at < state.length; at++) {
    const flipped = Buffer.from(state)
    flipped[at]! ^= 0x10
    const isHead = at < state.indexOf('\n') + 1
    for (const bad of [flipped, state.subarray(0, at)]) {
      const files = { 'log-000002.bin': log, 'state-000002.bin': bad }
      const both = await load(folder({ [LOG]: old, ...files }))
      assert.is(digestOf(docOf(both)), digestOf(doc), `byte ${at}`)
      assert.equal(both.types, ['damaged'], `byte ${at}`)
      await both.store.close()
      const dir = folder(files)
      const alone = await load(dir)
      assert.equal(alone.types, ['damaged'], `byte ${at}`)
      assert.equal(alone.updates, later)
      assert.is(alone.state !== undefined, bad === flipped && isHead, `byte ${at}`)
      // What is left behind by a compaction is still there for a human.
      await alone.store.compact(docOf(alone))
      await alone.store.close()
      const aside = readdirSync(dir).filter((name) => name.startsWith('damaged-state-000002'))
      assert.is(aside.length, bad.length === 0 ? 0 : 1)
    }
  }
})

test('files that are missing are told', async () => {
  const { old, state, log, later } = await compacted()
  const alone = await load(folder({ 'log-000002.bin': log }))
  assert.equal(alone.updates, later)
  assert.equal(
    alone.problems.map(({ type, file }) => [type, file]),
    [['missing', 'state-000002.bin']],
  )
  assert.ok(alone.store.needsCompaction())
  await alone.store.close()
  const without = await load(folder({ 'state-000002.bin': state }))
  assert.equal(
    without.problems.map(({ type, file }) => [type, file]),
    [['missing', 'log-000002.bin']],
  )
  await without.store.close()
  const dir = folder({ [LOG]: old })
  writeFileSync(join(dir, 'x'), log)
  renameSync(join(dir, 'x'), join(dir, 'log-000003.bin'))
  const gap = await load(dir)
  assert.equal(
    gap.problems.map(({ type, file }) => [type, file]),
    [['missing', 'log-000002.bin']],
  )
  assert.is(gap.updates.length, 22)
  await gap.store.close()
})

test('updates whose predecessor was damaged wait in the document for a peer', async () => {
  const { doc, updates } = written(3)
  const { bytes, ends } = await logOf(updates)
  bytes[ends[2]! - 1]! ^= 1
  const { store, ...loaded } = await load(folder({ [LOG]: bytes }))
  const copy = docOf(loaded)
  assert.equal(copy.getMap('numbers').toJSON(), { k0: 0 })
  // They survive a compaction of the document in which they wait.
  await store.compact(copy)
  await store.close()
  Y.applyUpdate(copy, updates[1]!)
  assert.is(digestOf(copy), digestOf(doc))
})

test.run()
