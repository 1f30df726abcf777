/**
 * A time in the past as a person writes it: ISO 8601, in UTC unless it names a zone, or how long ago
 * it was.
 *
 * ```ts
 * parsePastTime('2h', Date.now())                  // two hours ago
 * parsePastTime('2026-12-01T03:00', Date.now())    // 1796094000000
 * ```
 */
import { invalid } from '../errors.ts'
import { quote } from '../quote.ts'

const MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/

/** Unix milliseconds. Throws a Failure (invalid_argument). */
export const parsePastTime = (text: string, now: number): number => {
  const [, number, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (number !== undefined) return now - Number(number) * MS[unit]!
  const iso = ISO.exec(text)
  const hasTime = text.length > 10
  const at = iso
    ? Date.parse(`${text.replace(' ', 'T')}${hasTime && iso[1] === undefined ? 'Z' : ''}`)
    : Number.NaN
  if (!Number.isNaN(at)) return at
  throw invalid(`${quote(text)} is not a time`, 'give 90m, 2h, 1d or 2026-12-01T03:00, in UTC')
}
