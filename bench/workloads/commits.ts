/**
 * Writes per second that are on disk when they are acknowledged, made the way an agent makes them:
 * into a document, through `Persistence`, into a store in a real folder. Each writer waits for its
 * write before the next one, so a single writer has a flush for each, and many writers share one. A
 * write that is acknowledged before a flush, or missing afterwards, fails the run.
 *
 * Unlike the rest of the bench it uses elapsed time, because it measures waiting.
 *
 * ```ts
 * const { rows } = await runCommits({ open, writers: [1, 100], ms: 1_000, seed: 1, dir: tmpdir() })
 * rows[1]      // { writers: 100, writes: 52_000, flushes: 520, perSecond: 52_000, … }
 * ```
 */
import * as Y from 'yjs'
import type { Failure } from '../../src/errors.ts'
import type { Disk } from '../../src/fs/disk.ts'
import { DEFAULT_MAP, writeEntry } from '../../src/maps/index.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { Persistence } from '../../src/store/persistence.ts'
import { restore, type Store } from '../../src/store/store.ts'
import { inFolder } from '../../test/helpers/folder.ts'
import { Random } from '../../test/helpers/random.ts'
import type { Entries, Entry, Value } from '../engines/engine.ts'
import { readMap } from '../engines/layouts.ts'
import { spreadOf } from '../runner/stats.ts'
import { checkAnswer, wrongAnswer } from './answer.ts'
import { createEntries, overwrite } from './base.ts'
import { CountingDisk, type DiskFacts, readDisk } from './disk.ts'

export interface CommitOptions {
  /** Opens the store, which flushes through `disk` only. */
  readonly open: (dir: string, disk: Disk) => Store
  /** Concurrent writers: a row for each count. */
  readonly writers: readonly number[]
  /** Milliseconds for which they write. */
  readonly ms: number
  readonly seed: number
  /** An existing folder for temporary ones. */
  readonly dir: string
  readonly progress?: (row: string) => void
}

export const openLog = (dir: string, disk: Disk): Store => new LogStore({ dir, disk })

/** Keys that are written, at random. */
const KEYS = 100

const wrong = (writers: number, what: string, cause?: Failure): Failure =>
  wrongAnswer(`commits, ${writers} writers`, what, 'store', cause)

/** Throws a Failure (internal) unless the folder holds what was acknowledged. */
const check = async (dir: string, expected: Entries, writers: number) => {
  const doc = new Y.Doc()
  const store = new LogStore({ dir })
  const [problem] = restore(doc, await store.load()).problems
  await store.close()
  if (problem) throw wrong(writers, problem.failure.message, problem.failure)
  checkAnswer(readMap(doc), expected, `commits, ${writers} writers, after a restart`)
}

const measure = async ({ open, ms, seed }: CommitOptions, writers: number, dir: string) => {
  const random = new Random(seed)
  const entries = createEntries(KEYS, random)
  const disk = new CountingDisk()
  const doc = new Y.Doc()
  const expected = new Map<string, Value>()
  const problems: Failure[] = []
  const persistence = new Persistence(doc, open(dir, disk), (failure) => problems.push(failure))
  await persistence.open()
  const waits: number[] = []
  const write = async (): Promise<void> => {
    const [[key, value]] = overwrite(entries, 1, random) as [Entry]
    const [start, flushes] = [performance.now(), disk.flushes]
    expected.set(key, value)
    writeEntry(doc, DEFAULT_MAP, key, value)
    await persistence.flushed()
    waits.push(performance.now() - start)
    if (disk.flushes === flushes) throw wrong(writers, `"${key}" was acknowledged without a flush`)
  }
  // The first write creates the log.
  await write()
  waits.length = 0
  const [before, start] = [disk.flushes, performance.now()]
  const play = async (): Promise<void> => {
    do await write()
    while (performance.now() < start + ms)
  }
  const ended = await Promise.allSettled(Array.from({ length: writers }, play))
  const seconds = (performance.now() - start) / 1_000
  const flushes = disk.flushes - before
  await persistence.close()
  for (const result of ended) if (result.status === 'rejected') throw result.reason
  const [problem] = problems
  if (problem) throw wrong(writers, problem.message, problem)
  await check(dir, expected, writers)
  return {
    writers,
    // All of them acknowledged.
    writes: waits.length,
    flushes,
    writesPerFlush: waits.length / flushes,
    perSecond: waits.length / seconds,
    // Milliseconds from a write to its acknowledgement.
    waitMs: spreadOf(waits),
  }
}

type Commits = Awaited<ReturnType<typeof measure>>

export interface CommitResult {
  readonly disk: DiskFacts
  readonly rows: readonly Commits[]
}

export const runCommits = async (options: CommitOptions): Promise<CommitResult> => {
  const { writers, dir, progress } = options
  progress?.('commits, the disk')
  const disk = await inFolder(readDisk, dir)
  const rows: Commits[] = []
  for (const count of writers) {
    progress?.(`commits, ${count} writers`)
    rows.push(await inFolder((folder) => measure(options, count, folder), dir))
  }
  return { disk, rows }
}
