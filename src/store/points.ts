/**
 * Former states of a document, so that a person can bring back what was deleted or overwritten. Each
 * is a file of its own, named by its time: a state as in `log/state-file.ts`, compressed by gzip.
 *
 * ```ts
 * const points = new Points({ dir: join(data, 'points') })
 * await points.take(doc, Date.now())
 * const point = await points.at(Date.now() - 3_600_000)   // { at, bytes, update }
 * ```
 *
 * The newest day has a point an hour, the newest month one a day, and older ones are removed. All
 * together take at most `maxBytes`, or twice the newest point if that is more, so that there is
 * always a former one. Beyond that, the points that lie closest together go first.
 */
import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import * as Y from 'yjs'
import { Failure, systemCodeOf } from '../errors.ts'
import { type Disk, nodeDisk, TEMPORARY, writeWhole } from '../fs/disk.ts'
import { toDiskFailure } from '../fs/disk-failure.ts'
import { decodeHead, encodeHead, headBytes, MARKER_BYTES } from './head.ts'
import { encodeRecord, MAX_PAYLOAD_BYTES, STATE_V2, scanRecords } from './record.ts'

/**
 * Bytes of all points. A state of a megabyte, which compresses to a third or less, has room for all
 * 54 points; a larger one has fewer. More takes disk and nothing else.
 */
export const POINT_BYTES: number = 64 * 1024 * 1024

/** Milliseconds between two points of the newest day: what can be lost without a former state. */
export const POINT_EVERY_MS = 3_600_000

const DAY_MS = 86_400_000

/** Milliseconds after which a point is removed. */
export const POINT_AGE_MS: number = 30 * DAY_MS

export interface Point {
  /** Unix milliseconds by this agent's clock. */
  readonly at: number
  /** Of its file. */
  readonly bytes: number
}

export interface PointsOptions {
  /** A folder for points alone. Created with the first point. */
  readonly dir: string
  /** Default: the real disk. */
  readonly disk?: Disk
}

const zip = promisify(gzip)
const unzip = promisify(gunzip)

const nameOf = (at: number): string => `${new Date(at).toISOString().replaceAll(':', '-')}.bin.gz`

const NAME = /^(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d\.\d{3}Z)\.bin\.gz$/

const timeOf = (name: string): number | undefined => {
  const [, hour, minute, second] = NAME.exec(name) ?? []
  const at = Date.parse(`${hour}:${minute}:${second}`)
  return Number.isNaN(at) ? undefined : at
}

/** The file before it is compressed. */
const encodePoint = (doc: Y.Doc): Uint8Array => {
  const marker = randomBytes(MARKER_BYTES)
  const head = encodeHead('state', marker)
  return encodeRecord(marker, STATE_V2, Y.encodeStateAsUpdateV2(doc), head)
}

/** The V2 update of a file. Throws a Failure for a newer format, and any error for a damaged one. */
const decodePoint = async (packed: Uint8Array, path: string): Promise<Uint8Array> => {
  const bytes = await unzip(packed, { maxOutputLength: MAX_PAYLOAD_BYTES })
  const marker = decodeHead(bytes, path)
  const { payloads, end } = scanRecords(
    bytes,
    headBytes('state'),
    marker ?? new Uint8Array(MARKER_BYTES),
    [STATE_V2],
  )
  const [update] = payloads
  if (!update || end !== bytes.length) throw new Error('it holds no whole state')
  return update
}

/** The last of each run of one length, of points that are sorted by time. */
const lastOfEach = (points: readonly Point[], ms: number): Point[] =>
  points.filter(({ at }, i) => Math.floor(at / ms) !== Math.floor((points[i + 1]?.at ?? -1) / ms))

/** The points that stay, oldest first. `points` are sorted by time. */
export const thinned = (points: readonly Point[], now: number, maxBytes: number): Point[] => {
  const young = points.filter(({ at }) => at > now - DAY_MS)
  const old = points.filter(({ at }) => at <= now - DAY_MS && at > now - POINT_AGE_MS)
  const kept = [...lastOfEach(old, DAY_MS), ...young]
  const most = Math.max(maxBytes, 2 * (kept.at(-1)?.bytes ?? 0))
  let bytes = kept.reduce((sum, point) => sum + point.bytes, 0)
  while (bytes > most && kept.length > 1) {
    // The newest one stays. Of the others, the one whose neighbours are closest is missed least.
    let least = 0
    let gap = Number.POSITIVE_INFINITY
    for (let i = 0; i < kept.length - 1; i++) {
      const between = kept[i + 1]!.at - (kept[i - 1]?.at ?? Number.NEGATIVE_INFINITY)
      if (between >= gap) continue
      least = i
      gap = between
    }
    bytes -= kept.splice(least, 1)[0]!.bytes
  }
  return kept
}

