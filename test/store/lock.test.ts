/**
 * One store has a folder at a time: a second one, of this process or another and by any path, is
 * refused before it can destroy updates that the first has acknowledged.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { nodeDisk } from '../../src/fs/disk.ts'
import { FolderLock, lockIn } from '../../src/fs/folder-lock.ts'
import { LevelStore } from '../../src/store/level/level-store.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import type { Store } from '../../src/store/store.ts'
import { docOf, written } from '../fixtures/store/updates.ts'
import { inFolder } from '../helpers/folder.ts'
import { onStage } from '../helpers/provider.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('store lock')

const HOLDER = fileURLToPath(new URL('../fixtures/store/holder.ts', import.meta.url))

const KINDS: Readonly<Record<string, (dir: string) => Store>> = {
  log: (dir) => new LogStore({ dir }),
  level: (dir) => new LevelStore({ dir }),
}

/** A store that appends each change of its document. */
const live = async (store: Store) => {
  const doc = new Y.Doc()
  const { updates } = await store.load()
  for (const update of updates) Y.applyUpdate(doc, update)
  const appends: Promise<void>[] = []
  doc.on('update', (update: Uint8Array) => appends.push(store.append(update)))
  return { doc, flushed: () => Promise.all(appends) }
}

const numbersIn = async (store: Store): Promise<number> => {
  const loaded = await store.load()
  await store.close()
  return docOf(loaded).getMap('numbers').size
}

