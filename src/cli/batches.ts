/**
 * Sends many entries to the agent in `put` requests of some size, one after another over one
 * connection. While one is on its way to the disk, the next is gathered; never more.
 *
 * ```ts
 * const batches = new Batches(connection, { command: 'put', map: 'state' }, (failure) => input.destroy(failure))
 * await batches.add({ key: 'k', value: 1, place: 'line 1', size: 22 })
 * await batches.finish() // all of them are on the agent's disk
 * ```
 */
import type { RequestOf } from '../control/commands.ts'
import type { Connection } from '../control/connection.ts'
import type { Entry, EntryAbout } from '../control/entry.ts'
import { cutJson, goesOn, PIECE_CHARACTERS } from '../control/pieces.ts'
import { EntryFailure, stringify } from '../control/protocol.ts'
import { Failure, isFailure, toFailure } from '../errors.ts'

/** Entries in one request. The agent writes them in one go, and does nothing else meanwhile. */
const MAX_ENTRIES = 4_000

/**
 * Characters of their text in one request, with one entry more. A request may have 16 times as
 * many bytes: a character takes up to 3, and a number grows when 1e20 is written out.
 */
const MAX_CHARACTERS = 64 * 1024

/** Milliseconds after which what has come is sent, though more may come: somebody may type it. */
const GATHER_MS = 1_000

/** Milliseconds of silence after which an empty request keeps the connection: the agent lets idle ones go after 30 seconds. */
const KEEP_MS = 10_000

/** Milliseconds for an answer: a big agent writes its whole state to a slow disk now and then. */
const PATIENCE_MS = 60_000

export interface PlacedEntry {
  readonly key: string
  readonly value: unknown
  /** What else is said of it. */
  readonly about?: EntryAbout
  /** Where it stands, for a failure: `line 7`. */
  readonly place: string
  /** Characters of its text, more or less. */
  readonly size: number
}

/** A request to write entries, without the entries. */
export type PutRequest = Omit<RequestOf<'put'>, 'entries'>

export class Batches {
  readonly #connection: Connection
  readonly #request: PutRequest
  readonly #onFailure: (failure: Failure) => void
  readonly #timer: NodeJS.Timeout
  #gathered: PlacedEntry[] = []
  #characters = 0
  /** The request on its way; it never rejects. */
  #sending: Promise<void> | undefined
  #sentAt = performance.now()
  #failure: Failure | undefined
  #written = 0
  /** As the agent calls it. */
  #map: unknown

  /** `onFailure` is told at once: whoever waits for more input must not wait longer. */
  constructor(connection: Connection, request: PutRequest, onFailure: (failure: Failure) => void) {
    this.#connection = connection
    this.#request = request
    this.#onFailure = onFailure
    this.#timer = setInterval(() => this.#keepOn(), GATHER_MS)
  }

  /** Entries of which the agent says that they, or their beginning, are on disk. */
  get written(): number {
    return this.#written
  }

  /** Resolves when more may come; rejects with the Failure of an earlier one. */
  async add(entry: PlacedEntry): Promise<void> {
    for (const one of piecesOf(entry)) await this.#add(one)
  }

  async #add(entry: PlacedEntry): Promise<void> {
    // A long one goes alone: where it is too long, nothing else is refused with it.
    if (entry.size > MAX_CHARACTERS) await this.#sendGathered()
    this.#gathered.push(entry)
    this.#characters += entry.size
    if (this.#gathered.length < MAX_ENTRIES && this.#characters < MAX_CHARACTERS) return
    await this.#sendGathered()
    if (this.#failure) throw this.#failure
  }

  /** Resolves, with the name of the map, when all are on disk. */
  async finish(): Promise<string> {
    await this.#sending
    if (this.#gathered.length > 0 || this.#map === undefined) this.#send()
    await this.#sending
    if (this.#failure) throw this.#failure
    return String(this.#map)
  }

  /** To be called at the end, also after a failure. */
  close(): void {
    clearInterval(this.#timer)
    this.#connection.close()
  }

  /** Resolves when it is on its way, not when it is there. */
  async #sendGathered(): Promise<void> {
    await this.#sending
    if (this.#gathered.length > 0) this.#send()
  }

  #keepOn(): void {
    if (this.#sending) return
    if (this.#gathered.length > 0 || performance.now() - this.#sentAt > KEEP_MS) this.#send()
  }

  /** Nothing may be on its way. After a failure it sends nothing more. */
  #send(): void {
    if (this.#failure) return
    const batch = this.#gathered
    this.#gathered = []
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
    const { map } = await this.#connection.ask(request, PATIENCE_MS)
    this.#map = map
    this.#written += batch.filter(({ about }) => !goesOn(about)).length
  }
}

/** An entry with a kind in pieces, where it is too long for one request. */
function* piecesOf(entry: PlacedEntry): Generator<PlacedEntry> {
  const { key, value, about, place, size } = entry
  if (about === undefined || about.kind === 'part' || size <= PIECE_CHARACTERS) {
    yield entry
    return
  }
  const json = stringify(value)
  for (const { piece, ...part } of cutJson(json, about)) {
    yield { key, value: piece, about: part, place, size: piece.length }
  }
}

/** Which entry of the batch a failure is about; none for one that is about all of them. */
const placeOf = (error: unknown, batch: readonly PlacedEntry[]) => {
  const isAlone = batch.length === 1 && isFailure(error, 'invalid_argument')
  const entry = error instanceof EntryFailure ? error.entry : isAlone ? 0 : -1
  return { entry, place: batch[entry]?.place }
}
