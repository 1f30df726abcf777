/**
 * Scales: from values to pixels, and where the ticks are. A logarithmic one has fine ticks
 * between the powers of ten: by them one sees that it is logarithmic.
 *
 * ```ts
 * const scale = logScale([120, 34_000], [0, 300])
 * scale.place(1_000)      // pixels
 * scale.ticks             // [{ value: 100, isMain: true }, { value: 200, isMain: false }, …]
 * ```
 */

export interface Tick {
  readonly value: number
  /** With a label and a line that is easily seen. */
  readonly isMain: boolean
}

export interface Scale {
  readonly isLog: boolean
  readonly range: readonly [from: number, to: number]
  readonly ticks: readonly Tick[]
  /** Pixels. */
  place(value: number): number
}

type Range = readonly [from: number, to: number]

/** Powers of ten with a label. With fewer of them 2 and 5 get one too. */
const ENOUGH_MAIN = 3

/** Decades over which fine ticks would run together. */
const MOST_FINE_DECADES = 7

const powerBelow = (value: number): number => 10 ** Math.floor(Math.log10(value) + 1e-9)

/** The next of 1, 2, 5, 10, 20, … not above `value`. */
const stepBelow = (value: number): number => {
  const power = powerBelow(value)
  const mantissa = value / power + 1e-9
  return power * (mantissa >= 5 ? 5 : mantissa >= 2 ? 2 : 1)
}

/** The next of 1, 2, 5, 10, 20, … not below `value`. */
const stepAbove = (value: number): number => {
  const power = powerBelow(value)
  const mantissa = value / power - 1e-9
  return power * (mantissa <= 1 ? 1 : mantissa <= 2 ? 2 : mantissa <= 5 ? 5 : 10)
}

const isPower = (value: number): boolean => Math.abs(value / powerBelow(value) - 1) < 1e-6

const placer = ([low, high]: Range, [from, to]: Range, warp: (value: number) => number) => {
  const span = warp(high) - warp(low)
  return (value: number) => from + ((warp(value) - warp(low)) / span) * (to - from)
}

const logTicks = (low: number, high: number): Tick[] => {
  const values: number[] = []
  for (let power = powerBelow(low); power <= high; power *= 10) {
    for (let digit = 1; digit < 10; digit++) {
      // Not power * digit alone: 3 * 0.1 is more than 0.3.
      const value = Number((power * digit).toPrecision(3))
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) values.push(value)
    }
  }
  const powers = values.filter(isPower).length
  const isMain = (value: number): boolean =>
    isPower(value) ||
    (powers < ENOUGH_MAIN && [2, 5].includes(Math.round(value / powerBelow(value))))
  return values
    .map((value) => ({ value, isMain: isMain(value) }))
    .filter((tick) => tick.isMain || powers <= MOST_FINE_DECADES)
}

const isUsable = (value: number): boolean => Number.isFinite(value) && value > 0

/** Over all values above 0; the others have no place on it. Throws a TypeError where there is none. */
export const logScale = (values: readonly number[], range: Range): Scale => {
  const usable = values.filter(isUsable)
  if (usable.length === 0) throw new TypeError('no logarithmic scale without a value above 0')
  const low = stepBelow(usable.reduce((a, b) => Math.min(a, b)))
  const above = stepAbove(usable.reduce((a, b) => Math.max(a, b)))
  const high = above > low ? above : low * 10
  return {
    isLog: true,
    range,
    ticks: logTicks(low, high),
    place: placer([low, high], range, Math.log10),
  }
}

/** Ticks of a linear scale, about. */
const LINEAR_TICKS = 5

/** From 0 to the largest value, rounded up to a tick. */
export const linearScale = (values: readonly number[], range: Range): Scale => {
  const most = values.reduce((a, b) => Math.max(a, b), 0) || 1
  const step = stepAbove(most / LINEAR_TICKS)
  const count = Math.ceil(most / step - 1e-9)
  return {
    isLog: false,
    range,
    ticks: Array.from({ length: count + 1 }, (_, index) => ({
      value: Number((index * step).toPrecision(12)),
      isMain: true,
    })),
    place: placer([0, count * step], range, (value) => value),
  }
}

/** Either of them; throws as `logScale` does. */
export const createScale = (isLog: boolean, values: readonly number[], range: Range): Scale =>
  (isLog ? logScale : linearScale)(values, range)
