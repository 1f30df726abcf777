/**
 * Which file or folder a path stands for, whatever its name: a copy is another one, what was
 * moved is the same. An inode's number alone is given out again, so the time of its birth goes
 * with it, where the file system keeps one.
 *
 * ```ts
 * const before = await fileIdOf(dir)     // { device: '2049', inode: '4711', born: '1795351914000000000' }
 * const after = await fileIdOf(dir)
 * if (before && after) isSameFile(before, after)
 * ```
 */

import { stat } from 'node:fs/promises'
import { systemCodeOf } from '../errors.ts'

export interface FileId {
  /** Of the file system; may be another one after it was mounted anew. */
  readonly device: string
  readonly inode: string
  /** Nanoseconds since 1970; absent where the file system does not tell, or may not. */
  readonly born?: string
}

interface Stats {
  readonly dev: bigint
  readonly ino: bigint
  readonly birthtimeNs: bigint
  readonly ctimeNs: bigint
}

/**
 * Where no time of birth is kept, systems report 0 or the time of the last change. A file that was
 * not changed since its birth cannot be told from that, and is known by its inode alone.
 */
export const toFileId = ({ dev, ino, birthtimeNs, ctimeNs }: Stats): FileId => {
  const isKept = birthtimeNs > 0n && birthtimeNs < ctimeNs
  return { device: `${dev}`, inode: `${ino}`, ...(isKept && { born: `${birthtimeNs}` }) }
}

/** Undefined where there is none. Rejects with the system's error for all else. */
export const fileIdOf = async (path: string): Promise<FileId | undefined> => {
  try {
    return toFileId(await stat(path, { bigint: true }))
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** Is it the same inode of the same birth, as far as both tell? The device is not looked at. */
export const isSameInode = (a: Omit<FileId, 'device'>, b: Omit<FileId, 'device'>): boolean =>
  a.inode === b.inode && (a.born === undefined || b.born === undefined || a.born === b.born)

/** The same while it stays mounted. */
export const isSameFile = (a: FileId, b: FileId): boolean =>
  a.device === b.device && isSameInode(a, b)
