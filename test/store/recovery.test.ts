/** Damaged folders of the log store: everything readable is read, and every problem is reported. */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { type Disk, nodeDisk } from '../../src/fs/disk.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { FaultyDisk } from '../fixtures/store/faulty-disk.ts'
import { digestOf, docOf, restored, written } from '../fixtures/store/updates.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('store recovery')

const LOG = 'log-000001.bin'

const { dir: root, remove } = temporaryFolder()
let count = 0
test.after(remove)

/** A new folder with these files. */
const folder = (files: Readonly<Record<string, Uint8Array | string>> = {}): string => {
  const dir = join(root, `${count++}`)
  mkdirSync(dir)
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(dir, name), bytes)
  return dir
}

const load = async (dir: string, disk: Disk = nodeDisk) => {
  let isWhole = true
  const onIncomplete = (): void => {
    isWhole = false
  }
  const store = new LogStore({ dir, disk, onIncomplete })
  const loaded = await store.load()
  const types = loaded.problems.map(({ type }) => type)
  return { ...loaded, store, types, isWhole }
}

/** The log with these updates, and the ends of the head and of each record. */
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

/** Checks that the store takes one more update, which is loaded after those of `before`. */
const goesOn = async (dir: string, store: LogStore, before: readonly Uint8Array[]) => {
  const [update] = written(1).updates
  await store.append(update!)
  await store.close()
  const loaded = await load(dir)
  assert.equal(loaded.updates, [...before, update])
  await loaded.store.close()
  return loaded
}

