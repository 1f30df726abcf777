/**
 * The ledger of a run: every write, and which writes to the same key its writer had seen. At the end a
 * key must hold one of its newest writes, which are those that no other write to the key had seen. A
 * key with any other value, or with different values at different agents, has lost a write. Both rules
 * are measured this way.
 *
 * ```js
 * ledger.note(step, 'key3', seen)          // returns the value to write
 * ledger.lost([agentA.toJSON(), agentB.toJSON()])
 * ```
 */
export type Values = Readonly<Record<string, unknown>>

interface Entry {
  readonly key: string
  readonly isDelete: boolean
}

export class Ledger {
  readonly #entries = new Map<string, Entry>()
  /** Writes that another write to the same key had seen. */
  readonly #seen = new Set<string>()

  /** The number of recorded writes. */
  get size(): number {
    return this.#entries.size
  }

  /** Records a write of an agent that saw the value `visible` at the key. Returns the value to write. */
  note(write: number, key: string, visible: unknown, isDelete: boolean): string {
    const value = `write ${write}`
    this.#entries.set(value, { key, isDelete })
    // The predecessors of `visible` were recorded as seen when it was written.
    if (typeof visible === 'string') this.#seen.add(visible)
    return value
  }

  /** The keys that have lost a write if these are the final values of the agents. */
  lost(agents: readonly Values[]): string[] {
    const newest = new Map<string, Set<unknown>>()
    for (const [value, { key, isDelete }] of this.#entries) {
      if (this.#seen.has(value)) continue
      const values = newest.get(key) ?? new Set()
      values.add(isDelete ? undefined : value)
      newest.set(key, values)
    }
    const lost: string[] = []
    for (const [key, values] of newest) {
      const ends = new Set(agents.map((agent) => agent[key]))
      const [end] = ends
      if (ends.size !== 1 || !values.has(end)) lost.push(key)
    }
    return lost
  }
}
