/**
 * The operations of a file system that a store needs. Tests replace it by one that is full, read-only,
 * or loses unflushed data in a crash. `nodeDisk` is the real one.
 *
 * ```ts
 * await writeWhole(nodeDisk, dir, 'writer.json', bytes)
 * ```
 */
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FolderLock } from './folder-lock.ts'
import type { Inode } from './place.ts'

export interface Disk {
  /** Creates the folder and its parents durably. Does nothing if it exists. */
  makeDir(dir: string): Promise<void>
  list(dir: string): Promise<readonly string[]>
  read(path: string): Promise<Uint8Array>
  /** Opens an empty file for writing. It replaces a file of that name. */
  create(path: string): Promise<DiskFile>
  /** Opens an existing file for writing. */
  open(path: string): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  /** Removes the file. Does nothing if there is none. */
  remove(path: string): Promise<void>
  /** Makes creations and renames in the folder durable. */
  syncDir(dir: string): Promise<void>
  /** The lock that keeps other stores out of the folder. Absent if no other store can reach it. */
  lock?(dir: string): FolderLock
  /** The inode of the path. Absent if the file system has none. */
  inodeOf?(path: string): Promise<Inode>
}

export interface DiskFile {
  /** Writes all bytes at `position`. After a rejection, any part of them may be written. */
  write(bytes: Uint8Array, position: number): Promise<void>
  truncate(length: number): Promise<void>
  /** Makes the written bytes durable, and the length that is needed to read them. */
  sync(): Promise<void>
  close(): Promise<void>
  /** Absent if the file system has none. */
  inode?(): Promise<Inode>
}

/** Only the owner: a document may be private. */
const DIR_MODE = 0o700
const FILE_MODE = 0o600

const openFile = async (path: string, flags: string): Promise<DiskFile> => {
  const handle = await open(path, flags, FILE_MODE)
  return {
    write: async (bytes, position) => {
      for (let done = 0; done < bytes.length; ) {
        const left = bytes.length - done
        done += (await handle.write(bytes, done, left, position + done)).bytesWritten
      }
    },
    truncate: (length) => handle.truncate(length),
    sync: () => handle.datasync(),
    close: () => handle.close(),
    inode: () => handle.stat({ bigint: true }),
  }
}

const syncDir = async (dir: string): Promise<void> => {
  if (process.platform === 'win32') return // folders cannot be flushed there
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export const nodeDisk: Disk = {
  makeDir: async (dir) => {
    const first = await mkdir(dir, { recursive: true, mode: DIR_MODE })
    if (first === undefined) return
    for (let made = dir; made.length >= first.length; made = dirname(made)) {
      await syncDir(dirname(made))
    }
  },
  list: (dir) => readdir(dir),
  read: async (path) => {
    const { buffer, byteOffset, length } = await readFile(path)
    return new Uint8Array(buffer, byteOffset, length)
  },
  create: (path) => openFile(path, 'w'),
  open: (path) => openFile(path, 'r+'),
  rename,
  remove: (path) => rm(path, { force: true }),
  syncDir,
  lock: (dir) => new FolderLock(dir),
  inodeOf: (path) => stat(path, { bigint: true }),
}

/** The suffix of a file while it is written. The next write replaces a leftover. */
export const TEMPORARY = '.tmp'

/**
 * Writes a file atomically and durably: after a crash there is the old file or the new one, never a
 * part. The bytes may depend on the file that they are written to. `check` gets the bytes that were
 * read back before the file gets its name, and may throw.
 */
export const writeWhole = async (
  disk: Disk,
  dir: string,
  name: string,
  bytes: Uint8Array | ((file: DiskFile) => Promise<Uint8Array>),
  check?: (readBack: Uint8Array) => void,
): Promise<void> => {
  const made = join(dir, name + TEMPORARY)
  try {
    const file = await disk.create(made)
    try {
      await file.write(typeof bytes === 'function' ? await bytes(file) : bytes, 0)
      await file.sync()
    } finally {
      await file.close()
    }
    if (check) check(await disk.read(made))
    await disk.rename(made, join(dir, name))
  } catch (error) {
    // A partial file would take space on a full disk. If it cannot be removed, the next write
    // replaces it; the first error is the cause.
    await Promise.allSettled([disk.remove(made)])
    throw error
  }
  await disk.syncDir(dir)
}
