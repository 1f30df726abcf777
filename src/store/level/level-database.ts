/**
 * The little that the store asks of LevelDB, the package that provides it (loaded when it is
 * needed: it is an optional one, of native code), and what its errors mean.
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
  /** Writes all of it or nothing; with `sync` it is on disk when it resolves. */
  batch(operations: LevelOperation[], options: { readonly sync: boolean }): Promise<void>
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** All pairs, by key. */
  iterator(): AsyncIterable<[key: Uint8Array, value: Uint8Array]>
  /** The keys between these two. */
  keys(range: { readonly gt: Uint8Array; readonly lt: Uint8Array }): AsyncIterable<Uint8Array>
  /** Writes the keys of the range into tables, without what was deleted. */
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** Opens the database in the folder, which is there; makes one in an empty folder. */
export type OpenLevel = (dir: string) => Promise<LevelDatabase>

type LevelPackage = Pick<typeof import('classic-level'), 'ClassicLevel'>

/** Rejects with a Failure that says what to install. */
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

/** What LevelDB keeps its data in. */
const DATA = /\.(?:ldb|log)$/

export const openLevel: OpenLevel = async (dir) => {
  const Level = await importLevel()
  const names = await readdir(dir)
  const database = new Level<Uint8Array, Uint8Array>(dir, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    // Compressed blocks would lose 4 KiB for one flipped bit, and updates hardly shrink.
    compression: false,
    // Where the file that names its list of files is gone, LevelDB would remove all tables.
    createIfMissing: !names.some((name) => DATA.test(name)),
  })
  await database.open()
  return database
}

/** LevelDB tells what the system said by its text alone. */
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

/** And so what is wrong with its files; the last two are said of one that is gone or cut short. */
const DAMAGE =
  /^(?:corruption|invalid argument): |: (?:no such file or directory|invalid argument)$/i

interface LevelError {
  readonly code?: unknown
  readonly cause?: unknown
}

/** What LevelDB itself said, below what the package made of it; undefined for other errors. */
const saidBy = (error: unknown): Error | undefined => {
  const { code, cause } = (error ?? {}) as LevelError
  if (!(error instanceof Error) || !`${code}`.startsWith('LEVEL_')) return undefined
  return code === 'LEVEL_DATABASE_NOT_OPEN' && cause instanceof Error ? cause : error
}

/**
 * `doing` completes the sentence "cannot …". A Failure stays the one it is. `damaged` is what
 * LevelDB calls so, and never what may be well again at the next try.
 */
export const toLevelFailure = (error: unknown, doing: string): Failure => {
  const said = saidBy(error)
  if (!said) return toDiskFailure(error, doing)
  const { message } = said
  if ((said as LevelError).code === 'LEVEL_LOCKED') {
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
