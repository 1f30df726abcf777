/**
 * What a change costs in documents of different sizes: a write with both digests, beside the same
 * write in a document of Yjs alone, and hot writes. Sizes take turns within a run, so that all share
 * the state of the machine.
 *
 * ```ts
 * const rows = runGrowth({ runs: 3 })
 * rows[0]      // { series: 'keys', size: 1_000, us: { median: 21, … }, yjsUs: { median: 7, … } }
 * ```
 */
import * as Y from 'yjs'
import { Replica } from '../../crdt/index.ts'
import { DEFAULT_MAP, readEntry, writeEntries, writeEntry } from '../../src/maps/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { now } from '../runner/clock.ts'
import { collect } from '../runner/garbage.ts'
import { medianOf, type Spread, spreadOf } from '../runner/stats.ts'
import { wrongAnswer } from '../workloads/answer.ts'

/** A prepared document. */
interface Subject {
  /** Makes a change, as the last of `at` changes, with all that an agent works out for it. */
  readonly write: (at: number) => void
  /** The value that the last write gave. */
  readonly read: () => unknown
}

interface Series {
  readonly name: string
  /** What an exponent is fitted to. */
  readonly sizes: readonly number[]
  readonly prepare: (size: number) => { readonly ours: Subject; readonly yjs: Subject }
}

const OWN = 'own'

const docOf = (writer: number): Y.Doc => {
  const doc = new Y.Doc()
  doc.clientID = writer
  return doc
}

const plainWrite = (doc: Y.Doc, after: () => void): Subject => {
  const map = doc.getMap(DEFAULT_MAP)
  return {
    write: (at) => {
      map.set(OWN, at)
      after()
    },
    read: () => map.get(OWN),
  }
}

/** The same state in a replica that works out both digests after each change, and in Yjs alone. */
const withDigests = (state: Uint8Array): { ours: Subject; yjs: Subject } => {
  const [doc, raw] = [docOf(1), docOf(1)]
  for (const one of [doc, raw]) Y.applyUpdate(one, state)
  const { published } = new Replica(doc, nodePlatform)
  // The content of a large document is hashed in parts, one with each call.
  while (published.content === undefined) published.digest
  const digest = (): void => {
    if (!published.digest || !published.content) throw wrongAnswer('growth', 'no digest', 'engine')
  }
  return { ours: plainWrite(doc, digest), yjs: plainWrite(raw, () => undefined) }
}

const keysOf = (count: number): Y.Doc => {
  const doc = docOf(7)
  const map = doc.getMap(DEFAULT_MAP)
  doc.transact(() => {
    for (let i = 0; i < count; i++) map.set(`key-${i}`, { name: `entry ${i}`, count: i })
  })
  return doc
}

/** Every other key is deleted, so that each delete is a run of its own. */
const deletesOf = (count: number): Y.Doc => {
  const doc = keysOf(2 * count)
  const map = doc.getMap(DEFAULT_MAP)
  doc.transact(() => {
    for (let i = 0; i < count; i++) map.delete(`key-${2 * i}`)
  })
  return doc
}

/** Ids as agents have them: those of different nodes are far apart. */
export const writerId = (i: number): number => 2 ** 32 + 2 ** 21 * i

/** A document in which each of `count` writers has written one key. */
export const writersOf = (count: number): Y.Doc => {
  const doc = docOf(7)
  const map = doc.getMap(DEFAULT_MAP)
  // Merging that many updates takes the square of their number.
  doc.transact(() => {
    for (let i = 0; i < count; i++) {
      doc.clientID = writerId(i)
      map.set(`key-${i}`, i)
    }
  })
  doc.clientID = 7
  return doc
}

const hotKeys = (size: number): Y.Doc => {
  const doc = docOf(1)
  const entries = Array.from({ length: size }, (_, i) => [`key-${i}`, i] as const)
  writeEntries(doc, DEFAULT_MAP, entries, { hot: true })
  return doc
}

