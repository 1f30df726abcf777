/**
 * What must come out of writes that were made without knowing of each other: for each key the
 * one that wins by the layout's rule. After an exchange all know all, and whoever writes then wins.
 *
 * ```ts
 * const winners = new Winners(hot)
 * winners.note({ writer: 0, key: 'k', value: 1 })
 * winners.exchanged()
 * winners.values      // Map { 'k' => 1 }
 * ```
 */
import type { Value } from '../engines/engine.ts'
import type { Layout, Write } from '../engines/layouts.ts'

export class Winners {
  readonly values = new Map<string, Value>()
  readonly #layout: Layout
  readonly #rivals = new Map<string, Write>()

  constructor(layout: Layout) {
    this.#layout = layout
  }

  note(write: Write): void {
    const rival = this.#rivals.get(write.key)
    if (rival && rival.writer !== write.writer && !this.#layout.laterWins(write, rival)) return
    this.#rivals.set(write.key, write)
    this.values.set(write.key, write.value)
  }

  exchanged(): void {
    this.#rivals.clear()
  }
}
