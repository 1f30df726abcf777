/**
 * What a bench of real agents measures, in the shape that `--json` prints. Quantiles are in
 * milliseconds; other times are in seconds and named so.
 */
import type { Machine } from '../runner/machine.ts'
import type { Quantiles } from '../runner/stats.ts'
import type { Lags } from './journal.ts'
import type { Used } from './processor.ts'
import type { Sample } from './samples.ts'
import type { Settings } from './settings.ts'
import type { Traffic } from './traffic.ts'

export interface Writes {
  readonly issued: number
  readonly acknowledged: number
  /** Refused, or not answered. */
  readonly failed: number
  /** Pairs of an acknowledged write and an agent that lacks it at the end. */
  readonly lost: number
  /** Pairs of an acknowledged write and a replica that has not shown it. */
  readonly unseen: number
  /** By how much the bench itself issued them late. */
  readonly lateness: Quantiles
}

/** What every scenario measures. */
export interface Measured {
  readonly writes: Writes
  readonly lag: Lags
  /** From due to the answer of the writing agent. */
  readonly acknowledgement: Quantiles
  /** From the first write until the replicas are equal and their inboxes empty. */
  readonly traffic: Traffic
  /** Before the load. */
  readonly idle: {
    readonly messagesPerSecond: number
    readonly bytesPerSecond: number
  }
  /** Over the same time as the traffic; null if unknown. */
  readonly processorSeconds: Used | null
  /** Bytes of all agents together; null if unknown. */
  readonly memory: Readonly<Record<'start' | 'middle' | 'end', number | null>>
  /** Unread messages: the most in one inbox, and in all inboxes 10 s after the end. */
  readonly backlog: {
    readonly max: number
    readonly last: number
  }
  /** Of the replicas after the last write; null if they were not equal in time. */
  readonly equal: {
    readonly isEqual: boolean
    readonly seconds: number | null
  }
  /** Warnings of the agents by code. */
  readonly problems: Readonly<Record<string, number>>
  readonly samples: readonly Sample[]
}

/** One replacement of pilotctl. */
export interface Swap {
  readonly version: string
  /** Milliseconds until each peer showed the next write; null: not in time. */
  readonly arrived: readonly (number | null)[]
}

/** One peer of the importing agent. Seconds count from the start of the import; null: never. */
export interface Growth {
  readonly name: string
  readonly firstSeconds: number | null
  readonly wholeSeconds: number | null
  /** The longest time without a further key, between the first and the last. */
  readonly pauseSeconds: number
  readonly keys: readonly (readonly [seconds: number, keys: number])[]
}

export interface Import {
  readonly entries: number
  /** Of keys and values. */
  readonly bytes: number
  /** Until the importing agent has acknowledged everything. */
  readonly seconds: number
  readonly growth: readonly Growth[]
  /** What the importing agent sent for each peer, as a multiple of `bytes`. */
  readonly sentPerPeer: number
  /** The same for all agents. */
  readonly sentByAllPerPeer: number
}

export interface Run extends Measured {
  /** In the scenario of that name alone; `equal` then counts from the daemon's return. */
  readonly outage?: { readonly seconds: number }
  readonly swaps?: readonly Swap[]
  readonly import?: Import
}

/** Each number is a median of its own. */
export type MedianRun = Omit<Run, 'samples'>

/** One load. */
export interface SwarmBench {
  /** Its beginning, in ISO 8601. */
  readonly date: string
  readonly machine: Machine
  readonly settings: Settings
  readonly runs: readonly Run[]
  readonly median: MedianRun
}

export interface SwarmBenches {
  readonly loads: readonly SwarmBench[]
}
