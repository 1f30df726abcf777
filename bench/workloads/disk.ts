/**
 * The disk below a folder: what it is, how long one flush takes there, and a way to count the
 * flushes that a store makes.
 *
 * ```ts
 * const { fileSystem, fsyncMs } = await readDisk(tmpdir())
 * ```
 */
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { type Disk, nodeDisk } from '../../src/fs/disk.ts'
import { type Spread, spreadOf } from '../runner/stats.ts'

export interface DiskFacts {
  /** Its name, or the system's number for it. */
  readonly fileSystem: string
  /** Milliseconds from the begin of a short write at the end of a file until it is on disk. */
  readonly fsyncMs: Spread
  readonly samples: number
}

/** What Linux calls them. In `tmpfs` nothing reaches a disk, and a flush takes no time. */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0xf2f52010, 'f2fs'],
  [0x794c7630, 'overlayfs'],
  [0x01021994, 'tmpfs'],
  [0x6969, 'nfs'],
])

/** Bytes: about what one write of a key takes in the log. */
const RECORD = 150

const SAMPLES = 50

const typeOf = async (dir: string): Promise<string> => {
  const { type } = await statfs(dir)
  const name = process.platform === 'linux' ? FILE_SYSTEMS.get(type) : undefined
  return name ?? `file system 0x${type.toString(16)}`
}

/** Writes a file into `dir`, which the caller removes with it. */
export const readDisk = async (dir: string): Promise<DiskFacts> => {
  const file = await nodeDisk.create(join(dir, 'flush'))
  const bytes = new Uint8Array(RECORD).fill(1)
  const ms: number[] = []
  for (let sample = 0; sample < SAMPLES; sample++) {
    const start = performance.now()
    await file.write(bytes, sample * RECORD)
    await file.sync()
    ms.push(performance.now() - start)
  }
  await file.close()
  return { fileSystem: await typeOf(dir), fsyncMs: spreadOf(ms), samples: SAMPLES }
}

/** The real disk; counts the flushes of files that have ended. */
export class CountingDisk implements Disk {
  flushes = 0
  readonly makeDir = nodeDisk.makeDir
  readonly list = nodeDisk.list
  readonly read = nodeDisk.read
  readonly rename = nodeDisk.rename
  readonly remove = nodeDisk.remove
  readonly syncDir = nodeDisk.syncDir
  readonly create: Disk['create'] = async (path) => this.#count(await nodeDisk.create(path))
  readonly open: Disk['open'] = async (path) => this.#count(await nodeDisk.open(path))

  #count(file: Awaited<ReturnType<Disk['open']>>): typeof file {
    return {
      ...file,
      sync: async () => {
        await file.sync()
        this.flushes++
      },
    }
  }
}
