/**
 * The ledger of a run: every write, and which writes to the same key its writer had seen. From
 * it follows what may be under a key at the end: one of its newest writes, those that no other
 * write to the key had seen. A key that ends with anything else, or with different values at
 * different agents, has lost a write. The same measure is put to both rules.
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

  /** Writes noted so far. */
  get size(): number {
    return this.#entries.size
  }

  /** Notes a write by somebody who saw the value `visible` under the key; returns the value that names it. */
  note(write: number, key: string, visible: unknown, isDelete: boolean): string {
    const value = `write ${write}`
    this.#entries.set(value, { key, isDelete })
    // What came before `visible` was noted as seen when that was written.
    if (typeof visible === 'string') this.#seen.add(visible)
    return value
  }

  /** Keys that have lost a write, when the swarm ends with these values, one object for each agent. */
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
