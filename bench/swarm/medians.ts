/**
 * The median run of several: each of its numbers is the median of that number in all runs.
 *
 * ```ts
 * medianRunOf(runs).lag.each.p50
 * ```
 */
import { medianOf } from '../runner/stats.ts'
import type { MedianRun, Run } from './result.ts'

const isNumberOrNull = (value: unknown): value is number | null =>
  value === null || typeof value === 'number'

/** Null means never, which is later than any number. */
const medianOfNumbers = (numbers: readonly (number | null)[]): number | null => {
  const median = medianOf(numbers.map((number) => number ?? Number.POSITIVE_INFINITY))
  return Number.isFinite(median) ? median : null
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** Of values of one shape. A missing count is 0; other values than numbers are those of the first run. */
const medianOfValues = (values: readonly unknown[]): unknown => {
  const given = values.map((value) => (value === undefined ? 0 : value))
  if (given.every(isNumberOrNull)) return medianOfNumbers(given)
  const [first] = values
  if (typeof first === 'boolean') return values.every((value) => value === true)
  if (values.every(Array.isArray)) {
    // Series end with the shortest one.
    const lists = values as unknown[][]
    const length = Math.min(...lists.map((list) => list.length))
    return Array.from({ length }, (_, at) => medianOfValues(lists.map((list) => list[at])))
  }
  if (!values.every(isRecord)) return first
  const names = new Set(values.flatMap((value) => Object.keys(value)))
  return Object.fromEntries(
    [...names].map((name) => [name, medianOfValues(values.map((value) => value[name]))]),
  )
}

/** Without the samples, whose times differ. */
export const medianRunOf = (runs: readonly Run[]): MedianRun =>
  medianOfValues(runs.map(({ samples: _, ...run }) => run)) as MedianRun
