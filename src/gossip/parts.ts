/**
 * The parts of long answers as they come in. An answer is whole when all its parts are here,
 * in whatever order they came; only then may they be merged, as the deletes in one part belong
 * to the values in another.
 *
 * ```js
 * parts.arrive('kv', peer, { answer: 7, part: 0, more: true })    // 'more'
 * parts.arrive('kv', peer, { answer: 7, part: 1 })                // 'last'
 * ```
 */
import type { DocState, Part } from '../../crdt/index.ts'

interface Coming {
  readonly answer: number
  readonly seen: Set<number>
  /** How many there are; known once the last one is here. */
  count: number | undefined
}

export class Parts {
  readonly #coming = new Map<string, Coming>()

  /**
   * `more` while others of the same answer are to come, `last` for the one that completes it
   * (also an answer of one message), undefined for what is no answer. A new answer of the peer
   * replaces an unfinished one.
   */
  arrive(document: string, peer: string, state: DocState): Part | undefined {
    const { answer, part, more } = state
    if (answer === undefined) return undefined
    if (part === undefined) return 'last'
    const key = `${peer} ${document}`
    let coming = this.#coming.get(key)
    if (coming?.answer !== answer) {
      coming = { answer, seen: new Set(), count: undefined }
      this.#coming.set(key, coming)
    }
    coming.seen.add(part)
    if (!more) coming.count = part + 1
    if (coming.seen.size !== coming.count) return 'more'
    this.#coming.delete(key)
    return 'last'
  }

  forget(document: string): void {
    for (const key of this.#coming.keys()) {
      if (key.endsWith(` ${document}`)) this.#coming.delete(key)
    }
  }
}
