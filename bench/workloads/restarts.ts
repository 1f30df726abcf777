/**
 * The cost of a start with a document of many keys on disk: as a log of single updates, which is the
 * worst case, and as a compacted state. Each start is a process of its own (`restart-process.ts`),
 * and the forms take turns. The result is compared with what was written.
 *
 * The files come from the system's cache, since they were just written. The start of node itself is
 * not included.
 *
 * ```ts
 * const rows = await runRestarts({ layouts: LAYOUTS, kept: KEPT, keys: 100_000, runs: 3, seed: 1, dir })
 * rows[0]      // { kept: 'log of single updates', diskBytes: 1.2e7, ms: { median: 900, … }, … }
 * ```
 */
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Failure } from '../../src/errors.ts'
import { inFolder } from '../../test/helpers/folder.ts'
import type { Layout } from '../engines/layouts.ts'
import { medianOf, spreadOf, sumOf } from '../runner/stats.ts'
import { wrongAnswer } from './answer.ts'
import { runChild } from './child.ts'
import { createWritten, type Kept, type Summary, summaryOf } from './kept.ts'
import type { Restart } from './restart-process.ts'

export interface RestartOptions {
  readonly layouts: readonly Layout[]
  readonly kept: readonly Kept[]
  readonly keys: number
  /** Starts of each. */
  readonly runs: number
  readonly seed: number
  /** An existing folder for temporary ones. */
  readonly dir: string
  readonly progress?: (row: string) => void
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
  return sumOf(await Promise.all(names.map(async (name) => (await stat(join(dir, name))).size)))
}

const wrong = (where: string, what: string): Failure =>
  wrongAnswer(`start-up, ${where}`, what, 'store')

/** Throws a Failure (internal) unless the start brought back what was written. */
const restart = async ({ layout, kept, dir, expected, starts }: Folder): Promise<void> => {
  const where = `${layout.name}, ${kept.name}`
  const failure = `start-up, ${where}: the process that starts failed`
  const start = await runChild<Restart>('restart-process.ts', [dir], failure)
  const { problems, summary } = start
  if (problems.length > 0) throw wrong(where, problems[0]!)
  if (!isDeepStrictEqual(summary, expected))
    throw wrong(where, `${JSON.stringify(summary)}, not ${JSON.stringify(expected)}`)
  starts.push(start)
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

const rowOf = async ({ layout, kept, dir, expected, starts }: Folder) => {
  const median = (of: (start: Restart) => number): number => medianOf(starts.map(of))
  return {
    layout: layout.name,
    kept: kept.name,
    keys: expected.keys,
    diskBytes: await sizeOf(dir),
    // Elapsed milliseconds from an empty document to the first entry read; of processor time.
    ms: spreadOf(starts.map(({ loadMs, restoreMs, readMs }) => loadMs + restoreMs + readMs)),
    cpuMs: spreadOf(starts.map(({ cpuMs }) => cpuMs)),
    loadMs: median(({ loadMs }) => loadMs),
    restoreMs: median(({ restoreMs }) => restoreMs),
    readMs: median(({ readMs }) => readMs),
    heapBytes: median(({ heapBytes }) => heapBytes),
    peakBytes: median(({ peakBytes }) => peakBytes),
  }
}

export type Restarts = Awaited<ReturnType<typeof rowOf>>

/** A row for each layout and form. */
export const runRestarts = (options: RestartOptions): Promise<Restarts[]> =>
  inFolder(async (dir) => {
    const folders = await fillFolders(dir, options)
    for (let run = 0; run < options.runs; run++) {
      for (const folder of folders) {
        options.progress?.(`start-up, ${folder.layout.name}, ${folder.kept.name}`)
        await restart(folder)
      }
    }
    return Promise.all(folders.map(rowOf))
  }, options.dir)
