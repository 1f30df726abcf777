/**
 * Documents for tests of maps, with clocks that the test controls.
 *
 * ```ts
 * const [a, b] = [docOf(1), docOf(2, () => T0 + MINUTE)]
 * writeEntry(a, 'state', 'k', 1, HOT)
 * give(a, b)
 * await swept()
 * ```
 */
import * as Y from 'yjs'
import { useClock } from '../../src/maps/index.ts'
import { docOf as plainDocOf } from './docs.ts'

/** Options of a write to the hot layout. */
export const HOT = { hot: true }

/** Unix milliseconds: the time of every write, so that all runs are equal. */
export const T0 = 1_800_000_000_000

/** A document with a fixed writer id; without `now` its clock stands at `T0`. */
export const docOf = (writer: number, now: () => number = () => T0, gc = true): Y.Doc => {
  const doc = plainDocOf(writer, { gc })
  useClock(doc, now)
  return doc
}

/** Sends `to` everything that it lacks of `from`. */
export const give = (from: Y.Doc, to: Y.Doc): void =>
  Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)))

/** Resolves when losing entries are removed, which happens in a microtask. */
export const swept = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
