/**
 * One agent's mailbox on disk. Any sender puts files into it, only its owner takes them out.
 *
 *     DIR/ADDRESS/new/      messages, one file each
 *     DIR/ADDRESS/tmp/      messages being written; renamed into new/ when whole
 *     DIR/ADDRESS/damaged/  files that are no message of ours, put aside for you to see
 *     DIR/ADDRESS/lock      who reads this mailbox; without a living one it is found by nobody
 *
 * ```ts
 * const box = new Box('/tmp/swarm', 'b')
 * await box.validateRoom(5, 1000) // rejects with `not_found`, `inbox_full`
 * await box.put('001790000000000-000000-1f2e3d4c-5-a.msg', Buffer.from('hello'))
 * ```
 *
 * But for those Failures it rejects with the system's errors. A message is on disk as soon as
 * the operating system says so, without `fsync`: the crash of a process loses and halves
 * nothing; a power cut may lose messages, and one that it left too short is put aside.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '../errors.ts'
import { parseName } from './message-file.ts'

/** Bytes of all messages that wait in one mailbox, as a Pilot daemon keeps by default: disk, not memory. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024

/** Milliseconds. Writing takes far less; what is older was left by a writer that died. */
const STALE_MS = 10 * 60 * 1000

const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException).code

export class Box {
  readonly path: string
  readonly #dir: string
  readonly #address: string
  #swept = 0

  /** `dir` is the swarm's folder, `address` a valid one: it becomes the name of a folder. */
  constructor(dir: string, address: string) {
    this.path = join(dir, address)
    this.#dir = dir
    this.#address = address
  }

  /** Where messages wait. */
  get inbox(): string {
    return join(this.path, 'new')
  }

  get #drafts(): string {
    return join(this.path, 'tmp')
  }

  /** Makes the folders that are missing. */
  async make(): Promise<void> {
    await mkdir(this.inbox, { recursive: true })
    await mkdir(this.#drafts, { recursive: true })
  }

  /** Rejects where it does not take `bytes` more, or holds `maxWaiting` messages already. */
  async validateRoom(bytes: number, maxWaiting: number): Promise<void> {
    let names: string[]
    try {
      names = await readdir(this.inbox)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      throw new Failure('not_found', `no agent has opened "${this.#address}" in "${this.#dir}"`, {
        hint: 'Start it there first, or see whether both use the same folder.',
      })
    }
    const waiting = names.reduce((sum, name) => sum + (parseName(name)?.bytes ?? 0), 0)
    if (names.length >= maxWaiting || waiting + bytes > MAX_WAITING_BYTES) {
      throw new Failure(
        'inbox_full',
        `the mailbox "${this.#address}" holds ${names.length} messages of ${waiting} bytes already`,
        { hint: 'Send again when its agent runs and has read them.' },
      )
    }
  }

  /** Lays a message in, whole or not at all. */
  async put(name: string, content: Buffer): Promise<void> {
    const written = join(this.#drafts, name)
    try {
      await this.#write(written, content)
      await rename(written, join(this.inbox, name))
    } catch (error) {
      await rm(written, { force: true })
      throw error
    }
  }

  async #write(path: string, content: Buffer): Promise<void> {
    try {
      await writeFile(path, content, { flag: 'wx' })
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      await mkdir(this.#drafts) // removed by somebody who took it for rubbish
      await writeFile(path, content, { flag: 'wx' })
    }
  }

  /** Takes out a message that was read. */
  async remove(name: string): Promise<void> {
    await rm(join(this.inbox, name), { force: true })
  }

  /** Where `putAside` leaves a file. */
  asideOf(name: string): string {
    return join(this.path, 'damaged', name)
  }

  async putAside(name: string): Promise<void> {
    await mkdir(join(this.path, 'damaged'), { recursive: true })
    await rename(join(this.inbox, name), this.asideOf(name))
  }

  /** Is it so long since the last `sweep` that something may be stale again? */
  get isToSweep(): boolean {
    return Date.now() - this.#swept > STALE_MS
  }

  /** Removes what died writers left half written. */
  async sweep(): Promise<void> {
    this.#swept = Date.now()
    await mkdir(this.#drafts, { recursive: true })
    for (const name of await readdir(this.#drafts)) {
      const path = join(this.#drafts, name)
      const found = await stat(path).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return undefined // its writer renamed it just now
        throw error
      })
      if (found && this.#swept - found.mtimeMs > STALE_MS) await rm(path, { force: true })
    }
  }
}
