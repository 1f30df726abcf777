/**
 * Conditions of a write. They are checked where it is written: what another agent writes at the same
 * moment is not known yet, and of the two one wins as ever.
 *
 * ```js
 * checkConditions(doc, 'state', 'leader', { ifAbsent: true })     // throws a Failure (conflict)
 * ```
 */
import type * as Y from 'yjs'
import { Failure } from '../errors.ts'
import { quote } from '../quote.ts'
import { readEntry, versionOf } from './entries.ts'
import { isSameJson } from './json-value.ts'
import { textOf } from './names.ts'

export interface Conditions {
  /** Write only if there is no such key. Default false. */
  readonly ifAbsent?: boolean | undefined
  /** Write only if the value equals this one. */
  readonly if?: unknown
  /** Write only if this is still the last write of the key, as `versionOf` named it. */
  readonly ifVersion?: string | undefined
}

/** Throws a Failure (conflict) unless all of them hold. */
export const checkConditions = (
  doc: Y.Doc,
  map: string,
  key: string,
  { ifAbsent, if: wanted, ifVersion }: Conditions,
): void => {
  if (!ifAbsent && wanted === undefined && ifVersion === undefined) return
  const value = readEntry(doc, map, key)
  const version = versionOf(doc, map, key)
  const found = value === undefined ? 'there is no such key' : `it is ${quote(textOf(value))}`
  const refuse = (expected: string): Failure =>
    new Failure(
      'conflict',
      `${quote(key)} in map ${quote(map)} was not written: ${found}, ${expected}`,
      {
        hint: 'read it again, and decide anew',
      },
    )
  if (ifAbsent && value !== undefined) throw refuse('and should be absent')
  if (wanted !== undefined && !isSameJson(value, wanted))
    throw refuse(`and should be ${quote(textOf(wanted))}`)
  if (ifVersion !== undefined && version !== ifVersion)
    throw refuse(`and its version is ${version ?? 'none'} instead of ${quote(ifVersion)}`)
}
