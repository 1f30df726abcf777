/**
 * Records every struct by writer and clock, and detects a fork: two different structs under one
 * writer and clock. Yjs itself would ignore the second one silently.
 *
 * ```ts
 * const seen = new SeenStructs()
 * seen.add(update, 'a push to the peer')
 * seen.forks // ['7:12 was … in a push to the peer, and is … on the disk of the writer']
 * ```
 */
import { createHash } from 'node:crypto'
import * as Y from 'yjs'

/** Characters of a value that are kept as they are. */
const SHOWN = 80

interface Seen {
  readonly what: string
  readonly where: string
}

const idOf = (id: Y.ID | null): string => (id === null ? '-' : `${id.client}:${id.clock}`)

/** The part of the content at each clock; undefined if it was deleted, and so is unknown. */
const partsOf = (content: Y.Item['content']): readonly unknown[] | undefined => {
  if (content instanceof Y.ContentAny) return content.arr
  if (content instanceof Y.ContentString) return [...content.str]
  if (content instanceof Y.ContentJSON) return content.arr
  if (content instanceof Y.ContentBinary) return [Buffer.from(content.content).toString('base64')]
  if (content instanceof Y.ContentType) return [`a ${content.type.constructor.name}`]
  return undefined
}

/** Long values as their beginning and a digest, so that many fit into memory. */
const show = (part: unknown): string => {
  const text = JSON.stringify(part) ?? 'undefined'
  if (text.length <= SHOWN) return text
  return `${text.slice(0, SHOWN)}… (${createHash('sha256').update(text).digest('hex').slice(0, 16)})`
}

export class SeenStructs {
  readonly forks: string[] = []
  readonly writers = new Set<number>()
  readonly #seen = new Map<string, Seen>()

  /** Number of known structs, one for each clock. */
  get size(): number {
    return this.#seen.size
  }

  /** Adds the structs of a V1 update; `where` names its source. */
  add(update: Uint8Array, where: string): void {
    for (const struct of Y.decodeUpdate(update).structs) {
      this.writers.add(struct.id.client)
      if (!(struct instanceof Y.Item)) continue // collected, or a gap: has no content
      const parts = partsOf(struct.content)
      if (!parts) continue
      for (const [index, part] of parts.entries()) this.#note(struct, index, part, where)
    }
  }

  #note({ id, origin, rightOrigin }: Y.Item, index: number, part: unknown, where: string): void {
    const clock = id.clock + index
    // Each part but the first has the one before it as its origin, in one item or in two.
    const left = index === 0 ? idOf(origin) : `${id.client}:${clock - 1}`
    const what = `${show(part)} after ${left} before ${idOf(rightOrigin)}`
    const name = `${id.client}:${clock}`
    const before = this.#seen.get(name)
    if (before === undefined) this.#seen.set(name, { what, where })
    else if (before.what !== what) {
      this.forks.push(`${name} was ${before.what} in ${before.where}, and is ${what} in ${where}`)
    }
  }
}
