/**
 * Puts pieces of long values together: they come in the order of a file, some of several keys one
 * after another, and perhaps never to their end.
 *
 * ```ts
 * parts.take('state', 'big', { kind: 'part', of: 'raw', at: 0 }, '"xx')             // undefined: more follows
 * parts.take('state', 'big', { kind: 'part', of: 'raw', at: 3, end: true }, 'x"')   // { key: 'big', kind: 'raw', value: 'xxx' }
 * ```
 */
import { Failure } from '../errors.ts'
import type { RestoredEntry } from '../maps/index.ts'
import type { EntryAbout } from './entry.ts'

/** Characters of all pieces that wait for others. The longest value of an update has 64 MiB; two such may come at once. */
const MAX_WAITING = 128 * 1024 * 1024

/** Milliseconds after the last piece when those that wait are given up: an import sends one after another. */
const PATIENCE_MS = 60_000

interface Waiting {
  readonly pieces: string[]
  characters: number
}

const broken = (key: string, why: string): Failure =>
  new Failure('invalid_argument', `the parts of ${JSON.stringify(key.slice(0, 40))} ${why}`, {
    hint: 'import the file from its beginning, as it was exported',
  })

export class Parts {
  /** By map and key, the one that waits longest first. */
  readonly #waiting = new Map<string, Waiting>()
  #characters = 0
  #timer: NodeJS.Timeout | undefined

  /** The whole entry where this was its last piece. Throws a Failure for a piece that does not follow the last one. */
  take(map: string, key: string, about: EntryAbout, piece: unknown): RestoredEntry | undefined {
    const id = JSON.stringify([map, key])
    const { at = 0, of: kind, from, types, end = false } = about
    if (typeof piece !== 'string') throw broken(key, 'are not text')
    if (at === 0) this.#forget(id)
    const known = this.#waiting.get(id) ?? { pieces: [], characters: 0 }
    if (known.characters !== at) throw broken(key, 'do not follow one another')
    known.pieces.push(piece)
    known.characters += piece.length
    this.#characters += piece.length
    this.#waiting.delete(id)
    this.#waiting.set(id, known)
    if (!end) {
      this.#bound()
      return undefined
    }
    const text = known.pieces.join('')
    this.#forget(id)
    return { key, value: parse(key, text), kind, from, types }
  }

  /** Those that wait longest are given up where there are too many. */
  #bound(): void {
    for (const oldest of this.#waiting.keys()) {
      if (this.#characters <= MAX_WAITING) break
      this.#forget(oldest)
    }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#waiting.clear()
      this.#characters = 0
    }, PATIENCE_MS).unref()
  }

  #forget(id: string): void {
    this.#characters -= this.#waiting.get(id)?.characters ?? 0
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) clearTimeout(this.#timer)
  }
}

const parse = (key: string, text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw broken(key, 'together are not JSON')
    throw error
  }
}
