/**
 * The writer id that a data folder may use, stored in its `writer.json`, and the lock that keeps a
 * second agent out of the folder.
 *
 * ```ts
 * const identity = new Identity({ dir })
 * await identity.open() // rejects with `already_exists` while another agent lives
 * restore(doc, await store.load())
 * const { writer } = await identity.take(node, Y.decodeStateVector(Y.encodeStateVector(doc)))
 * doc.clientID = writer
 * await identity.publish(clock) // before any peer sees that clock
 * if (await peerHasMoreOfMe()) doc.clientID = (await identity.mustChange(clocks)).writer
 * ```
 *
 * - An id is on disk before it is used, and a clock before it is sent to peers. So after a crash `take`
 *   can check whether the store still has everything that peers may have seen.
 * - A folder that was copied, or restored from a copy, is detected by its location (`fs/place.ts`) and
 *   gets a new id. If a whole disk or virtual machine was set back, a peer reports it, and `mustChange`
 *   gives a new id. Changes under the old id stay valid.
 */
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { Failure, systemCodeOf } from '../errors.ts'
import { type Disk, type DiskFile, nodeDisk, writeWhole } from '../fs/disk.ts'
import { toDiskFailure } from '../fs/disk-failure.ts'
import { Lock } from '../fs/lock.ts'
import { checkEntries } from '../fs/own-folder.ts'
import { type Inode, isAt, type Place, parsePlace, placeOf, readHost } from '../fs/place.ts'
import { FolderWatch } from './folder-watch.ts'
import { newerFormat } from './head.ts'
import {
  incarnationOf,
  judgeWriter,
  NODES,
  nextIncarnation,
  type RandomBelow,
  type WriterReason,
  type WriterRecord,
  writerId,
} from './writer.ts'

const FILE = 'writer.json'
const LOCK = 'lock'

/** The format of `writer.json`. */
const FORMAT = 1

export interface IdentityOptions {
  /** The data folder; created if it does not exist. */
  readonly dir: string
  /** Default: the real disk. The lock is always a real file. */
  readonly disk?: Disk
  /** Default: `randomInt` of `node:crypto`. */
  readonly random?: RandomBelow
}

/** The content of `writer.json`. */
interface Kept {
  readonly record: WriterRecord
  /** Absent in an older format, and on a disk without inodes. */
  readonly place: Place | undefined
}

export interface Taken {
  readonly writer: number
  readonly reason: WriterReason
}

/** Returns undefined for a file that no Identity wrote. Throws a Failure for a newer format. */
const parseKept = (bytes: Uint8Array, path: string): Kept | undefined => {
  let value: { readonly [key: string]: unknown }
  try {
    value = JSON.parse(new TextDecoder().decode(bytes)) ?? {}
  } catch {
    return undefined // not JSON: damaged, which `take` reports
  }
  const { format, node, incarnation, published } = value
  if (typeof format === 'number' && format > FORMAT) throw newerFormat(path, format, FORMAT)
  if (typeof node !== 'number' || typeof incarnation !== 'number') return undefined
  if (!Number.isSafeInteger(published) || (published as number) < 0) return undefined
  try {
    writerId(node, incarnation)
  } catch {
    return undefined // out of range: damaged
  }
  const record = { node, incarnation, published: published as number }
  return { record, place: parsePlace(value.place) }
}

export class Identity {
  readonly #dir: string
  readonly #disk: Disk
  readonly #random: RandomBelow
  readonly #lock: Lock
  readonly #host = readHost()
  #isOpen = false
  #watch: FolderWatch | undefined
  #isDistrusted = false
  #record: WriterRecord | undefined
  /** The highest clock that `publish` was called with for the current writer. */
  #reached = 0
  /** The write in progress. The next one waits for it. */
  #writing: Promise<void> = Promise.resolve()

  constructor(options: IdentityOptions) {
    this.#dir = options.dir
    this.#disk = options.disk ?? nodeDisk
    this.#random = options.random ?? ((end) => randomInt(end))
    this.#lock = new Lock(join(options.dir, LOCK))
  }

