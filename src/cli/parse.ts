/**
 * Parsers of option values. Each throws a Failure (invalid_argument) that quotes what was given.
 *
 * ```ts
 * parseDuration('--interval', '1.5s') // 1500
 * ```
 */
import { type Failure, invalid } from '../errors.ts'

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Milliseconds. Ten rounds a second keep a processor busy with pilotctl processes. */
const MIN_INTERVAL_MS = 100

/** Milliseconds: a day. A guess; rarer rounds would repair almost nothing. */
const MAX_INTERVAL_MS = 86_400_000

/** Each peer costs a process in every round. A guess; beyond it a broadcast is cheaper. */
const MAX_FANOUT = 1_000

/** The id of a Pilot network has 16 bits; 0 is the backbone, which contains every node. */
const MAX_NETWORK = 65_535

export const unusable = (option: string, text: string, hint: string): Failure =>
  invalid(`${option} "${text}" is not usable`, hint)

/** Milliseconds; NaN for what is no time with one of these units. */
const msOf = (text: string, units: Readonly<Record<string, number>>): number => {
  const [, number = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,6})?)([a-z]{1,2})$/.exec(text) ?? []
  return Math.round(Number(number) * (units[unit] ?? Number.NaN))
}

/** Milliseconds. */
export const parseDuration = (option: string, text: string): number => {
  const ms = msOf(text, MS_PER_UNIT)
  if (ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS) return ms
  throw unusable(option, text, 'give a time from 100ms to 24h, with its unit: 500ms, 5s, 1m')
}

const MS_PER_LONG_UNIT = { ...MS_PER_UNIT, d: 86_400_000 }

/** Milliseconds of a time to live, with its unit. The agent knows the longest. */
export const parseLifetime = (option: string, text: string): number => {
  const ms = msOf(text, MS_PER_LONG_UNIT)
  if (ms >= 1) return ms
  throw unusable(option, text, 'give a time with its unit: 30s, 10m, 2h, 7d')
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  kB: 1e3,
  KiB: 1024,
  MB: 1e6,
  MiB: 1_048_576,
}

/** Bytes, from 1 to `max`. */
export const parseBytes = (option: string, text: string, max: number): number => {
  const [, number = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,6})?) ?(kB|KiB|MB|MiB|)$/.exec(text) ?? []
  const bytes = Math.floor(Number(number || 'NaN') * (BYTES_PER_UNIT[unit] ?? Number.NaN))
  if (bytes >= 1 && bytes <= max) return bytes
  throw unusable(
    option,
    text,
    `give a size up to ${Math.floor(max / 1_048_576)}MiB: 65536, 64KiB, 8MiB`,
  )
}

const parseInteger = (
  option: string,
  text: string,
  { min, max, what }: { min: number; max: number; what: string },
): number => {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw unusable(option, text, `give ${what} from ${min} to ${max}`)
}

export const parseFanout = (option: string, text: string): number =>
  parseInteger(option, text, { min: 1, max: MAX_FANOUT, what: 'a number of peers' })

export const parseNetwork = (option: string, text: string): number =>
  parseInteger(option, text, { min: 1, max: MAX_NETWORK, what: 'the id of a Pilot network,' })
