/**
 * How long `openMap` takes with many keys on disk, and how much memory, beside Yjs alone with the
 * same state: a document that is applied as one update. Each start is a process of its own, of the
 * built package, and the two take turns. The files come from the system's cache.
 *
 * ```ts
 * const rows = await measureStarts({ keys: [1_000_000], layouts: ['plain'], runs: 3 })
 * rows[0] // { keys: 1000000, layout: 'plain', ms: 4000, rssMb: 700, yjsMs: 2000, yjsRssMb: 500 }
 * ```
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Failure } from '../../src/errors.ts'
import { inFolder } from '../../test/helpers/folder.ts'
import { medianOf } from '../runner/stats.ts'
import { runNode } from './built.ts'

export type KeyLayout = 'plain' | 'hot'

export interface StartOptions {
  /** An existing folder for temporary ones. */
  readonly dir?: string
  readonly keys: readonly number[]
  readonly layouts: readonly KeyLayout[]
  /** Starts of each. */
  readonly runs: number
}

/** Medians. Megabytes (10^6 bytes) are the peak of the process, node included. */
export interface StartCost {
  readonly keys: number
  readonly layout: KeyLayout
  readonly ms: number
  readonly rssMb: number
  readonly yjsMs: number
  readonly yjsRssMb: number
}

interface Start {
  readonly ms: number
  readonly rssMb: number
  readonly found: { readonly keys?: number; readonly value?: unknown; readonly structs?: number }
}

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Fills the folder as `fill.mjs` does, for other benches, too. */
export const fillFolder = (data: string, keys: number, layout: KeyLayout, file: string): void => {
  runNode([pathOf('fill.mjs'), data, `${keys}`, layout, file])
}

const start = (kind: 'agent' | 'yjs', path: string): Start =>
  JSON.parse(runNode([pathOf('start-process.mjs'), kind, path]).stdout)

const check = (where: string, isRight: boolean, found: unknown): void => {
  if (isRight) return
  throw new Failure('internal', `wrong answer: ${where}: ${JSON.stringify(found)}`, {
    hint: 'its figures would mean nothing: fix the store first',
  })
}

const costOf = (dir: string, keys: number, layout: KeyLayout, runs: number): StartCost => {
  const where = `start with ${keys} keys, ${layout}`
  const [data, file] = [join(dir, `${layout}-${keys}`), join(dir, `${layout}-${keys}.bin`)]
  fillFolder(data, keys, layout, file)
  const starts = Array.from({ length: runs }, () => {
    const own = start('agent', data)
    check(where, own.found.keys === keys && own.found.value !== undefined, own.found)
    const yjs = start('yjs', file)
    check(`${where}, Yjs`, (yjs.found.structs ?? 0) >= keys, yjs.found)
    return { own, yjs }
  })
  return {
    keys,
    layout,
    ms: medianOf(starts.map(({ own }) => own.ms)),
    rssMb: medianOf(starts.map(({ own }) => own.rssMb)),
    yjsMs: medianOf(starts.map(({ yjs }) => yjs.ms)),
    yjsRssMb: medianOf(starts.map(({ yjs }) => yjs.rssMb)),
  }
}

export const measureStarts = ({ dir, keys, layouts, runs }: StartOptions): Promise<StartCost[]> =>
  inFolder(
    (folder) =>
      keys.flatMap((count) => layouts.map((layout) => costOf(folder, count, layout, runs))),
    dir,
  )
