/**
 * What was written by whom, when it was due, when it was acknowledged, and when each replica
 * showed it: the facts that lag is computed from.
 *
 * ```ts
 * const journal = new Journal({ agents: 2, valueBytes: 20, isHot: false })
 * const write = journal.issue(0, performance.now())
 * journal.see(1, write.key, write.value, performance.now())
 * ```
 */

/** The map that is written to. */
export const MAP = 'bench'

export interface Write {
  readonly agent: number
  /** Its place among those of the agent, from 0. */
  readonly count: number
  readonly key: string
  readonly value: string
  /** `performance.now()` when it was to be issued; lag counts from here. */
  readonly due: number
  acknowledged: number | undefined
  /** The code of the failure that it was answered with. */
  failed: string | undefined
  /** When each replica showed it; undefined at its writer's and where it has not come. */
  readonly seen: (number | undefined)[]
}

export interface JournalOptions {
  readonly agents: number
  readonly valueBytes: number
  /** Does each agent write one key again and again? */
  readonly isHot: boolean
}

const KEY = /^w(\d+)(?::(\d+))?$/

/** A value of that many bytes that says which write it is of. */
const textOf = (count: number, bytes: number): string => `${count}:`.padEnd(bytes, 'x')

export class Journal {
  /** By agent, in the order in which they were issued. */
  readonly byAgent: readonly Write[][]
  readonly #options: JournalOptions
  /** Hot keys: by replica and agent, how many of its writes that replica has shown. */
  readonly #shown: number[][]

  constructor(options: JournalOptions) {
    const { agents } = options
    this.#options = options
    this.byAgent = Array.from({ length: agents }, () => [])
    this.#shown = Array.from({ length: agents }, () => Array<number>(agents).fill(0))
  }

  get writes(): readonly Write[] {
    return this.byAgent.flat()
  }

  issue(agent: number, due: number): Write {
    const { agents, valueBytes, isHot } = this.#options
    const own = this.byAgent[agent] as Write[]
    const count = own.length
    const write: Write = {
      agent,
      count,
      key: isHot ? `w${agent}` : `w${agent}:${count}`,
      value: textOf(count, valueBytes),
      due,
      acknowledged: undefined,
      failed: undefined,
      seen: Array<undefined>(agents).fill(undefined),
    }
    own.push(write)
    return write
  }

  /** A replica shows a key with a value. Of a key that is overwritten it shows all earlier ones too. */
  see(replica: number, key: string, value: unknown, time: number): void {
    const agent = Number(KEY.exec(key)?.[1])
    const own = this.byAgent[agent]
    const count = Number.parseInt(String(value), 10)
    if (own === undefined || agent === replica || Number.isNaN(count)) return
    const shown = this.#shown[replica] as number[]
    const first = this.#options.isHot ? (shown[agent] as number) : count
    for (let at = first; at <= count; at++) {
      const write = own[at]
      if (write) write.seen[replica] ??= time
    }
    shown[agent] = Math.max(shown[agent] as number, count + 1)
  }

  /** Acknowledged writes that some replica has not shown, one for each such replica. */
  get unseen(): number {
    let count = 0
    for (const write of this.writes) {
      if (write.acknowledged === undefined) continue
      for (const [replica, time] of write.seen.entries()) {
        if (replica !== write.agent && time === undefined) count++
      }
    }
    return count
  }

  /** Keys with the value that each must have in the end, of what was acknowledged. */
  expected(): Map<string, string> {
    const acknowledged = this.writes.filter((write) => write.acknowledged !== undefined)
    return new Map(acknowledged.map(({ key, value }) => [key, value]))
  }
}
