import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Failure } from '../../src/errors.ts'
import { Folder } from '../../src/fs/watched-folder.ts'
import { gate } from '../helpers/gate.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

/** A poll in milliseconds that no test waits for: then only the watcher can have seen a change. */
const NEVER = 1e9

interface Kit {
  readonly base: string
  /** Watches `dir`. `looks`, `changes` and `problems` are the calls of its listeners. */
  start(
    dir: string,
    pollMs: number,
    look?: () => void | Promise<void>,
    seesChanges?: boolean,
    onMissing?: () => void,
  ): {
    folder: Folder
    looks: (readonly string[])[]
    changes: (readonly string[])[]
    problems: Failure[]
  }
}

/** Runs `play` with a folder of its own, and closes what it started, also if it fails. */
const inDir = (play: (kit: Kit) => Promise<void>) => async (): Promise<void> => {
  const base = mkdtempSync(join(tmpdir(), 'pilot-gossip-folder-'))
  const started: Folder[] = []
  const start: Kit['start'] = (dir, pollMs, look, seesChanges, onMissing) => {
    const looks: (readonly string[])[] = []
    const changes: (readonly string[])[] = []
    const problems: Failure[] = []
    const folder = new Folder({
      dir,
      pollMs,
      look: (names) => {
        looks.push(names)
        return look?.()
      },
      ...(seesChanges && { lookAt: (names) => void changes.push(names) }),
      ...(onMissing && { onMissing }),
      onProblem: (problem) => problems.push(problem),
    })
    started.push(folder)
    return { folder, looks, changes, problems }
  }
  try {
    await play({ base, start })
  } finally {
    for (const folder of started) await folder.close()
    rmSync(base, { recursive: true })
  }
}

const watchers = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'FSEventWrap').length

const test = suite('watched folder')

test(
  'looks when a file changes, and finds a folder that is created late or again',
  inDir(async ({ base, start }) => {
    const dir = join(base, 'late')
    const { looks, problems } = start(dir, 20)
    for (const name of ['one', 'two']) {
      mkdirSync(dir)
      writeFileSync(join(dir, name), '')
      await until(`a look at ${name}`, () => looks.at(-1)?.includes(name))
      rmSync(dir, { recursive: true })
    }
    assert.equal(problems, [])
  }),
)

test(
  'watches the folder that has the name now, not the previous one',
  inDir(async ({ base, start }) => {
    const dir = join(base, 'box')
    mkdirSync(dir)
    const { folder, looks } = start(dir, NEVER)
    await until('the first look', () => looks.length > 0)
    mkdirSync(join(base, 'next'))
    writeFileSync(join(base, 'next', 'one'), '')
    renameSync(dir, join(base, 'old'))
    renameSync(join(base, 'next'), dir)
    folder.wake()
    await until('a look at the new one', () => looks.at(-1)?.includes('one'))
    writeFileSync(join(dir, 'two'), '')
    await until('word of its watcher', () => looks.at(-1)?.includes('two'))
  }),
)

test(
  'reports the same problem once, and again when it comes back',
  inDir(async ({ base, start }) => {
    let bad = true
    let turns = 0
    const { problems } = start(base, 5, () => {
      turns++
      if (bad) throw new Error('trouble')
    })
    await until('several looks', () => turns > 3)
    assert.is(problems.length, 1)
    bad = false
    const calm = turns + 2
    await until('a good look', () => turns >= calm)
    bad = true
    await until('the second telling', () => problems.length === 2)
  }),
)

test(
  'runs one look at a time, and one more for all changes meanwhile',
  inDir(async ({ base, start }) => {
    const hold = gate()
    const { folder, looks } = start(base, NEVER, () => hold.promise)
    await until('the first look', () => looks.length === 1)
    for (const name of ['a', 'b', 'c']) writeFileSync(join(base, name), '')
    for (let time = 0; time < 10; time++) folder.wake()
    assert.is(looks.length, 1)
    hold.open()
    await until('the second look', () => looks.length >= 2)
    assert.equal(looks[1], ['a', 'b', 'c'])
    await folder.close()
    const ended = looks.length
    folder.wake()
    await new Promise((resolve) => setImmediate(resolve))
    assert.is(looks.length, ended)
  }),
)

test(
  'reports a folder that it cannot read, and goes on with the poll',
  inDir(async ({ base, start }) => {
    const path = join(base, 'box')
    writeFileSync(path, 'a file')
    const { looks, problems } = start(path, 10)
    await until('the problem', () => problems.length === 1)
    rmSync(path)
    mkdirSync(path)
    await until('a look', () => looks.length > 0)
  }),
)

test(
  'lookAt gets only the changes; look gets all names if the folder was replaced',
  inDir(async ({ base, start }) => {
    const dir = join(base, 'box')
    mkdirSync(dir)
    for (const name of ['a', 'b']) writeFileSync(join(dir, name), '')
    const { folder, looks, changes } = start(dir, NEVER, undefined, true)
    await until('the first look', () => looks.length > 0)
    writeFileSync(join(dir, 'c'), '')
    await until('a look at c', () => changes.at(-1)?.includes('c'))
    folder.wake(['z', 'y'])
    await until('a look at those', () => changes.at(-1)?.includes('z'))
    assert.equal(changes.at(-1)?.slice(-2), ['y', 'z'])
    assert.is(changes.flat().includes('a'), false)
    assert.equal(looks, [['a', 'b']])
    renameSync(dir, join(base, 'old'))
    mkdirSync(dir)
    writeFileSync(join(dir, 'd'), '')
    await until('a look at the new one', () => looks.at(-1)?.includes('d'))
    assert.equal(looks.at(-1), ['d'])
  }),
)

