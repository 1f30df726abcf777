/**
 * Joins the chunks of long values. They come in the order of a file; chunks of several keys may
 * alternate, and the last one may never come.
 *
 * ```ts
 * parts.take('state', 'big', { kind: 'part', of: 'raw', at: 0 }, '"xx')             // undefined: more follows
 * parts.take('state', 'big', { kind: 'part', of: 'raw', at: 3, end: true }, 'x"')   // { key: 'big', kind: 'raw', value: 'xxx' }
 * ```
 */
import { Failure } from '../errors.ts'
import type { RestoredEntry } from '../maps/index.ts'
import type { EntryAbout } from './entry.ts'

/** Characters of all chunks that wait for others. The longest value of an update has 64 MiB; two such may come at once. */
const MAX_WAITING = 128 * 1024 * 1024

/** Milliseconds after the last chunk when waiting ones are dropped: an import sends them without a pause. */
const MAX_GAP_MS = 60_000

interface Waiting {
  readonly chunks: string[]
  characters: number
}

const broken = (key: string, why: string): Failure =>
  new Failure('invalid_argument', `the parts of ${JSON.stringify(key.slice(0, 40))} ${why}`, {
    hint: 'import the file from its beginning, as it was exported',
  })

export class Parts {
  /** By map and key, the oldest first. */
  readonly #waiting = new Map<string, Waiting>()
  #characters = 0
  #timer: NodeJS.Timeout | undefined

  /** The whole entry if this was its last chunk. Throws a Failure for a chunk that does not follow the one before. */
  take(map: string, key: string, about: EntryAbout, chunk: unknown): RestoredEntry | undefined {
    const id = JSON.stringify([map, key])
    const { at = 0, of: kind, from, types, end = false } = about
    if (typeof chunk !== 'string') throw broken(key, 'are not text')
    if (at === 0) this.#forget(id)
    const known = this.#waiting.get(id) ?? { chunks: [], characters: 0 }
    if (known.characters !== at) throw broken(key, 'do not follow one another')
    known.chunks.push(chunk)
    known.characters += chunk.length
    this.#characters += chunk.length
    this.#waiting.delete(id)
    this.#waiting.set(id, known)
    if (!end) {
      this.#bound()
      return undefined
    }
    const text = known.chunks.join('')
    this.#forget(id)
    return { key, value: parse(key, text), kind, from, types }
  }

  /** Drops the oldest if there are too many. */
  #bound(): void {
    for (const oldest of this.#waiting.keys()) {
      if (this.#characters <= MAX_WAITING) break
      this.#forget(oldest)
    }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#waiting.clear()
      this.#characters = 0
    }, MAX_GAP_MS).unref()
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
