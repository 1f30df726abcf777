/**
 * The identity of a file or folder, whatever its name: a copy has another one, a moved file has the
 * same. File systems reuse the numbers of inodes, so the time of birth belongs to it if the file
 * system records one.
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
  /** The device of the file system, which may change when it is mounted again. */
  readonly device: string
  readonly inode: string
  /** The time of birth in nanoseconds since 1970; absent if it is not recorded or not certain. */
  readonly born?: string
}

interface Stats {
  readonly dev: bigint
  readonly ino: bigint
  readonly birthtimeNs: bigint
  readonly ctimeNs: bigint
}

/**
 * A file system without times of birth reports 0 or the time of the last change. A file that was not
 * changed since its birth looks the same, so it is identified by its inode alone.
 */
export const toFileId = ({ dev, ino, birthtimeNs, ctimeNs }: Stats): FileId => {
  const isKept = birthtimeNs > 0n && birthtimeNs < ctimeNs
  return { device: `${dev}`, inode: `${ino}`, ...(isKept && { born: `${birthtimeNs}` }) }
}

/** Resolves to undefined if the path does not exist. Rejects with any other error of the system. */
export const fileIdOf = async (path: string): Promise<FileId | undefined> => {
  try {
    return toFileId(await stat(path, { bigint: true }))
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** Do the inode and, if both have one, the time of birth match? Ignores the device. */
export const isSameInode = (a: Omit<FileId, 'device'>, b: Omit<FileId, 'device'>): boolean =>
  a.inode === b.inode && (a.born === undefined || b.born === undefined || a.born === b.born)

/** Is it the same file? Valid while the file system stays mounted. */
export const isSameFile = (a: FileId, b: FileId): boolean =>
  a.device === b.device && isSameInode(a, b)