test(
  'forgets no change that is reported before a look at all names',
  inDir(async ({ base, start }) => {
    const { folder, looks, changes } = start(base, NEVER, undefined, true)
    await until('the first look', () => looks.length > 0)
    folder.wake(['a'])
    folder.wake(['b'])
    folder.wake()
    folder.wake(['c'])
    await until('the second look', () => looks.length > 1)
    assert.equal(changes.flat(), ['a', 'b', 'c'])
  }),
)

test(
  'looks at all names if more have changed than it remembers',
  inDir(async ({ base, start }) => {
    const { folder, looks, changes } = start(base, NEVER, undefined, true)
    await until('the first look', () => looks.length > 0)
    folder.wake(['first']) // looked at already when the others come
    folder.wake(Array.from({ length: 10_000 }, (_, index) => `${index}`))
    folder.wake(['one more'])
    await until('the second look', () => looks.length > 1)
    assert.is(changes.flat().length, 10_001)
  }),
)

test(
  'looks at all names if the folder was replaced or has changed itself',
  inDir(async ({ base, start }) => {
    const dir = join(base, 'box')
    for (const name of ['one', 'two']) mkdirSync(join(base, name))
    writeFileSync(join(base, 'two', 'a'), '')
    symlinkSync(join(base, 'one'), dir)
    const { folder, looks } = start(dir, NEVER, undefined, true)
    await until('the first look', () => looks.length > 0)
    rmSync(dir)
    symlinkSync(join(base, 'two'), dir) // which no watcher reports
    folder.wake(['x'])
    await until('a look at the other', () => looks.at(-1)?.includes('a'))
    const before = looks.length
    utimesSync(dir, 1, 1)
    await until('one more look', () => looks.length > before)
  }),
)

test(
  'finds a folder that is created late before the next poll',
  inDir(async ({ base, start }) => {
    const dir = join(base, 'late')
    let asked = 0
    const { looks } = start(dir, NEVER, undefined, false, () => asked++)
    await until('that it is missed', () => asked > 0)
    mkdirSync(dir)
    await until('a look', () => looks.length > 0)
    rmSync(dir, { recursive: true })
    mkdirSync(dir)
    await until('another', () => looks.length > 1)
  }),
)

test(
  'looks at all names with the poll, however many changes come in between',
  inDir(async ({ base, start }) => {
    const { looks, changes } = start(base, 100, undefined, true)
    await until('several polls', () => {
      writeFileSync(join(base, 'a'), '')
      return looks.length > 3
    })
    assert.ok(changes.length > 0, 'no change was looked at')
  }),
)

test(
  'keeps no process alive after close, at whatever point it was closed',
  inDir(async ({ base, start }) => {
    const dir = join(base, 'box')
    const looking = start(base, NEVER)
    const missing = start(dir, NEVER)
    await until('a look', () => looking.looks.length > 0)
    assert.ok(watchers() > 0)
    const starting = start(base, NEVER)
    await Promise.all([looking, missing, starting].map(({ folder }) => folder.close()))
    assert.is(watchers(), 0)
    mkdirSync(dir)
    await new Promise((resolve) => setImmediate(resolve))
    assert.is(missing.looks.length + starting.looks.length, 0)
  }),
)

test(
  'a file that a look removes causes no further look',
  inDir(async ({ base, start }) => {
    const dir = join(base, 'in')
    mkdirSync(dir)
    const { folder, looks } = start(dir, NEVER, () => {
      for (const name of looks.at(-1)!) {
        folder.noteRemoved(name)
        rmSync(join(dir, name))
      }
    })
    await until('the first look', () => looks.length === 1)
    for (const name of ['one', 'two', 'three']) {
      writeFileSync(join(base, name), '')
      renameSync(join(base, name), join(dir, name)) // one change
      await until('a look at it', () => looks.at(-1)!.includes(name))
    }
    assert.equal(looks, [[], ['one'], ['two'], ['three']])
  }),
)

test(
  'polls become rarer while the watcher misses nothing, and no longer when it does',
  inDir(async ({ base, start }) => {
    const waits: number[] = []
    const { setTimeout: real } = globalThis
    const counting = (run: () => void, ms: number) => {
      if (ms >= 2_000) waits.push(ms)
      return real(run, 1)
    }
    // No pauses in this test: only how long they were to be counts.
    globalThis.setTimeout = Object.assign(counting, real) as unknown as typeof setTimeout
    try {
      const { folder, looks } = start(base, 2_000)
      while (waits.length < 6) await new Promise((resolve) => setImmediate(resolve))
      assert.equal(waits.slice(0, 6), [2_000, 4_000, 8_000, 15_000, 15_000, 15_000])
      folder.noteRemoved('unseen') // its report is left out, as if there were none
      writeFileSync(join(base, 'unseen'), '')
      while (!looks.at(-1)!.includes('unseen')) await new Promise((r) => setImmediate(r))
      while (waits.at(-1) !== 2_000) await new Promise((resolve) => setImmediate(resolve))
    } finally {
      globalThis.setTimeout = real
    }
  }),
)

test.run()
