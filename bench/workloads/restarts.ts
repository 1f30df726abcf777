/**
 * What a start costs with a document of many keys on disk: as a log of single updates, which is
 * the worst there can be, and as a compacted state. Each start is a process of its own (see
 * `restart-child.ts`), and they take turns. What they have then is compared with what was written.
 *
 * ```ts
 * const rows = await runRestarts({ layouts: LAYOUTS, kept: KEPT, keys: 100_000, runs: 3, seed: 1, dir })
 * rows[0]      // { kept: 'log of single updates', diskBytes: 1.2e7, ms: { median: 900, … }, … }
 * ```
 *
 * The files come from the system's cache, since they were written just before. The time for node
 * itself to start is not in it.
 */
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Failure } from '../../src/errors.ts'
import type { Layout } from '../engines/layouts.ts'
import { withFolder } from '../runner/folder.ts'
import { medianOf, type Spread, spreadOf } from '../runner/stats.ts'
import { wrongAnswer } from './check.ts'
import { runChild } from './child.ts'
import { createWritten, type Kept, type Summary, summaryOf } from './kept.ts'
import type { Restart } from './restart-child.ts'

export interface RestartOptions {
  readonly layouts: readonly Layout[]
  readonly kept: readonly Kept[]
  readonly keys: number
  /** Starts of each. */
  readonly runs: number
  readonly seed: number
  /** Where folders are made, and removed again. */
  readonly dir: string
  readonly progress?: (row: string) => void
}

export interface Restarts {
  readonly layout: string
  readonly kept: string
  readonly keys: number
  /** Of all files in the folder. */
  readonly diskBytes: number
  /** Elapsed milliseconds from an empty document to the first entry that was read. */
  readonly ms: Spread
  /** Milliseconds of processor time of the same. */
  readonly cpuMs: Spread
  /** Medians of the three parts of `ms`. */
  readonly loadMs: number
  readonly restoreMs: number
  readonly readMs: number
  /** Bytes of memory: the document, and the whole process at most. Medians. */
  readonly heapBytes: number
  readonly peakBytes: number
}

interface Folder {
  readonly layout: Layout
  readonly kept: Kept
  readonly dir: string
  readonly expected: Summary
  readonly starts: Restart[]
}

const sizeOf = async (dir: string): Promise<number> => {
  const names = await readdir(dir)
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dir, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

const wrong = (where: string, what: string): Failure =>
  wrongAnswer(`start-up, ${where}`, what, 'store')

/** Throws a Failure (internal) where the start brought something else than what was written. */
const check = ({ layout, kept, expected }: Folder, { problems, summary }: Restart): void => {
  const where = `${layout.name}, ${kept.name}`
  if (problems.length > 0) throw wrong(where, problems[0]!)
  if (isDeepStrictEqual(summary, expected)) return
  throw wrong(where, `${JSON.stringify(summary)}, not ${JSON.stringify(expected)}`)
}

const restart = async (folder: Folder): Promise<void> => {
  const { layout, kept, dir } = folder
  const failure = `start-up, ${layout.name}, ${kept.name}: the process that starts has failed`
  const start = await runChild<Restart>('restart-child.ts', [dir], failure)
  check(folder, start)
  folder.starts.push(start)
}

const fillFolders = async (dir: string, options: RestartOptions): Promise<Folder[]> => {
  const { layouts, kept: all, keys, seed, progress } = options
  const folders: Folder[] = []
  for (const layout of layouts) {
    progress?.(`start-up, writing ${keys} keys, ${layout.name}`)
    const written = createWritten(layout, keys, seed)
    const expected = summaryOf(written.doc)
    if (expected.keys !== keys) throw wrong(layout.name, `${expected.keys} keys were written`)
    for (const kept of all) {
      const place = join(dir, `${folders.length}`)
      await mkdir(place)
      await kept.fill(place, written)
      folders.push({ layout, kept, dir: place, expected, starts: [] })
    }
    written.doc.destroy()
  }
  return folders
}

const rowOf = async ({ layout, kept, dir, expected, starts }: Folder): Promise<Restarts> => {
  const all = (pick: (start: Restart) => number): number[] => starts.map(pick)
  return {
    layout: layout.name,
    kept: kept.name,
    keys: expected.keys,
    diskBytes: await sizeOf(dir),
    ms: spreadOf(all(({ loadMs, restoreMs, readMs }) => loadMs + restoreMs + readMs)),
    cpuMs: spreadOf(all(({ cpuMs }) => cpuMs)),
    loadMs: medianOf(all(({ loadMs }) => loadMs)),
    restoreMs: medianOf(all(({ restoreMs }) => restoreMs)),
    readMs: medianOf(all(({ readMs }) => readMs)),
    heapBytes: medianOf(all(({ heapBytes }) => heapBytes)),
    peakBytes: medianOf(all(({ peakBytes }) => peakBytes)),
  }
}

/** A row for each layout and each way to keep it. */
export const runRestarts = (options: RestartOptions): Promise<Restarts[]> =>
  withFolder(options.dir, async (dir) => {
    const folders = await fillFolders(dir, options)
    for (let run = 0; run < options.runs; run++) {
      for (const folder of folders) {
        options.progress?.(`start-up, ${folder.layout.name}, ${folder.kept.name}`)
        await restart(folder)
      }
    }
    return Promise.all(folders.map(rowOf))
  })