const inChild = async (
  dir: string,
  kind: string,
): Promise<{ readonly child: ChildProcess; readonly output: string }> => {
  const child = spawn(process.execPath, ['--import', 'tsx', HOLDER, dir, kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, output: line.toString() }
}

const kill = async (child: ChildProcess): Promise<void> => {
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

for (const [kind, open] of Object.entries(KINDS)) {
  test(`${kind}: refuses a second store of the process on the folder, and loses nothing`, () =>
    inFolder(async (dir) => {
      const first = open(dir)
      const a = await live(first)
      const second = open(dir)
      await rejects(
        () => second.load(),
        new RegExp(`^already_exists .*"${dir}".*process ${process.pid} has it \\(this process\\)$`),
      )
      for (let i = 0; i < 20; i++) a.doc.getMap('numbers').set(`a${i}`, i)
      await a.flushed()
      await first.close()
      // It can be opened once the first has closed.
      const b = await live(second)
      assert.is(b.doc.getMap('numbers').size, 20)
      for (let i = 0; i < 20; i++) b.doc.getMap('numbers').set(`b${i}`, i)
      await b.flushed()
      await second.close()
      assert.is(await numbersIn(open(dir)), 40)
    }))

  test(`${kind}: names the process that has the folder, and takes over from a killed one`, () =>
    inFolder(async (dir) => {
      const { child, output } = await inChild(dir, kind)
      try {
        assert.is(output, 'open\n')
        await rejects(
          () => open(dir).load(),
          new RegExp(`^already_exists .*process ${child.pid} has it$`),
        )
      } finally {
        await kill(child)
      }
      const store = open(dir)
      const { updates } = await store.load()
      assert.is(updates.length, 3)
      const other = await inChild(dir, kind)
      assert.match(other.output, new RegExp(`^already_exists .*process ${process.pid} has it\n$`))
      await store.close()
    }))

  test(`${kind}: frees the folder if it is closed while it loads`, () =>
    inFolder(async (dir) => {
      const store = open(dir)
      const loading = store.load()
      const closing = store.close()
      await rejects(() => loading, /^closed/)
      await closing
      assert.is(await numbersIn(open(dir)), 0)
    }))
}

test('recognizes a folder by any path', () =>
  inFolder(async (root) => {
    const dir = join(root, 'real')
    mkdirSync(dir)
    const link = join(root, 'link')
    symlinkSync(dir, link)
    const first = new LogStore({ dir })
    await first.load()
    const paths = [`${dir}/`, `${root}/./real//`, link, `${link}/.`, relative(process.cwd(), dir)]
    for (const path of paths) {
      await rejects(() => new LogStore({ dir: path }).load(), /^already_exists/)
    }
    await first.close()
  }))

test('resolves a relative path at the start, even if the working folder changes', () =>
  inFolder(async (root) => {
    const store = new LogStore({ dir: relative(process.cwd(), join(root, 'log')) })
    const before = process.cwd()
    process.chdir(root)
    try {
      await store.load()
      await store.append(written(1).updates[0]!)
      await store.close()
    } finally {
      process.chdir(before)
    }
    assert.ok(readdirSync(join(root, 'log')).includes('log-000001.bin'))
  }))

test('frees the folder if load fails', () =>
  inFolder(async (dir) => {
    const newer = join(dir, 'log-000001.bin')
    writeFileSync(newer, 'pilot-gossip log 2 0000000000000000 ')
    const text = 'pilot-gossip log 2 0000000000000000'
    const { crc32 } = await import('node:zlib')
    writeFileSync(newer, `${text} ${crc32(text).toString(16).padStart(8, '0')}\n`)
    const store = new LogStore({ dir })
    await rejects(() => store.load(), /^invalid_argument .*format 2/)
    rmSync(newer)
    assert.is(await numbersIn(new LogStore({ dir })), 0)
    await store.close()
  }))

test('refuses a second store of a room and of a subdocument', () =>
  inFolder(async (dir) => {
    const [one, two] = [dataFolder(dir), dataFolder(dir)]
    const first = one.storeOf!('notes')
    await first.load()
    await rejects(() => two.storeOf!('notes').load(), /^already_exists/)
    const other = two.storeOf!('other')
    await other.load()
    await other.close()
    await first.close()
  }))

test('refuses a second provider on a folder; the first goes on', () =>
  inFolder((dir) =>
    onStage(async (stage) => {
      const first = stage.add('a', { store: new LogStore({ dir }) })
      await first.whenLoaded
      const second = stage.add('b', { store: new LogStore({ dir }), connect: false })
      const codes: string[] = []
      second.on('connection-error', ({ code }) => codes.push(code))
      await rejects(() => second.whenLoaded, /^already_exists .*\(this process\)/)
      assert.equal(codes, ['already_exists'])
      first.doc.getMap('m').set('k', 1)
      await first.flush()
      await first.destroy()
      const third = stage.add('c', { store: new LogStore({ dir }), connect: false })
      await third.whenLoaded
      assert.is(third.doc.getMap('m').get('k'), 1)
    }),
  ))

/** A lock whose first write the system refuses. */
const unwritable = (dir: string) => {
  const lock = lockIn(dir)
  const state = { isReadOnly: true }
  const refusing = {
    hold: async () => {
      if (state.isReadOnly) throw Object.assign(new Error('EROFS: read-only'), { code: 'EROFS' })
      await lock.hold()
    },
    check: () => lock.check(),
    release: () => lock.release(),
  }
  return { state, disk: { ...nodeDisk, lock: () => new FolderLock(dir, refusing) } }
}

test('reads a folder that cannot be written, and locks it before the first write', () =>
  inFolder(async (dir) => {
    const { updates } = written(3)
    const before = new LogStore({ dir })
    await before.load()
    for (const update of updates.slice(0, 2)) await before.append(update)
    await before.close()
    const { state, disk } = unwritable(dir)
    const store = new LogStore({ dir, disk })
    assert.is((await store.load()).updates.length, 2)
    await rejects(() => store.append(updates[2]!), /^permission_denied .*EROFS/)
    state.isReadOnly = false
    await store.append(updates[2]!)
    await rejects(() => new LogStore({ dir }).load(), /^already_exists/)
    await store.close()
    assert.is(await numbersIn(new LogStore({ dir })), 3)
  }))

test('does not write to a folder that changed after it was read without the lock', () =>
  inFolder(async (dir) => {
    const { updates } = written(3)
    const { state, disk } = unwritable(dir)
    const store = new LogStore({ dir, disk })
    await store.load()
    const other = new LogStore({ dir })
    await other.load()
    await other.append(updates[0]!)
    state.isReadOnly = false
    await rejects(() => store.append(updates[1]!), /^already_exists .*it is open already/)
    await other.close()
    await rejects(
      () => store.append(updates[1]!),
      /^already_exists .*was changed by another process/,
    )
    await store.close()
    assert.is(await numbersIn(new LogStore({ dir })), 1)
  }))

test('does not write to a folder that was removed, moved or replaced while in use', () =>
  inFolder(async (root) => {
    const { updates, doc } = written(2)
    const ends: Readonly<Record<string, (dir: string) => void>> = {
      removed: (dir) => rmSync(dir, { recursive: true }),
      moved: (dir) => renameSync(dir, `${dir}-moved`),
      'replaced by an empty one': (dir) => {
        rmSync(dir, { recursive: true })
        mkdirSync(dir)
      },
      'replaced by a copy of itself': (dir) => {
        renameSync(dir, `${dir}-before`)
        cpSync(`${dir}-before`, dir, { recursive: true })
      },
    }
    for (const [name, end] of Object.entries(ends)) {
      const dir = join(root, name.replaceAll(' ', '-'))
      const store = new LogStore({ dir })
      await store.load()
      await store.append(updates[0]!)
      end(dir)
      await rejects(() => store.append(updates[1]!), /^not_found .*was removed, moved or replaced/)
      await rejects(() => store.compact(doc), /^not_found/)
      await store.close()
    }
    assert.equal(readdirSync(join(root, 'replaced-by-an-empty-one')), [])
  }))

test('restores a lock that was removed by hand', () =>
  inFolder(async (dir) => {
    const { updates } = written(2)
    const store = new LogStore({ dir })
    await store.load()
    await store.append(updates[0]!)
    rmSync(join(dir, 'store.lock'))
    await store.append(updates[1]!)
    await rejects(() => new LogStore({ dir }).load(), /^already_exists/)
    // Another process has taken it in between.
    rmSync(join(dir, 'store.lock'))
    const other = new LogStore({ dir })
    await other.load()
    await rejects(() => store.append(updates[1]!), /^already_exists/)
    await store.close()
    await rejects(() => new LogStore({ dir }).load(), /^already_exists/)
    await other.close()
    await until('the folder is free', async () => (await numbersIn(new LogStore({ dir }))) === 2)
  }))

test.run()
