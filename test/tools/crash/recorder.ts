/**
 * Loaded into a writing process (`--import`) before the agent: writes what its disk has done to file
 * descriptor 3 (see `notes.ts`), and kills the process in the middle of the operation `CRASH_AT`.
 * It changes nothing else.
 *
 * ```
 * CRASH_UNDO=/tmp/x/undo CRASH_AT=37 node --import tsx --import ./test/tools/crash/recorder.ts … 3>notes
 * ```
 */
import { randomUUID } from 'node:crypto'
import { existsSync, linkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Disk, type DiskFile, nodeDisk } from '../../../src/fs/disk.ts'
import type { Note } from './notes.ts'
import { tell } from './tell.ts'

const NOTES = 3

/** A folder on the same disk for second names of files that are replaced or removed. */
const undoDir = process.env.CRASH_UNDO ?? ''

/** Each operation has two moments, before and after; the process dies at this one. */
let left = Number(process.env.CRASH_AT ?? Number.POSITIVE_INFINITY)

const note = (told: Note): void => tell(NOTES, JSON.stringify(told))

const moment = (): void => {
  if (--left === 0) process.kill(process.pid, 'SIGKILL')
}

/** A second name for the file at the path. */
const keep = (path: string): string => {
  const undo = join(undoDir, randomUUID())
  linkSync(path, undo)
  return undo
}

const wrapFile = (file: DiskFile, path: string, opened: number): DiskFile => {
  let length = opened
  return {
    write: async (bytes, position) => {
      moment()
      // In two parts, so that the process can die between them.
      const half = Math.floor(bytes.length / 2)
      await file.write(bytes.subarray(0, half), position)
      moment()
      await file.write(bytes.subarray(half), position + half)
      length = Math.max(length, position + bytes.length)
      moment()
    },
    truncate: async (to) => {
      moment()
      note({ type: 'truncated', path, length: to })
      await file.truncate(to)
      length = to
      moment()
    },
    sync: async () => {
      moment()
      await file.sync()
      moment()
      note({ type: 'synced', path, length })
    },
    close: () => file.close(),
  }
}

const inner: Disk = { ...nodeDisk }

Object.assign(nodeDisk, {
  create: async (path) => {
    moment()
    note({ type: 'created', path })
    return wrapFile(await inner.create(path), path, 0)
  },
  open: async (path) => {
    moment()
    const { size } = statSync(path)
    note({ type: 'opened', path, length: size })
    return wrapFile(await inner.open(path), path, size)
  },
  rename: async (from, to) => {
    moment()
    const undo = existsSync(to) && keep(to)
    note({ type: 'rename', from, to, ...(undo && { undo }) })
    await inner.rename(from, to)
    moment()
  },
  remove: async (path) => {
    moment()
    if (existsSync(path)) note({ type: 'remove', path, undo: keep(path) })
    await inner.remove(path)
    moment()
  },
  syncDir: async (dir) => {
    moment()
    await inner.syncDir(dir)
    moment()
    note({ type: 'synced_dir', dir })
  },
} satisfies Partial<Disk>)
