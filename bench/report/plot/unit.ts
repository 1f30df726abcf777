/**
 * What a number counts, and how it is written beside an axis or a mark: three digits and the
 * prefix that keeps them short.
 *
 * ```ts
 * BYTES.show(331_000)      // '331 kB'
 * ```
 */
import { showCount, showRatio, showShare } from '../../runner/table.ts'

export interface Unit {
  /** The number with its unit, as short as that goes. */
  readonly show: (value: number) => string
}

const MICRO = '\u00b5'

type Step = readonly [least: number, name: string]

/** The first step that the value reaches; the last one for all that is smaller. */
const stepped =
  (steps: readonly Step[]) =>
  (value: number): string => {
    if (value === 0) return '0'
    // What would be rounded up to 1,000 is shown as 1 of the next step.
    const [least, name] = steps.find(([from]) => value >= from * 0.9995) ?? steps.at(-1)!
    return `${showRatio(value / least)} ${name}`.trimEnd()
  }

export const BYTES: Unit = {
  show: stepped([
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
    [1, 'B'],
  ]),
}

/** Microseconds of a millisecond. */
export const MS = 1_000

/** Of microseconds. */
export const MICROSECONDS: Unit = {
  show: stepped([
    [1e6, 's'],
    [1e3, 'ms'],
    [1, `${MICRO}s`],
    [1e-3, 'ns'],
  ]),
}

export const COUNT: Unit = { show: (value) => (value < 100 ? showRatio(value) : showCount(value)) }

/** Of shares from 0 to 1; what is close to 0 keeps two digits. */
export const SHARE: Unit = { show: showShare }