  /** Takes the lock. Rejects with `already_exists` while another agent has it. */
  async open(): Promise<void> {
    try {
      await this.#disk.makeDir(this.#dir)
      await checkEntries('the data folder', this.#dir)
      await this.#lock.hold()
    } catch (error) {
      throw toDiskFailure(error, `lock "${this.#dir}"`)
    }
    this.#isOpen = true
  }

  /**
   * Until `close`, calls `onGone` once if the folder is removed, moved or replaced. Later changes are not
   * stored.
   */
  watch(onGone: (failure: Failure) => void): void {
    this.#checkOpen()
    this.#watch?.stop()
    this.#watch = new FolderWatch(() => this.#lock.checkFolder(), onGone)
  }

  /**
   * Part of the stored data could not be read, but may be readable later, such as own entries that were
   * never published. The clock does not show that, so the next `take` gives a new id.
   */
  distrust(): void {
    this.#isDistrusted = true
  }

  /**
   * Resolves to the id under which the node `known` may write. While no daemon has reported the node it
   * is undefined, and the previous node, or a random one, is used. `clocks` is the state vector of the
   * document as it was read from disk, before any change of a peer.
   */
  async take(known: number | undefined, clocks: ReadonlyMap<number, number>): Promise<Taken> {
    this.#checkOpen()
    const found = await this.#read()
    const node = known ?? (typeof found === 'string' ? this.#random(NODES) : found.record.node)
    if (typeof found === 'string') return this.#change(node, clocks, undefined, found)
    const { record: before, place } = found
    const reason = await this.#judge(before, place, node, clocks)
    if (reason === 'same') {
      // An older format: from now on copies of this folder are detected.
      if (place === undefined && this.#disk.inodeOf) await this.#inTurn(() => this.#write(before))
      this.#record = before
      return { writer: writerId(node, before.incarnation), reason }
    }
    return this.#change(node, clocks, before, reason)
  }

  /** The highest clock of the current id that peers may have seen. */
  get published(): number {
    return this.#taken().published
  }

  /**
   * Replaces the current id, since a peer has more of it than we do. The new id is `writer`, which `next`
   * has returned, or is drawn. `clocks` should include those of the peer, whose ids are avoided.
   */
  async mustChange(clocks: ReadonlyMap<number, number>, writer?: number): Promise<Taken> {
    const record = this.#taken()
    return this.#change(record.node, clocks, record, 'taken', writer)
  }

  /** An id for `mustChange`. It may be used at once if nothing of it is published before that. */
  next(clocks: ReadonlyMap<number, number>): number {
    const record = this.#taken()
    return writerId(record.node, nextIncarnation(record.node, clocks, record, this.#random))
  }

  /**
   * Records that peers may see the own clock up to `clock`. Resolves when that is on disk, at once if it
   * was recorded before. Calls that wait at the same time share one write. Does nothing if `writer` is
   * not the current one any more.
   */
  async publish(clock: number, writer?: number): Promise<void> {
    if (!Number.isSafeInteger(clock) || clock < 0) throw new TypeError(`${clock} is not a clock`)
    const { node, incarnation, published } = this.#taken()
    if (writer !== undefined && writer !== writerId(node, incarnation)) return
    if (published >= clock) return
    this.#reached = Math.max(this.#reached, clock)
    await this.#inTurn(async () => {
      const record = this.#record
      if (record?.incarnation !== incarnation || record.published >= clock) return
      await this.#write({ ...record, published: this.#reached })
    })
  }

  /** Unlocks the folder. */
  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#watch?.stop()
    await this.#writing
    try {
      await this.#lock.release()
    } catch (error) {
      throw toDiskFailure(error, `unlock "${this.#dir}"`)
    }
  }

  async #judge(
    record: WriterRecord,
    place: Place | undefined,
    node: number,
    clocks: ReadonlyMap<number, number>,
  ): Promise<WriterReason> {
    const judged = judgeWriter(record, node, clocks)
    if (judged !== 'same') return judged
    if (this.#isDistrusted) return 'lost'
    const folder = await this.#inodeOf(this.#dir)
    const file = await this.#inodeOf(join(this.#dir, FILE))
    if (place && folder && file && !isAt(place, folder, file, this.#host)) return 'copied'
    return 'same'
  }

  async #inodeOf(path: string): Promise<Inode | undefined> {
    try {
      return await this.#disk.inodeOf?.(path)
    } catch (error) {
      throw toDiskFailure(error, `look at "${path}"`)
    }
  }

  async #read(): Promise<Kept | 'first' | 'unreadable'> {
    const path = join(this.#dir, FILE)
    try {
      return parseKept(await this.#disk.read(path), path) ?? 'unreadable'
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return 'first'
      throw toDiskFailure(error, `read "${path}"`)
    }
  }

  #change(
    node: number,
    clocks: ReadonlyMap<number, number>,
    before: WriterRecord | undefined,
    reason: WriterReason,
    writer?: number,
  ): Promise<Taken> {
    return this.#inTurn(async () => {
      const incarnation =
        writer === undefined
          ? nextIncarnation(node, clocks, before, this.#random)
          : incarnationOf(writer)
      await this.#write({ node, incarnation, published: 0 })
      this.#reached = 0
      this.#isDistrusted = false
      return { writer: writerId(node, incarnation), reason }
    })
  }

  async #write(record: WriterRecord): Promise<void> {
    const encode = async (file: DiskFile): Promise<Uint8Array> => {
      const [folder, own] = [await this.#disk.inodeOf?.(this.#dir), await file.inode?.()]
      const place = folder && own && placeOf(folder, own, this.#host)
      const kept = { format: FORMAT, ...record, ...(place && { place }) }
      return new TextEncoder().encode(`${JSON.stringify(kept, null, 2)}\n`)
    }
    try {
      // Never write into a folder that has replaced ours.
      await this.#lock.check()
      await writeWhole(this.#disk, this.#dir, FILE, encode)
    } catch (error) {
      throw toDiskFailure(error, `write "${join(this.#dir, FILE)}"`)
    }
    this.#record = record
  }

  /** Runs after all earlier calls, even if they have failed. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#writing.then(run)
    this.#writing = result.then(
      () => {},
      () => {}, // `result` rejects, too
    )
    return result
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new Failure('closed', `the identity in "${this.#dir}" is not open`)
  }

  #taken(): WriterRecord {
    this.#checkOpen()
    if (!this.#record) throw new TypeError('there is no writer yet: call take first')
    return this.#record
  }
}
