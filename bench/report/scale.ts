/**
 * Scales of a plot: where a value stands, and which values have a label.
 *
 * ```ts
 * const { ticks, place } = createScale(true, [120, 34_000], [0, 300])
 * ticks          // [100, 1_000, 10_000]
 * place(1_000)   // pixels
 * ```
 */

export interface Scale {
  /** Labelled values, ascending. */
  readonly ticks: readonly number[]
  /** Pixels. */
  place(value: number): number
}

type Range = readonly [from: number, to: number]

/** A logarithmic axis with fewer powers of ten than this is also labelled at 2 and 5. */
const MIN_POWERS = 3

/** Intervals of a linear axis, approximately. */
const LINEAR_STEPS = 5

/** Absorbs rounding errors. */
const EPSILON = 1e-9

const powerOf = (value: number): number => 10 ** Math.floor(Math.log10(value) + EPSILON)

/** Not power * digit alone: 3 * 0.1 is more than 0.3. */
const round = (value: number): number => Number(value.toPrecision(12))

/** The largest of 1, 2, 5, 10, 20, … that is at most `value`. */
const stepBelow = (value: number): number => {
  const power = powerOf(value)
  return round(power * [5, 2, 1].find((digit) => digit <= value / power + EPSILON)!)
}

/** The smallest of them that is at least `value`. */
const stepAbove = (value: number): number => {
  const power = powerOf(value)
  return round(power * [1, 2, 5, 10].find((digit) => digit >= value / power - EPSILON)!)
}

const logTicks = (low: number, high: number): number[] => {
  const ticks: number[] = []
  for (let tick = low; tick <= high; tick = stepAbove(1.1 * tick)) ticks.push(tick)
  const powers = ticks.filter((tick) => Math.abs(tick / powerOf(tick) - 1) < EPSILON)
  return powers.length < MIN_POWERS ? ticks : powers
}

const linearTicks = (max: number): number[] => {
  const step = stepAbove(max / LINEAR_STEPS)
  const count = Math.ceil(max / step - EPSILON)
  return Array.from({ length: count + 1 }, (_, at) => round(at * step))
}

/** A logarithmic scale covers the values, which must be above 0; a linear one starts at 0. */
export const createScale = (
  isLog: boolean,
  values: readonly number[],
  [from, to]: Range,
): Scale => {
  const max = values.reduce((a, b) => Math.max(a, b), 0) || 1
  const low = isLog ? stepBelow(values.reduce((a, b) => Math.min(a, b))) : 0
  // A single value needs some room, too.
  const ticks = isLog ? logTicks(low, Math.max(stepAbove(max), 10 * low)) : linearTicks(max)
  const high = isLog ? Math.max(stepAbove(max), 10 * low) : ticks.at(-1)!
  const warp = isLog ? Math.log10 : (value: number) => value
  const span = warp(high) - warp(low)
  return { ticks, place: (value) => from + ((warp(value) - warp(low)) / span) * (to - from) }
}
