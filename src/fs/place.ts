/**
 * Where a data folder lies: on which host, and which inodes the folder and its `writer.json` are.
 * A folder that was copied, or restored from a copy, lies elsewhere than its `writer.json` says;
 * one that was moved on its file system does not.
 *
 * ```ts
 * const place = placeOf(await disk.inodeOf(dir), await file.inode(), readHost())
 * isAt(place, await disk.inodeOf(dir), await disk.inodeOf(join(dir, 'writer.json')), readHost())
 * ```
 *
 * What it cannot see: copies of a whole disk or virtual machine, and snapshots of file systems,
 * whose inodes are the same. Of those peers tell (see `gossip/probation.ts`).
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** What the system says of a file; of `stat` with big integers. */
export interface Inode {
  readonly ino: bigint
  /** 0, or the time of the last change, where the file system keeps no time of birth. */
  readonly birthtimeNs: bigint
  readonly ctimeNs: bigint
}

interface Known {
  readonly inode: string
  /** Nanoseconds since 1970. Inodes are given out again; absent where no births are kept. */
  readonly born?: string
}

export interface Place {
  /** Absent where the host has no id of its own. */
  readonly host?: string
  readonly folder: Known
  /** The very file in which this is written: one that is put over it in place keeps the inode of now. */
  readonly file: Known
}

/** Where systemd and D-Bus keep it. A host's name is no id: it changes with the network. */
const HOST_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id']

/** Not the id itself, which is to be kept confidential. */
export const readHost = (paths: readonly string[] = HOST_FILES): string | undefined => {
  for (const path of paths) {
    try {
      const id = readFileSync(path, 'utf8').trim()
      if (id === '') continue
      return createHash('sha256').update(`pilot-gossip ${id}`).digest('hex').slice(0, 16)
    } catch {
      // No such file: a container, or another system.
    }
  }
  return undefined
}

/**
 * The folder's last change tells whether births are kept: a system that reports the change as
 * birth reports both alike. Of the file that cannot be told: it was made just now.
 */
const keepsBirths = ({ birthtimeNs, ctimeNs }: Inode): boolean =>
  birthtimeNs > 0n && birthtimeNs < ctimeNs

const known = ({ ino, birthtimeNs }: Inode, hasBirth: boolean): Known => ({
  inode: `${ino}`,
  ...(hasBirth && { born: `${birthtimeNs}` }),
})

export const placeOf = (folder: Inode, file: Inode, host: string | undefined): Place => {
  const hasBirth = keepsBirths(folder)
  return {
    ...(host !== undefined && { host }),
    folder: known(folder, hasBirth),
    file: known(file, hasBirth),
  }
}

const isSame = ({ inode, born }: Known, now: Inode): boolean =>
  inode === `${now.ino}` && (born === undefined || born === `${now.birthtimeNs}`)

/** Is it still there? What was not noted is not compared. */
export const isAt = (place: Place, folder: Inode, file: Inode, host: string | undefined): boolean =>
  isSame(place.folder, folder) &&
  isSame(place.file, file) &&
  (place.host === undefined || host === undefined || place.host === host)

const parseKnown = (value: unknown): Known | undefined => {
  const { inode, born } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (typeof inode !== 'string') return undefined
  return { inode, ...(typeof born === 'string' && { born }) }
}

/** Undefined for what is no place, as in a former format. */
export const parsePlace = (value: unknown): Place | undefined => {
  const { host, folder, file } = (value ?? {}) as Readonly<Record<string, unknown>>
  const [ofFolder, ofFile] = [parseKnown(folder), parseKnown(file)]
  if (!ofFolder || !ofFile) return undefined
  return { ...(typeof host === 'string' && { host }), folder: ofFolder, file: ofFile }
}
