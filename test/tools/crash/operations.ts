/**
 * What the writing agent does, one operation after another, and what must be there afterwards. Both
 * sides derive the history from its seed, so a writer need only report the numbers of the operations
 * that it began and that were acknowledged.
 *
 * ```ts
 * const operation = operationOf(seed, 17)
 * perform(agent.doc, operation)   // at the writer
 * expect(model, operation)        // in the harness, once it is acknowledged
 * ```
 */
import { isDeepStrictEqual } from 'node:util'
import type * as Y from 'yjs'
import type { ControlClient } from '../../../src/control/client.ts'
import type { Fields } from '../../../src/control/protocol.ts'
import {
  appendEntry,
  deleteEntry,
  incrementEntry,
  readEntries,
  writeEntry,
} from '../../../src/maps/index.ts'
import { Random } from '../../helpers/random.ts'

export type Operation = { readonly map: string; readonly key: string } & (
  | { readonly kind: 'set'; readonly value: unknown; readonly hot: boolean }
  | { readonly kind: 'delete' }
  | { readonly kind: 'increment'; readonly by: number }
  | { readonly kind: 'append'; readonly value: unknown }
)

/** Maps that only the writer writes to. */
export const WRITER_MAPS: readonly string[] = ['state', 'other']

/** A map that only the peer writes to, and a counter that both increment. */
export const PEER_MAP = 'peer'
export const SHARED = { map: 'shared', key: 'both' }

/** Keys of a kind in each map. Few, so that most writes overwrite each other. */
const PLAIN_KEYS = 25
const HOT_KEYS = 10
const COUNTERS = 4
const LISTS = 3

/** One value in so many is long, up to so many characters: logs get long enough to be compacted. */
const LONG_EVERY = 12
const LONG = 12_000

const someValue = (random: Random, n: number): unknown => {
  if (random.int(1, LONG_EVERY) === 1) return `${n} ${'x'.repeat(random.int(1_000, LONG))}`
  return random.pick<() => unknown>([
    () => n,
    () => random.text(random.int(0, 40)),
    () => ({ n, list: [null, true, random.text(5)] }),
  ])()
}

type Kind = (random: Random, n: number, map: string) => Operation

/** Each kind with its weight. */
const KINDS: readonly (readonly [weight: number, kind: Kind])[] = [
  // A key that is written only once: a later write cannot hide its loss.
  [15, (_, n, map) => ({ kind: 'set', map, key: `once${n}`, value: n, hot: false })],
  [20, (random, n, map) => setOf(map, `plain${random.int(1, PLAIN_KEYS)}`, random, n, false)],
  [20, (random, n, map) => setOf(map, `hot${random.int(1, HOT_KEYS)}`, random, n, true)],
  [10, (random, _, map) => ({ kind: 'delete', map, key: `plain${random.int(1, PLAIN_KEYS)}` })],
  [5, (random, _, map) => ({ kind: 'delete', map, key: `hot${random.int(1, HOT_KEYS)}` })],
  [10, (random, _, map) => incrementOf(map, `count${random.int(1, COUNTERS)}`, random.int(1, 9))],
  [3, (random, n, map) => setTo(map, `count${random.int(1, COUNTERS)}`, n, random.chance(0.5))],
  [8, (random, n, map) => appendOf(map, `list${random.int(1, LISTS)}`, someValue(random, n))],
  // Rarely, since a list is one value of limited length.
  [2, (random, n, map) => setTo(map, `list${random.int(1, LISTS)}`, [n], random.chance(0.5))],
  [2, (random, _, map) => ({ kind: 'delete', map, key: `list${random.int(1, LISTS)}` })],
  [5, () => ({ kind: 'increment', ...SHARED, by: 1 })],
]

const setTo = (map: string, key: string, value: unknown, hot: boolean): Operation => ({
  kind: 'set',
  map,
  key,
  value,
  hot,
})

const setOf = (map: string, key: string, random: Random, n: number, hot: boolean): Operation =>
  setTo(map, key, someValue(random, n), hot)

const incrementOf = (map: string, key: string, by: number): Operation => ({
  kind: 'increment',
  map,
  key,
  by,
})

const appendOf = (map: string, key: string, value: unknown): Operation => ({
  kind: 'append',
  map,
  key,
  value,
})

const TOTAL = KINDS.reduce((sum, [weight]) => sum + weight, 0)

/** Operation `n` of the history of that seed. */
export const operationOf = (seed: number, n: number): Operation => {
  const random = new Random(seed * 1_000_003 + n)
  const map = random.pick(WRITER_MAPS)
  let left = random.int(1, TOTAL)
  const found = KINDS.find(([weight]) => {
    left -= weight
    return left <= 0
  })
  return found![1](random, n, map)
}

/** Carries it out in the document; a missing key may be deleted, too. */
export const perform = (doc: Y.Doc, operation: Operation): void => {
  const { map, key } = operation
  switch (operation.kind) {
    case 'set':
      writeEntry(doc, map, key, operation.value, { hot: operation.hot })
      break
    case 'delete':
      deleteEntry(doc, map, key)
      break
    case 'increment':
      incrementEntry(doc, map, key, operation.by)
      break
    case 'append':
      appendEntry(doc, map, key, operation.value)
      break
  }
}

/** The operation as a request to a running agent. */
export const requestOf = (operation: Operation): Parameters<ControlClient['ask']>[0] => {
  const { map, key } = operation
  switch (operation.kind) {
    case 'set':
      return { command: 'set', map, key, value: operation.value, hot: operation.hot }
    case 'delete':
      return { command: 'delete', map, key }
    case 'increment':
      return { command: 'increment', map, key, by: operation.by }
    case 'append':
      return { command: 'append', map, key, value: operation.value }
  }
}

/** Its increment of the shared counter. */
export const sharedPart = (operation: Operation): number =>
  operation.kind === 'increment' && operation.map === SHARED.map ? operation.by : 0

/** Map -> its entries. */
export type Model = ReadonlyMap<string, ReadonlyMap<string, unknown>>

export const emptyModel = (): Model => new Map(WRITER_MAPS.map((map) => [map, new Map()]))

/** The model after the operation; the given one is unchanged. */
export const expected = (model: Model, operation: Operation): Model => {
  const { map, key } = operation
  if (!WRITER_MAPS.includes(map)) return model
  const entries = new Map(model.get(map))
  const old = entries.get(key)
  switch (operation.kind) {
    case 'set':
      entries.set(key, operation.value)
      break
    case 'delete':
      entries.delete(key)
      break
    case 'increment':
      entries.set(key, ((old as number | undefined) ?? 0) + operation.by)
      break
    case 'append':
      entries.set(key, [...((old as unknown[] | undefined) ?? []), operation.value])
      break
  }
  return new Map([...model, [map, entries]])
}

/** The content of the writer's maps, for `differences`. */
export type Found = Readonly<Record<string, Fields>>

export const foundIn = (doc: Y.Doc): Found =>
  Object.fromEntries(WRITER_MAPS.map((map) => [map, readEntries(doc, map)]))

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** One line for each entry that is not as expected. */
export const differences = (model: Model, found: Found): string[] => {
  const lines: string[] = []
  for (const map of WRITER_MAPS) {
    const wanted = model.get(map) ?? new Map<string, unknown>()
    const entries = found[map] ?? {}
    for (const key of new Set([...wanted.keys(), ...Object.keys(entries)])) {
      const [want, have] = [wanted.get(key), entries[key]]
      if (!isDeepStrictEqual(want, have)) {
        lines.push(`${map} ${key}: ${show(have)} instead of ${show(want)}`)
      }
    }
  }
  return lines
}
