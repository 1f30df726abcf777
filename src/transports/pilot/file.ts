/**
 * Reads a file that another program may be writing or replacing at the same time. The stamp that
 * comes with the content shows later whether the file is still the same.
 *
 * ```ts
 * const stamp = await readStamp(path)
 * const snapshot = stamp && (await readSnapshot(path, stamp))
 * if (snapshot && (await isSameFile(path, snapshot))) await unlink(path)
 * ```
 */

import { lstat } from 'node:fs/promises'
import { systemCodeOf } from '../../errors.ts'
import { readPlain } from '../../fs/plain-file.ts'

/** Bytes. pilotctl carries messages of 64 MiB; ours are far smaller. Reading one takes three times its size in memory. */
const MAX_FILE_BYTES = 64 * 1024 * 1024

/**
 * Milliseconds. File systems count time in ticks of up to 10 ms: a file that is read within a tick
 * of its last write may change again and keep both length and time.
 */
const RACY_MS = 20

/** Distinguishes two contents under one name, as far as a file system can. */
export interface Stamp {
  readonly mtimeNs: bigint
  readonly size: bigint
  readonly ino: bigint
}

export interface Snapshot {
  /** `changing`: it was written to or removed while it was read; only `whole` has its content */
  readonly kind: 'whole' | 'changing' | 'too large'
  readonly stamp: Stamp
  readonly content: string
  /** is the file so young that an equal stamp does not prove equal content? */
  readonly isRacy: boolean
}

export const isSame = (a: Stamp, b: Stamp): boolean =>
  a.mtimeNs === b.mtimeNs && a.size === b.size && a.ino === b.ino

/** The result; undefined if the file does not exist. */
const unlessGone = async <T>(reading: Promise<T>): Promise<T | undefined> => {
  try {
    return await reading
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Undefined if there is no such file, or if it is a link or a pipe: those are not followed. */
export const readStamp = async (path: string): Promise<Stamp | undefined> => {
  const stat = await unlessGone(lstat(path, { bigint: true }))
  return stat?.isFile() ? { mtimeNs: stat.mtimeNs, size: stat.size, ino: stat.ino } : undefined
}

const readText = async (path: string): Promise<string | undefined> =>
  (await unlessGone(readPlain(path, MAX_FILE_BYTES)))?.toString('utf8')

/** The text of the file that has this stamp. Rejects with the system's error if it cannot be read. */
export const readSnapshot = async (path: string, stamp: Stamp): Promise<Snapshot> => {
  if (stamp.size > MAX_FILE_BYTES) return { kind: 'too large', stamp, content: '', isRacy: false }
  const isRacy = Date.now() - Number(stamp.mtimeNs / 1_000_000n) < RACY_MS
  const content = await readText(path)
  const after = await readStamp(path)
  if (content === undefined || after === undefined || !isSame(stamp, after))
    return { kind: 'changing', stamp, content: '', isRacy }
  return { kind: 'whole', stamp, content, isRacy }
}

/** Is it still the file that was read? If the file was young then, it is read again to be sure. */
export const isSameFile = async (path: string, snapshot: Snapshot): Promise<boolean> => {
  const now = await readStamp(path)
  if (now === undefined || !isSame(now, snapshot.stamp)) return false
  return !snapshot.isRacy || (await readText(path)) === snapshot.content
}
