/**
 * The last changes of the maps that were asked for, so that a model can catch up: each change has a
 * number, and a cursor says up to which one it knows.
 *
 * ```ts
 * const changes = new Changes(backend)
 * const { cursor } = await changes.since('state', undefined, 100, 64_000)
 * await changes.since('state', cursor, 100, 64_000)     // { changes: […], cursor, isComplete: true }
 * ```
 */
import { randomUUID } from 'node:crypto'
import type { Fields } from '../control/protocol.ts'
import { invalid } from '../errors.ts'
import type { Backend } from './backend.ts'

/** Changes of a map that are kept. A model that is away for longer lists the map again. */
const MAX_CHANGES = 1_000

/** Characters of their JSON: values may be large. */
const MAX_CHARACTERS = 4 * 2 ** 20

/** Maps that are followed: each is a connection to the agent. */
const MAX_MAPS = 64

interface Kept {
  readonly number: number
  readonly change: Fields
  readonly characters: number
}

export interface ChangesSince {
  readonly changes: readonly Fields[]
  /** Give it to the next call. */
  readonly cursor: string
  /** Are there more than these? */
  readonly hasMore: boolean
  /** False: some were missed, as after a restart. List the map to see what is there. */
  readonly isComplete: boolean
}

class Followed {
  /** Of this start of the watch: a cursor of another one knows nothing here. */
  readonly epoch = randomUUID().slice(0, 8)
  readonly #kept: Kept[] = []
  #characters = 0
  #last = 0
  isOver = false
  end: () => void = () => undefined

  add(change: Fields): void {
    const characters = JSON.stringify(change).length
    this.#kept.push({ number: ++this.#last, change, characters })
    this.#characters += characters
    while (this.#kept.length > MAX_CHANGES || this.#characters > MAX_CHARACTERS) {
      const first = this.#kept.shift()
      if (!first) break
      this.#characters -= first.characters
    }
  }

  since(cursor: string | undefined, limit: number, maxCharacters: number): ChangesSince {
    const known = cursor === undefined ? this.#last : numberOf(cursor, this.epoch)
    const from = known ?? 0
    const left = this.#kept.filter(({ number }) => number > from)
    const given: Kept[] = []
    let characters = 0
    for (const one of left) {
      characters += one.characters
      if (given.length === limit || (given.length > 0 && characters > maxCharacters)) break
      given.push(one)
    }
    const oldest = this.#last - this.#kept.length
    const last = given.at(-1)?.number ?? Math.max(from, oldest)
    return {
      changes: given.map(({ change }) => change),
      cursor: `${this.epoch}.${last}`,
      hasMore: given.length < left.length,
      isComplete: known !== undefined && known >= oldest,
    }
  }
}

/** The number in a cursor; undefined if it is of another start. */
const numberOf = (cursor: string, epoch: string): number | undefined => {
  const [, of, number] = /^([\da-f]{8})\.(\d{1,15})$/.exec(cursor) ?? []
  if (of === undefined)
    throw invalid(`"${cursor}" is no cursor`, 'give one that watch_since returned')
  return of === epoch ? Number(number) : undefined
}

export class Changes {
  readonly #backend: Backend
  readonly #maps = new Map<string, Promise<Followed>>()
  readonly #onChange: (map: string, change: Fields) => void

  constructor(backend: Backend, onChange: (map: string, change: Fields) => void = () => undefined) {
    this.#backend = backend
    this.#onChange = onChange
  }

  /** Begins to follow the map, if it does not yet. Rejects with the agent's Failure. */
  async follow(map: string): Promise<void> {
    await this.#followed(map)
  }

  /** Changes after the cursor; without one those from now on. Throws a Failure (invalid_argument) for what is no cursor. */
  async since(
    map: string,
    cursor: string | undefined,
    limit: number,
    maxCharacters: number,
  ): Promise<ChangesSince> {
    return (await this.#followed(map)).since(cursor, limit, maxCharacters)
  }

  #followed(map: string): Promise<Followed> {
    const found = this.#maps.get(map)
    if (found) return found
    if (this.#maps.size >= MAX_MAPS)
      throw invalid(`${MAX_MAPS} maps are followed already`, 'use fewer maps')
    const begun = this.#begin(map)
    this.#maps.set(map, begun)
    begun.catch(() => this.#maps.delete(map))
    return begun
  }

  async #begin(map: string): Promise<Followed> {
    const followed = new Followed()
    const take = (change: Fields): void => {
      followed.add(change)
      this.#onChange(map, change)
    }
    // The next call begins anew, with cursors that tell that something was missed.
    await this.#backend.watch({ command: 'watch', map }, take, () => this.#maps.delete(map))
    return followed
  }
}