export class Points {
  readonly dir: string
  readonly #disk: Disk
  /** Steps run one after the other. */
  #last: Promise<unknown> = Promise.resolve()
  /** Bytes of each file whose size is known. */
  readonly #sizes = new Map<string, number>()

  constructor({ dir, disk = nodeDisk }: PointsOptions) {
    this.dir = resolve(dir)
    this.#disk = disk
  }

  /** Oldest first. Rejects with a Failure if the disk fails. */
  list(): Promise<Point[]> {
    return this.#inTurn('list former states', () => this.#list())
  }

  /**
   * Stores the state of `doc`, which is read before `take` returns its promise, and removes older
   * points that are too many. Blocks as long as Yjs encodes the state; it is compressed elsewhere.
   */
  take(doc: Y.Doc, now: number, maxBytes: number = POINT_BYTES): Promise<Point> {
    const bytes = encodePoint(doc)
    return this.#inTurn('store a former state', () => this.#write(bytes, now, maxBytes))
  }

  /**
   * The newest point at or before `time`, with its state as a V2 update. Undefined if there is none.
   * One that cannot be read is passed to `onDamaged`, and the next older one is taken.
   */
  at(
    time: number,
    onDamaged: (failure: Failure) => void = () => undefined,
  ): Promise<(Point & { readonly update: Uint8Array }) | undefined> {
    return this.#inTurn('read a former state', async () => {
      for (const point of (await this.#list()).reverse()) {
        if (point.at > time) continue
        const path = join(this.dir, nameOf(point.at))
        const packed = await this.#disk.read(path)
        try {
          return { ...point, update: await decodePoint(packed, path) }
        } catch (error) {
          if (error instanceof Failure) throw error
          onDamaged(
            new Failure('damaged', `the former state "${path}" is damaged: ${error}`, {
              hint: 'remove the file; the next older one is used instead',
              cause: error,
            }),
          )
        }
      }
      return undefined
    })
  }

  async #list(): Promise<Point[]> {
    const points: Point[] = []
    for (const name of await this.#names()) {
      const at = timeOf(name)
      if (at === undefined) continue
      const known = this.#sizes.get(name)
      const bytes = known ?? (await this.#disk.read(join(this.dir, name))).length
      this.#sizes.set(name, bytes)
      points.push({ at, bytes })
    }
    return points.sort((a, b) => a.at - b.at)
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await this.#disk.list(this.dir)
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return []
      throw error
    }
  }

  async #write(bytes: Uint8Array, now: number, maxBytes: number): Promise<Point> {
    const packed = await zip(bytes)
    await this.#disk.makeDir(this.dir)
    const isSame = (readBack: Uint8Array): void => {
      if (packed.equals(readBack)) return
      throw new Failure('damaged', 'a former state was read back otherwise than it was written')
    }
    await writeWhole(this.#disk, this.dir, nameOf(now), packed, isSame)
    this.#sizes.set(nameOf(now), packed.length)
    await this.#thin(now, maxBytes)
    return { at: now, bytes: packed.length }
  }

  async #thin(now: number, maxBytes: number): Promise<void> {
    const points = await this.#list()
    const kept = new Set(thinned(points, now, maxBytes).map(({ at }) => nameOf(at)))
    const left = (await this.#names()).filter((name) => name.endsWith(`.bin.gz${TEMPORARY}`))
    const gone = points.map(({ at }) => nameOf(at)).filter((name) => !kept.has(name))
    for (const name of [...gone, ...left]) {
      await this.#disk.remove(join(this.dir, name))
      this.#sizes.delete(name)
    }
  }

  #inTurn<T>(doing: string, step: () => Promise<T>): Promise<T> {
    const done = this.#last.then(step).catch((error) => {
      throw error instanceof Failure ? error : toDiskFailure(error, `${doing} in "${this.dir}"`)
    })
    this.#last = done.catch(() => undefined)
    return done
  }
}
