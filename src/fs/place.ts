/**
 * The place of a data folder: its host, and the inodes of the folder and of its `writer.json`. A folder
 * that was copied, or restored from a copy, is not at the place in its `writer.json`; one that was
 * moved on its file system is.
 *
 * ```ts
 * const place = placeOf(await disk.inodeOf(dir), await file.inode(), readHost())
 * isAt(place, await disk.inodeOf(dir), await disk.inodeOf(join(dir, 'writer.json')), readHost())
 * ```
 *
 * It cannot detect copies of a whole disk or virtual machine, or snapshots of file systems, whose
 * inodes are the same. Peers detect those (see `gossip/probation.ts`).
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Fields of `stat` with big integers. */
export interface Inode {
  readonly ino: bigint
  /** 0 or the time of the last change if the file system records no time of birth. */
  readonly birthtimeNs: bigint
  readonly ctimeNs: bigint
}

interface Known {
  readonly inode: string
  /** The time of birth in nanoseconds since 1970, since inodes are reused; absent if it is not recorded. */
  readonly born?: string
}

export interface Place {
  /** Absent if the host has no id. */
  readonly host?: string
  readonly folder: Known
  /** The file in which this is written. A copy that is restored into it has the inode of another file. */
  readonly file: Known
}

/** Files of systemd and D-Bus. The name of a host is not an id: it changes with the network. */
const HOST_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id']

/** A hash of the host's id, since the id itself is confidential. Undefined if it has none. */
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
 * Does the file system record times of birth? One that does not reports the last change as birth, so
 * both are equal. The folder shows that; the file does not, since it was just created.
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

/** Is the folder still at that place? Ignores fields that were not recorded. */
export const isAt = (place: Place, folder: Inode, file: Inode, host: string | undefined): boolean =>
  isSame(place.folder, folder) &&
  isSame(place.file, file) &&
  (place.host === undefined || host === undefined || place.host === host)

const parseKnown = (value: unknown): Known | undefined => {
  const { inode, born } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (typeof inode !== 'string') return undefined
  return { inode, ...(typeof born === 'string' && { born }) }
}

/** Returns undefined for a value that is not a place, as in an older format. */
export const parsePlace = (value: unknown): Place | undefined => {
  const { host, folder, file } = (value ?? {}) as Readonly<Record<string, unknown>>
  const [ofFolder, ofFile] = [parseKnown(folder), parseKnown(file)]
  if (!ofFolder || !ofFile) return undefined
  return { ...(typeof host === 'string' && { host }), folder: ofFolder, file: ofFile }
}
