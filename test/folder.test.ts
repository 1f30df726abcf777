import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Failure } from '../src/errors.ts'
import { Folder } from '../src/transports/folder.ts'
import { suite } from './helpers/suite.ts'
import { gate, until } from './transport-contract.ts'

/** Milliseconds no test waits for: where this is the poll, only the watcher can have seen it. */
const NEVER = 1e9

interface Kit {
  readonly base: string
  /** Looks through `dir`; `looks` and `problems` are what it saw and told. */
  start(
    dir: string,
    pollMs: number,
    look?: () => void | Promise<void>,
  ): { folder: Folder; looks: (readonly string[])[]; problems: Failure[] }
}

/** Runs `play` with a folder of its own, and closes what it started, also when it fails. */
const inDir = (play: (kit: Kit) => Promise<void>) => async (): Promise<void> => {
  const base = mkdtempSync(join(tmpdir(), 'pilot-gossip-folder-'))
  const started: Folder[] = []
  const start: Kit['start'] = (dir, pollMs, look) => {
    const looks: (readonly string[])[] = []
    const problems: Failure[] = []
    const folder = new Folder({
      dir,
      pollMs,
      look: (names) => {
        looks.push(names)
        return look?.()
      },
      onProblem: (problem) => problems.push(problem),
    })
    started.push(folder)
    return { folder, looks, problems }
  }
  try {
    await play({ base, start })
  } finally {
    for (const folder of started) await folder.close()
    rmSync(base, { recursive: true })
  }
}

const test = suite('folder')

test(
  'looks when a file changes, and finds a folder that comes late or again',
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
  'watches the folder that has the name now, not the one that had it',
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
  'tells the same trouble once, and again when it comes back',
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
  'looks one at a time, and once more for all that changed meanwhile',
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
  'goes on with the poll where it cannot read, and tells',
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

test.run()
