/**
 * The files of a store. Each compaction begins a generation: `state-000004.bin` holds everything
 * before `log-000004.bin`. A `kept-…` file could not be read during a compaction, so each start tries
 * again. `damaged-…` files are copies for a person; no program reads them.
 *
 * ```ts
 * parseName('log-000004.bin') // { kind: 'log', generation: 4, isKept: false }
 * ```
 */
import { TEMPORARY } from '../../fs/disk.ts'
import type { FileKind } from '../head.ts'

export interface FileName {
  readonly kind: FileKind
  readonly generation: number
  readonly isKept: boolean
}

const KEPT = 'kept-'

/** Digits. A million generations sort by name; later names are longer and are found, too. */
const DIGITS = 6

const pad = (generation: number): string => String(generation).padStart(DIGITS, '0')

export const fileName = (kind: FileKind, generation: number, isKept = false): string =>
  `${isKept ? KEPT : ''}${kind}-${pad(generation)}.bin`

/** The name depends on the place, so that damage which each start finds is copied once. */
export const damagedName = ({ kind, generation }: Omit<FileName, 'isKept'>, from: number): string =>
  `damaged-${kind}-${pad(generation)}-${from}.bin`

export const parseName = (name: string): FileName | undefined => {
  const [, kept, kind, digits] = /^(kept-)?(log|state)-(\d{6,15})\.bin$/.exec(name) ?? []
  if (kind !== 'log' && kind !== 'state') return undefined
  return { kind, generation: Number(digits), isKept: kept !== undefined }
}

/** Is it a file that was being written during a crash? */
export const isLeftover = (name: string): boolean =>
  /^(log|state|damaged)-/.test(name) && name.endsWith(`.bin${TEMPORARY}`)
