/**
 * What a bench of real agents measures, in the shape in which `--json` prints it. Times are
 * milliseconds where they are quantiles, and seconds elsewhere, as their names say.
 */
import type { Machine } from '../runner/machine.ts'
import type { Used } from './processor.ts'
import type { Quantiles } from './quantiles.ts'
import type { Sample } from './samples.ts'
import type { Settings } from './settings.ts'
import type { Traffic } from './traffic.ts'

export interface Writes {
  readonly issued: number
  readonly acknowledged: number
  /** Answered with a failure, or not at all. */
  readonly failed: number
  /** Acknowledged, and yet an agent lacks it in the end: one for each such agent. */
  readonly lost: number
  /** Acknowledged, and yet a replica has not shown it: one for each such replica. */
  readonly unseen: number
  /** By how much the bench itself issued them too late. */
  readonly lateness: Quantiles
}

/** What every scenario measures. */
export interface Measured {
  readonly writes: Writes
  readonly lag: {
    /** From due to shown, for each write and other replica. */
    readonly each: Quantiles
    /** From due to shown by the last replica, for each write. */
    readonly all: Quantiles
  }
  /** From due to the answer of the agent that was asked to write. */
  readonly acknowledgement: Quantiles
  /** From the first write until the replicas were equal and their inboxes empty. */
  readonly traffic: Traffic
  /** Before the load, while no agent writes. */
  readonly idle: {
    readonly messagesPerSecond: number
    readonly bytesPerSecond: number
  }
  /** Over the same time as the traffic; null where it cannot be read. */
  readonly processorSeconds: Used | null
  /** Bytes of all agents together; null where it cannot be read. */
  readonly memory: {
    readonly start: number | null
    readonly middle: number | null
    readonly end: number | null
  }
  /** Messages unread: the most in one inbox, and in all when they should have been read, 10 s after all. */
  readonly backlog: {
    readonly max: number
    readonly last: number
  }
  /** Of the replicas, after the last write. */
  readonly equal: {
    readonly isEqual: boolean
    /** Until they were; null when they were not in time. */
    readonly seconds: number | null
  }
  /** Troubles the agents told of, by code. */
  readonly problems: Readonly<Record<string, number>>
  readonly samples: readonly Sample[]
}

/** One agent was without its daemon. `equal` of the run counts from its return. */
export interface Outage {
  readonly seconds: number
}

/** One replacement of pilotctl. */
export interface Swap {
  readonly version: string
  /** Milliseconds until the next write was shown at each peer; null: not in time. */
  readonly arrived: readonly (number | null)[]
}

/** One peer of the agent that imports. */
export interface Growth {
  readonly name: string
  /** Seconds from the start of the import; null: never. */
  readonly firstSeconds: number | null
  readonly wholeSeconds: number | null
  /** The longest time without a further key, between the first and the last. */
  readonly pauseSeconds: number
  /** Seconds since the start, and keys then. */
  readonly keys: readonly (readonly [seconds: number, keys: number])[]
}

export interface Import {
  readonly entries: number
  /** Of keys and values. */
  readonly bytes: number
  /** Until the importing agent had acknowledged all. */
  readonly seconds: number
  readonly growth: readonly Growth[]
  /** What the importing agent sent, by peer, as a multiple of `bytes`. */
  readonly sentPerPeer: number
  /** The same of all agents. */
  readonly sentByAllPerPeer: number
}

export interface Run extends Measured {
  /** Of the scenario of that name alone. */
  readonly outage?: Outage
  readonly swaps?: readonly Swap[]
  readonly import?: Import
}

/** The figures of a run in the middle of several: each number is a median of its own. */
export type MedianRun = Omit<Run, 'samples'>

/** One load. */
export interface SwarmBench {
  /** When it began, as in ISO 8601. */
  readonly date: string
  readonly machine: Machine
  readonly settings: Settings
  readonly runs: readonly Run[]
  readonly median: MedianRun
}

/** What `--loads` measures, one after another. */
export interface SwarmBenches {
  readonly loads: readonly SwarmBench[]
}
