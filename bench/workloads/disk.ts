/** The disk below a folder: its file system, the time of one flush, and a count of flushes. */
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { type Disk, nodeDisk } from '../../src/fs/disk.ts'
import { type Spread, spreadOf } from '../runner/stats.ts'

export interface DiskFacts {
  /** Its name, or the system's number for it. */
  readonly fileSystem: string
  /** Milliseconds to append a short record and flush it. */
  readonly fsyncMs: Spread
  readonly samples: number
}

/** Linux's numbers. A flush to `tmpfs` takes no time, since it reaches no disk. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  801189825: 'zfs',
  4076150800: 'f2fs',
  2035054128: 'overlayfs',
  16914836: 'tmpfs',
  26985: 'nfs',
}

/** Bytes: roughly one write of a key in the log. */
const RECORD = 150

const SAMPLES = 50

const typeOf = async (dir: string): Promise<string> => {
  const { type } = await statfs(dir)
  const name = process.platform === 'linux' ? FILE_SYSTEMS[type] : undefined
  return name ?? `file system 0x${type.toString(16)}`
}

/** Writes a file into `dir`, which the caller removes. */
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

/** The real disk, which counts completed flushes of files. */
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
