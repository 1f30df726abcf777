/**
 * The few things the store asks of a file system, so that tests can give it one that is full,
 * read-only, or loses at a crash whatever was not flushed. `nodeDisk` is the real one.
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
  /** Makes the folder and those above it, durably; does nothing where it exists. */
  makeDir(dir: string): Promise<void>
  list(dir: string): Promise<readonly string[]>
  read(path: string): Promise<Uint8Array>
  /** Opens an empty file for writing, in place of one of that name. */
  create(path: string): Promise<DiskFile>
  /** Opens an existing file for writing. */
  open(path: string): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  /** Removes the file; does nothing where there is none. */
  remove(path: string): Promise<void>
  /** Makes creations and renames in the folder durable. */
  syncDir(dir: string): Promise<void>
  /** What keeps other stores out of the folder; absent where no other can get there. */
  lock?(dir: string): FolderLock
  /** Which inode the path stands for; absent where there are none. */
  inodeOf?(path: string): Promise<Inode>
}

export interface DiskFile {
  /** Writes all bytes at `position`; after a rejection any part of them may be there. */
  write(bytes: Uint8Array, position: number): Promise<void>
  truncate(length: number): Promise<void>
  /** Makes what was written durable, and the length needed to read it. */
  sync(): Promise<void>
  close(): Promise<void>
  /** Absent where files have none. */
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

/** What a file is called while it is being written. Each has one: leftovers are overwritten. */
export const TEMPORARY = '.tmp'

/**
 * Puts a file there in one step, durably: after a crash there is the old one or the new one,
 * never a part. The bytes may depend on the file they are written to. `check` looks at what was
 * written before it gets its name, and may throw.
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
    // A part would take the space of a full disk. The first error is the one that says why; what
    // cannot be removed now is overwritten by the next try.
    await Promise.allSettled([disk.remove(made)])
    throw error
  }
  await disk.syncDir(dir)
}