test('a log cut at every byte: reads all whole records, and reports and cuts off the rest', async () => {
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

test('a log cut within its head: reports it, copies it, and begins a new log', async () => {
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

test('one flipped bit anywhere: reads every other record, and reports the damage', async () => {
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

test('reads the other records before a tail of zeros or noise, and around a record of zeros', async () => {
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

test('does not read bytes inside a damaged record as a record', async () => {
  const { bytes: inner } = await logOf(written(1).updates)
  const { updates } = written(2)
  // A value with the bytes of a log. Its writer cannot know the marker of this log.
  const { bytes, ends } = await logOf([updates[0]!, inner, updates[1]!])
  bytes[ends[1]! + 3]! ^= 1
  const { store, ...loaded } = await load(folder({ [LOG]: bytes }))
  assert.equal(loaded.updates, updates)
  await store.close()
})

test('removes leftover temporary files, and no other files', async () => {
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

test('loses nothing in a crash at each step of a compaction', async () => {
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
    const names = readdirSync(dir).filter((name) => name !== 'store.lock')
    const isDone = 'state-000002.bin' in files
    assert.equal(
      names.sort(),
      isDone ? ['log-000002.bin', 'state-000002.bin'] : [LOG, 'log-000002.bin'],
    )
    await store.compact(doc)
    await store.close()
    assert.equal(readdirSync(dir).sort(), ['log-000003.bin', 'state-000003.bin'])
  }
})

test('a state that is cut or flipped at any byte: uses the old generation while it exists', async () => {
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
      // The damaged bytes are kept for a person after the compaction.
      await alone.store.compact(docOf(alone))
      await alone.store.close()
      const aside = readdirSync(dir).filter((name) => name.startsWith('damaged-state-000002'))
      assert.is(aside.length, bad.length === 0 ? 0 : 1)
    }
  }
})

test('reports missing files', async () => {
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

/** A disk that refuses to read these files. */
const blind = (code: string, ...names: readonly string[]): FaultyDisk => {
  const disk = new FaultyDisk(nodeDisk)
  disk.refuse = (operation, path) =>
    operation === 'read' && names.some((name) => path.endsWith(`/${name}`)) ? code : undefined
  return disk
}

test('reports a log that the system refuses to read, and uses all other files', async () => {
  const { doc, old, state, log, later } = await compacted()
  for (const code of ['EIO', 'EACCES', 'EISDIR']) {
    const dir = folder({ 'log-000002.bin': log, 'state-000002.bin': state })
    const first = await load(dir, blind(code, 'log-000002.bin'))
    assert.equal([first.updates, first.types, first.isWhole], [[], ['unreadable'], false])
    const [problem] = first.problems
    assert.is(problem?.file, 'log-000002.bin')
    assert.match(problem?.failure.message ?? '', code)
    assert.match(problem?.failure.hint ?? '', 'the file is kept, and each start')
    const [update] = written(1).updates
    await first.store.append(update!)
    await first.store.close()
    assert.ok(readFileSync(join(dir, 'log-000002.bin')).equals(log), 'not written on')
    // It is used as soon as it can be read.
    const second = await load(dir)
    assert.equal([second.updates, second.types], [[...later, update], []])
    await second.store.close()
  }
  // If the state is missing, too, the old generation is used while it exists.
  const dir = folder({ [LOG]: old, 'log-000002.bin': log, 'state-000002.bin': state })
  const { store, ...loaded } = await load(dir, blind('EIO', 'state-000002.bin'))
  assert.is(digestOf(docOf(loaded)), digestOf(doc))
  assert.equal(loaded.types, ['unreadable'])
  await store.close()
})

test('keeps an unreadable file through compactions, and uses it once it can be read', async () => {
  const { doc, state, log } = await compacted()
  for (const name of ['log-000002.bin', 'state-000002.bin']) {
    const dir = folder({ 'log-000002.bin': log, 'state-000002.bin': state })
    const kept = `kept-${name}`
    const disk = blind('EIO', name, kept)
    const first = await load(dir, disk)
    const { doc: partial, held } = restored(first)
    const compactTwice = async ({ store }: typeof first): Promise<void> => {
      await store.compact(partial)
      await store.compact(partial)
      // As Persistence does, since they are not in the document.
      for (const update of held) await store.append(update)
      await store.close()
    }
    await compactTwice(first)
    assert.equal(readdirSync(dir).sort(), [kept, 'log-000004.bin', 'state-000004.bin'])
    // Still unreadable: reported again, but the current writer is not in it.
    const second = await load(dir, disk)
    assert.equal([second.types, second.isWhole], [['unreadable'], true])
    assert.is(digestOf(docOf(second)), digestOf(partial))
    await compactTwice(second)
    assert.equal(readdirSync(dir).sort(), [kept, 'log-000006.bin', 'state-000006.bin'])
    // Readable: used, and removed by the next compaction.
    const third = await load(dir)
    assert.equal(third.problems, [])
    assert.is(digestOf(docOf(third)), digestOf(doc))
    await third.store.compact(docOf(third))
    await third.store.close()
    assert.equal(readdirSync(dir).sort(), ['log-000007.bin', 'state-000007.bin'])
    const last = await load(dir)
    assert.is(digestOf(docOf(last)), digestOf(doc))
    await last.store.close()
  }
})

test('loses nothing in a crash while an unreadable file is renamed', async () => {
  const { doc, state, log } = await compacted()
  const { bytes: empty } = await logOf(written(1).updates)
  for (const name of ['log-000002.bin', 'state-000002.bin']) {
    const files = { 'log-000002.bin': log, 'state-000002.bin': state, 'log-000003.bin': empty }
    const dir = folder(files)
    renameSync(join(dir, name), join(dir, `kept-${name}`))
    const { store, types, ...loaded } = await load(dir)
    assert.equal(types, [])
    const clocks = Y.decodeStateVector(Y.encodeStateVector(docOf(loaded)))
    for (const [writer, clock] of Y.decodeStateVector(Y.encodeStateVector(doc))) {
      assert.is(clocks.get(writer), clock)
    }
    await store.close()
  }
})

test('treats a folder with the name of a file as an unreadable file', async () => {
  const { doc, state, log } = await compacted()
  const dir = folder({ 'log-000002.bin': log, 'state-000002.bin': state })
  mkdirSync(join(dir, 'log-000003.bin'))
  const { store, types, ...loaded } = await load(dir)
  assert.equal(types, ['unreadable'])
  assert.is(digestOf(docOf(loaded)), digestOf(doc))
  await store.compact(doc)
  await store.close()
  assert.equal(readdirSync(dir).sort(), [
    'kept-log-000003.bin',
    'log-000004.bin',
    'state-000004.bin',
  ])
})

test('rejects if no file can be read for missing rights', async () => {
  const { state, log } = await compacted()
  const dir = folder({ 'log-000002.bin': log, 'state-000002.bin': state })
  const names = readdirSync(dir)
  await rejects(() => load(dir, blind('EACCES', ...names)), /^permission_denied cannot read/)
  // An error that does not concern the file is not a reason to go on without it.
  await rejects(() => load(dir, blind('EMFILE', 'log-000002.bin')), /^internal .*EMFILE/)
  // A broken disk is, since its owner may be away.
  const broken = await load(dir, blind('EIO', ...names))
  assert.equal([broken.types, broken.isWhole], [['unreadable', 'unreadable'], false])
  await broken.store.close()
  assert.equal(readdirSync(dir), names)
})

test('distinguishes files that may become readable from those that cannot', async () => {
  const { updates } = written(3)
  const { bytes, ends } = await logOf(updates)
  const whole = await load(folder({ [LOG]: bytes }))
  assert.ok(whole.isWhole)
  const torn = await load(folder({ [LOG]: bytes.subarray(0, -1) }))
  assert.ok(torn.isWhole, 'a torn tail is cut off before anything is written')
  const flipped = Buffer.from(bytes)
  flipped[ends[1]! - 1]! ^= 1
  const damaged = await load(folder({ [LOG]: flipped }))
  assert.not(damaged.isWhole)
  const older = await load(folder({ [LOG]: bytes.subarray(0, -1), 'log-000002.bin': bytes }))
  assert.not(older.isWhole, 'this tail is not cut off')
  for (const { store } of [whole, torn, damaged, older]) await store.close()
})

test('holds back and keeps updates whose predecessor was damaged', async () => {
  const { doc, updates } = written(3)
  const { bytes, ends } = await logOf(updates)
  bytes[ends[2]! - 1]! ^= 1
  const { store, ...loaded } = await load(folder({ [LOG]: bytes }))
  const { doc: copy, held } = restored(loaded)
  assert.equal(copy.getMap('numbers').toJSON(), { k0: 0 })
  assert.equal(held, [updates[2]])
  await store.close()
  Y.applyUpdate(copy, updates[1]!)
  for (const update of held) Y.applyUpdate(copy, update)
  assert.is(digestOf(copy), digestOf(doc))
})

test.run()
