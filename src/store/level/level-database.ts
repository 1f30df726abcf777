/**
 * The part of LevelDB that the store uses, the package that provides it (optional, native code, and
 * loaded when it is needed), and the meaning of its errors.
 *
 * ```ts
 * const database = await openLevel(dir)
 * await database.batch([{ type: 'put', key, value }], { sync: true })
 * ```
 */
import { readdir } from 'node:fs/promises'
import { Failure } from '../../errors.ts'
import { toDiskFailure } from '../../fs/disk-failure.ts'

export type LevelOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

export interface LevelDatabase {
  /** Writes all operations or none. With `sync` they are on disk when it resolves. */
  batch(operations: LevelOperation[], options: { readonly sync: boolean }): Promise<void>
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** All pairs in order of their keys. */
  iterator(): AsyncIterable<[key: Uint8Array, value: Uint8Array]>
  /** The keys between these two, without them. */
  keys(range: { readonly gt: Uint8Array; readonly lt: Uint8Array }): AsyncIterable<Uint8Array>
  /** Writes the keys of the range into tables, and drops deleted ones. */
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** Opens the database in an existing folder. Creates one if the folder is empty. */
export type OpenLevel = (dir: string) => Promise<LevelDatabase>

type LevelPackage = Pick<typeof import('classic-level'), 'ClassicLevel'>

/** Imports the package. Rejects with a Failure that says what to install. */
export const importLevel = async (
  load: () => Promise<LevelPackage> = () => import('classic-level'),
): Promise<LevelPackage['ClassicLevel']> => {
  try {
    return (await load()).ClassicLevel
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown }
    const isMissing = code === 'ERR_MODULE_NOT_FOUND'
    throw new Failure(
      isMissing ? 'not_found' : 'internal',
      isMissing
        ? 'the package "classic-level" is not installed'
        : `the package "classic-level" cannot be loaded: ${message}`,
      {
        hint: 'run `npm install classic-level@3`, or use a LogStore',
        cause: error,
      },
    )
  }
}

/** The files in which LevelDB keeps data. */
const DATA = /\.(?:ldb|log)$/

export const openLevel: OpenLevel = async (dir) => {
  const Level = await importLevel()
  const names = await readdir(dir)
  const database = new Level<Uint8Array, Uint8Array>(dir, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    // One flipped bit would damage a compressed block of 4 KiB, and updates hardly shrink.
    compression: false,
    // If `CURRENT` is missing, which names the list of its files, LevelDB would remove all tables.
    createIfMissing: !names.some((name) => DATA.test(name)),
  })
  await database.open()
  return database
}

/** LevelDB reports an error of the system only by its text. */
const SYSTEM: readonly (readonly [RegExp, string])[] = [
  [/: no space left on device$/i, 'ENOSPC'],
  [/: disk quota exceeded$/i, 'EDQUOT'],
  [/: file too large$/i, 'EFBIG'],
  [/: read-only file system$/i, 'EROFS'],
  [/: permission denied$/i, 'EACCES'],
  [/: operation not permitted$/i, 'EPERM'],
  [/: input\/output error$/i, 'EIO'],
  [/: too many open files$/i, 'EMFILE'],
]

/** Damage is only in the text, too. The last two are the texts for a missing or truncated file. */
const DAMAGE =
  /^(?:corruption|invalid argument): |: (?:no such file or directory|invalid argument)$/i

interface LevelError {
  readonly code?: unknown
  readonly cause?: unknown
}

/** The error of LevelDB itself, which the package may have wrapped; undefined for other errors. */
const levelErrorOf = (error: unknown): Error | undefined => {
  const { code, cause } = (error ?? {}) as LevelError
  if (!(error instanceof Error) || !`${code}`.startsWith('LEVEL_')) return undefined
  return code === 'LEVEL_DATABASE_NOT_OPEN' && cause instanceof Error ? cause : error
}

/**
 * `doing` completes the sentence "cannot …". Returns a Failure unchanged. The code is `damaged` only
 * if LevelDB says so, never for an error that may pass.
 */
export const toLevelFailure = (error: unknown, doing: string): Failure => {
  const cause = levelErrorOf(error)
  if (!cause) return toDiskFailure(error, doing)
  const { message } = cause
  if ((cause as LevelError).code === 'LEVEL_LOCKED') {
    return new Failure('already_exists', `cannot ${doing}: it is open already: ${message}`, {
      hint: 'stop the program that has it open',
      cause: error,
    })
  }
  if (DAMAGE.test(message)) {
    return new Failure('damaged', `cannot ${doing}: ${message}`, {
      hint: 'start again: the damaged database is then moved aside and a new one is created',
      cause: error,
    })
  }
  const [, system] = SYSTEM.find(([text]) => text.test(message)) ?? []
  const known = system === undefined ? {} : { code: system }
  return toDiskFailure(Object.assign(new Error(message, { cause: error }), known), doing)
}
