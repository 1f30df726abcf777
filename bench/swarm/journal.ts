/**
 * All writes: when each was due, when it was acknowledged, and when each replica showed it. Lags are
 * computed from these facts.
 *
 * ```ts
 * const journal = new Journal({ agents: 2, valueBytes: 20, isHot: false })
 * const write = journal.issue(0, performance.now())
 * journal.see(1, write.key, write.value, performance.now())
 * lagsOf(journal.writes, performance.now()).each.p50 // milliseconds
 * ```
 */
import { type Quantiles, quantilesOf } from '../runner/stats.ts'

/** The map that is written. */
export const MAP = 'bench'

export interface Write {
  readonly agent: number
  readonly key: string
  readonly value: string
  /** `performance.now()` when it was to be issued: lag counts from here. */
  readonly due: number
  acknowledged: number | undefined
  /** The code of the failure that answered it. */
  failed: string | undefined
  /** When each replica showed it; undefined for the writer's and until it arrives. */
  readonly seen: (number | undefined)[]
}

export interface JournalOptions {
  readonly agents: number
  readonly valueBytes: number
  /** Does each agent overwrite one key? */
  readonly isHot: boolean
}

const KEY = /^w(\d+)(?::(\d+))?$/

export class Journal {
  readonly #byAgent: readonly Write[][]
  readonly #options: JournalOptions
  /** For hot keys: by replica and agent, the writes that the replica has shown. */
  readonly #shown: number[][]

  constructor(options: JournalOptions) {
    const { agents } = options
    this.#options = options
    this.#byAgent = Array.from({ length: agents }, () => [])
    this.#shown = Array.from({ length: agents }, () => Array<number>(agents).fill(0))
  }

  /** By agent, in the order in which they were issued. */
  get writes(): readonly Write[] {
    return this.#byAgent.flat()
  }

  issue(agent: number, due: number): Write {
    const { agents, valueBytes, isHot } = this.#options
    const own = this.#byAgent[agent] as Write[]
    const write: Write = {
      agent,
      key: isHot ? `w${agent}` : `w${agent}:${own.length}`,
      // The number shows which write the value belongs to.
      value: `${own.length}:`.padEnd(valueBytes, 'x'),
      due,
      acknowledged: undefined,
      failed: undefined,
      seen: Array<undefined>(agents).fill(undefined),
    }
    own.push(write)
    return write
  }

  /** A replica shows a value of a key. A value of a hot key also shows all earlier ones. */
  see(replica: number, key: string, value: unknown, time: number): void {
    const agent = Number(KEY.exec(key)?.[1])
    const own = this.#byAgent[agent]
    const count = Number.parseInt(String(value), 10)
    if (own === undefined || agent === replica || Number.isNaN(count)) return
    const shown = this.#shown[replica] as number[]
    for (let at = this.#options.isHot ? (shown[agent] as number) : count; at <= count; at++) {
      const write = own[at]
      if (write) write.seen[replica] ??= time
    }
    shown[agent] = Math.max(shown[agent] as number, count + 1)
  }

  get acknowledged(): readonly Write[] {
    return this.writes.filter((write) => write.acknowledged !== undefined)
  }

  /** Pairs of an acknowledged write and a replica that has not shown it. */
  get unseen(): number {
    const lacking = this.acknowledged.flatMap(({ agent, seen }) =>
      seen.filter((time, replica) => replica !== agent && time === undefined),
    )
    return lacking.length
  }

  /** The keys of acknowledged writes with the value that each must have at the end. */
  expected(): Map<string, string> {
    return new Map(this.acknowledged.map(({ key, value }) => [key, value]))
  }
}

/** Milliseconds from due to shown. */
export interface Lags {
  /** For each write and other replica. */
  readonly each: Quantiles
  /** Until the last replica, for each write. */
  readonly all: Quantiles
}

/**
 * Of acknowledged writes. A write that a replica has not shown counts as shown at `now`: leaving it
 * out would make a lost write look fast. `isMeasured` excludes replicas.
 */
export const lagsOf = (
  writes: readonly Write[],
  now: number,
  isMeasured: (replica: number) => boolean = () => true,
): Lags => {
  const byWrite = writes
    .filter((write) => write.acknowledged !== undefined)
    .map(({ agent, due, seen }) =>
      seen
        .filter((_, replica) => replica !== agent && isMeasured(replica))
        .map((time) => (time ?? now) - due),
    )
  return {
    each: quantilesOf(byWrite.flat()),
    all: quantilesOf(byWrite.map((times) => Math.max(...times))),
  }
}

/** Milliseconds from due to the answer. */
export const acknowledgementsOf = (writes: readonly Write[]): Quantiles =>
  quantilesOf(
    writes.flatMap(({ due, acknowledged }) =>
      acknowledged === undefined ? [] : acknowledged - due,
    ),
  )
