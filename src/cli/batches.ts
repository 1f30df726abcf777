/**
 * Sends many entries to the agent in `put` requests of some size, one after another over one
 * connection. While the agent writes one to disk, the next fills up, and no more than that.
 *
 * ```ts
 * const batches = new Batches(connection, { command: 'put', map: 'state' }, (failure) => input.destroy(failure))
 * await batches.add({ key: 'k', value: 1, place: 'line 1', size: 22 })
 * await batches.finish() // all of them are on the agent's disk
 * ```
 */

import { cutJson, isContinuation, MAX_CHUNK_CHARACTERS } from '../control/chunks.ts'
import type { RequestOf } from '../control/commands.ts'
import type { Connection } from '../control/connection.ts'
import type { Entry, EntryAbout } from '../control/entry.ts'
import { EntryFailure, stringify } from '../control/protocol.ts'
import { Failure, isFailure, toFailure } from '../errors.ts'

/** Entries in one request. The agent does nothing else while it writes them. */
const MAX_ENTRIES = 4_000

/**
 * Characters of their text in one request, give or take an entry. A request may have 16 times as
 * many bytes: a character takes up to 3, and a number grows when 1e20 is written out.
 */
const MAX_CHARACTERS = 64 * 1024

/** Milliseconds after which a batch is sent though it is not full: a person may be typing the input. */
const BATCH_MS = 1_000

/** Milliseconds of silence after which an empty request keeps the connection alive: the agent closes idle ones after 30 seconds. */
const KEEP_ALIVE_MS = 10_000

/** Milliseconds for an answer: a large agent now and then writes its whole state to a slow disk. */
const ANSWER_MS = 60_000

export interface PlacedEntry {
  readonly key: string
  readonly value: unknown
  /** The note on its kind. */
  readonly about?: EntryAbout
  /** Its place in the input, for a failure: `line 7`. */
  readonly place: string
  /** Approximate characters of its text. */
  readonly size: number
}

/** A request to write entries, without the entries. */
export type PutRequest = Omit<RequestOf<'put'>, 'entries'>

export class Batches {
  readonly #connection: Connection
  readonly #request: PutRequest
  readonly #onFailure: (failure: Failure) => void
  readonly #timer: NodeJS.Timeout
  #batch: PlacedEntry[] = []
  #characters = 0
  /** The request in flight; it never rejects. */
  #sending: Promise<void> | undefined
  #sentAt = performance.now()
  #failure: Failure | undefined
  #written = 0
  /** The map's name in the agent's answers. */
  #map: unknown

  /** `onFailure` is called at once: a caller that waits for more input must stop waiting. */
  constructor(connection: Connection, request: PutRequest, onFailure: (failure: Failure) => void) {
    this.#connection = connection
    this.#request = request
    this.#onFailure = onFailure
    this.#timer = setInterval(() => this.#tick(), BATCH_MS)
  }

  /** Entries that the agent has on disk, or at least their beginning. */
  get written(): number {
    return this.#written
  }

  /** Resolves when the next entry may be added; rejects with the Failure of an earlier one. */
  async add(entry: PlacedEntry): Promise<void> {
    for (const one of chunksOf(entry)) await this.#add(one)
  }

  async #add(entry: PlacedEntry): Promise<void> {
    // A long one goes alone, so that no other entry is refused with it.
    if (entry.size > MAX_CHARACTERS) await this.#sendBatch()
    this.#batch.push(entry)
    this.#characters += entry.size
    if (this.#batch.length < MAX_ENTRIES && this.#characters < MAX_CHARACTERS) return
    await this.#sendBatch()
    if (this.#failure) throw this.#failure
  }

  /** Resolves with the name of the map when all entries are on disk. */
  async finish(): Promise<string> {
    await this.#sending
    if (this.#batch.length > 0 || this.#map === undefined) this.#send()
    await this.#sending
    if (this.#failure) throw this.#failure
    return String(this.#map)
  }

  /** Call it at the end, also after a failure. */
  close(): void {
    clearInterval(this.#timer)
    this.#connection.close()
  }

  /** Resolves when the batch is in flight, not when it has arrived. */
  async #sendBatch(): Promise<void> {
    await this.#sending
    if (this.#batch.length > 0) this.#send()
  }

  #tick(): void {
    if (this.#sending) return
    if (this.#batch.length > 0 || performance.now() - this.#sentAt > KEEP_ALIVE_MS) this.#send()
  }

  /** No request may be in flight. After a failure it sends nothing more. */
  #send(): void {
    if (this.#failure) return
    const batch = this.#batch
    this.#batch = []
    this.#characters = 0
    this.#sentAt = performance.now()
    this.#sending = this.#put(batch)
      .catch((error) => {
        this.#failure = toFailure(error)
        this.#onFailure(this.#failure)
      })
      .finally(() => {
        this.#sending = undefined
      })
  }

  async #put(batch: readonly PlacedEntry[]): Promise<void> {
    try {
      await this.#write(batch)
    } catch (error) {
      const { entry, place } = placeOf(error, batch)
      if (place === undefined) throw error
      if (entry > 0) await this.#write(batch.slice(0, entry))
      const { code, message, hint } = error as Failure
      throw new Failure(code, `${place}: ${message}`, { hint, cause: error })
    }
  }

  async #write(batch: readonly PlacedEntry[]): Promise<void> {
    const entries = batch.map(
      ({ key, value, about }): Entry => (about ? [key, value, about] : [key, value]),
    )
    const request = { ...this.#request, entries }
    const { map } = await this.#connection.ask(request, ANSWER_MS)
    this.#map = map
    this.#written += batch.filter(({ about }) => !isContinuation(about)).length
  }
}

/** An entry with a kind, in chunks if it is too long for one request. */
function* chunksOf(entry: PlacedEntry): Generator<PlacedEntry> {
  const { key, value, about, place, size } = entry
  if (about === undefined || about.kind === 'part' || size <= MAX_CHUNK_CHARACTERS) {
    yield entry
    return
  }
  const json = stringify(value)
  for (const { chunk, ...part } of cutJson(json, about)) {
    yield { key, value: chunk, about: part, place, size: chunk.length }
  }
}

/** The entry of the batch that a failure is about; none if it is about all of them. */
const placeOf = (error: unknown, batch: readonly PlacedEntry[]) => {
  const isAlone = batch.length === 1 && isFailure(error, 'invalid_argument')
  const entry = error instanceof EntryFailure ? error.entry : isAlone ? 0 : -1
  return { entry, place: batch[entry]?.place }
}