const hotWrite = (doc: Y.Doc, keyOf: (at: number) => string): Subject => {
  let last = ''
  return {
    write: (at) => {
      last = keyOf(at)
      writeEntry(doc, DEFAULT_MAP, last, at, { hot: true })
    },
    read: () => readEntry(doc, DEFAULT_MAP, last),
  }
}

/** The same keys in a Y.Map. */
const plainKeys = (size: number): Subject => plainWrite(keysOf(size), () => undefined)

/** A step through all keys that does not follow their order. */
const STRIDE = 7_919

export const SERIES: readonly Series[] = [
  {
    name: 'keys',
    sizes: [1_000, 10_000, 100_000],
    prepare: (size) => withDigests(Y.encodeStateAsUpdate(keysOf(size))),
  },
  {
    name: 'runs of deletes',
    sizes: [500, 5_000, 50_000],
    prepare: (size) => withDigests(Y.encodeStateAsUpdate(deletesOf(size))),
  },
  {
    name: 'writers',
    sizes: [100, 1_000, 10_000],
    prepare: (size) => withDigests(Y.encodeStateAsUpdate(writersOf(size))),
  },
  {
    name: 'hot keys, a new one',
    sizes: [1_000, 10_000, 100_000],
    prepare: (size) => ({
      ours: hotWrite(hotKeys(size), (at) => `new-${at}`),
      yjs: plainKeys(size),
    }),
  },
  {
    name: 'hot keys, one overwritten',
    sizes: [1_000, 10_000, 100_000],
    prepare: (size) => ({
      ours: hotWrite(hotKeys(size), (at) => `key-${(at * STRIDE) % size}`),
      yjs: plainKeys(size),
    }),
  },
]

export interface GrowthRow {
  readonly series: string
  readonly size: number
  /** Microseconds of processor time of one change, and of the same in Yjs alone. */
  readonly us: Spread
  readonly yjsUs: Spread
}

export interface GrowthOptions {
  /** Samples of each size. */
  readonly runs: number
  /** Sizes are divided by it: a quick run only checks the answers. */
  readonly divisor?: number
  readonly progress?: (step: string) => void
}

/** Changes of a sample: a single one is shorter than a step of the clock. */
const CHANGES = 200

/** Samples before the first one that counts. */
const WARM_UP = 5

interface Entrant {
  readonly size: number
  readonly subject: Subject
  readonly us: number[]
  at: number
}

/** Microseconds of one change. */
const sample = (entrant: Entrant, series: string): number => {
  const { subject, size } = entrant
  collect('minor')
  const start = now()
  for (let i = 0; i < CHANGES; i++) subject.write(++entrant.at)
  const us = (now() - start) / CHANGES
  const found = subject.read()
  if (found !== entrant.at)
    throw wrongAnswer(`growth, ${series}, ${size}`, `${found}, not ${entrant.at}`, 'engine')
  return us
}

const runSeries = (series: Series, { runs, divisor = 1, progress }: GrowthOptions): GrowthRow[] => {
  const { name, sizes, prepare } = series
  const entrants = sizes.flatMap((full): Entrant[] => {
    const size = Math.max(1, Math.round(full / divisor))
    progress?.(`growth, ${name}, ${size}`)
    const { ours, yjs } = prepare(size)
    return [ours, yjs].map((subject) => ({ size, subject, us: [], at: 0 }))
  })
  for (const entrant of entrants) for (let i = 0; i < WARM_UP; i++) sample(entrant, name)
  for (let run = 0; run < runs; run++) {
    for (let turn = 0; turn < entrants.length; turn++) {
      const entrant = entrants[(run + turn) % entrants.length]!
      entrant.us.push(medianOf([1, 2, 3].map(() => sample(entrant, name))))
    }
  }
  return sizes.map((_, at) => {
    const [ours, yjs] = [entrants[2 * at]!, entrants[2 * at + 1]!]
    return { series: name, size: ours.size, us: spreadOf(ours.us), yjsUs: spreadOf(yjs.us) }
  })
}

/** A row for each series and size. Throws a Failure (internal) for a wrong answer. */
export const runGrowth = (options: GrowthOptions): GrowthRow[] =>
  SERIES.flatMap((series) => runSeries(series, options))
