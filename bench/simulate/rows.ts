/**
 * The figures of a run: medians over all swarms and writes, as they are shown, judged and printed
 * as JSON. A number is null if it is infinite: never reached, not converged.
 *
 * ```ts
 * const row = writeRow(writes, 0, 20, settings)
 * ```
 */
import { medianOf, quantileOf, sumOf } from '../runner/stats.ts'
import type { Recovery } from './faults.ts'
import type { Rates } from './rates.ts'
import type { Settings } from './settings.ts'
import { allReached, fetchedCopies, leftOutShare, pushPullRounds, pushRounds } from './theory.ts'
import { type Cost, SHARES, type Write } from './write.ts'

export type Finite = number | null

/** See `theory.ts`. */
export interface Theory {
  readonly pushRounds: number
  readonly pushPullRounds: number
  /** Shares: by the pushes alone, and if each later digest counts as one more. */
  readonly leftOutByPush: number
  readonly leftOutByEcho: number
  readonly allReached: number
  readonly fetchedCopies: number
}

/** Writes of one size in swarms with one loss. */
export interface WriteRow extends Cost {
  readonly loss: number
  readonly size: number
  /** Measured writes. */
  readonly writes: number
  /** Milliseconds until 50, 90, 99 and 100 % had it, without rounds. */
  readonly ms: readonly Finite[]
  /** The same for each hundredth. */
  readonly curve: readonly Finite[]
  /** Hops until these shares had it, repair included. */
  readonly hops: readonly number[]
  /** Hops until all nodes had it: mean, and maximum of 99 % of the writes. */
  readonly hopsMean: number
  readonly hopsMost: number
  /** Mean share of nodes left out before the first round. */
  readonly leftOut: number
  /** Of all writes. */
  readonly leftOutAfterTwo: number
  /** Writes that needed repair, and the time it took. */
  readonly repaired: number
  readonly repairMs: Finite
  /** Rounds until all nodes had it: mean, and maximum of 99 % of the writes. */
  readonly roundsMean: number
  readonly roundsMost: number
  readonly theory: Theory
}

/** Traffic of one node per second. */
export interface RateRow {
  readonly loss: number
  readonly size: number
  readonly idleMessages: number
  readonly idleBytes: number
  readonly loadMessages: number
  readonly loadBytes: number
  /** Milliseconds until 99 % had a write of the load: median, and maximum of 99 %. */
  readonly loadMs: Finite
  readonly loadMsMost: Finite
}

export interface FaultRow {
  readonly loss: number
  readonly fault: 'partition' | 'churn'
  readonly nodes: number
  readonly writes: number
  /** Milliseconds from the end of the fault: median and maximum. */
  readonly ms: Finite
  readonly msMost: Finite
  readonly rounds: Finite
}

/** The cost of one write, by the number of past writers. */
export interface WritersRow {
  readonly writers: number
  readonly loss: number
  readonly size: number
  readonly bytes: number
  readonly messages: number
}

export interface Figures {
  readonly writes: readonly WriteRow[]
  readonly rates: readonly RateRow[]
  readonly faults: readonly FaultRow[]
  readonly writers: readonly WritersRow[]
}

const finite = (number: number): Finite => (Number.isFinite(number) ? number : null)

const meanOf = (numbers: readonly number[]): number => sumOf(numbers) / numbers.length

const mostOf = (numbers: readonly number[]): number =>
  quantileOf(
    [...numbers].sort((a, b) => a - b),
    0.99,
  )!

const theoryOf = ({ nodes, fanout, echo }: Settings, loss: number): Theory => ({
  pushRounds: pushRounds(nodes, fanout, loss),
  pushPullRounds: pushPullRounds(nodes, fanout, loss),
  leftOutByPush: leftOutShare(fanout, loss),
  leftOutByEcho: leftOutShare(fanout + echo, loss),
  allReached: allReached(nodes, fanout + echo, loss),
  fetchedCopies: fetchedCopies(nodes, loss),
})

export const writeRow = (
  writes: readonly Write[],
  loss: number,
  size: number,
  settings: Settings,
): WriteRow => {
  const median = (of: (write: Write) => number): number => medianOf(writes.map(of))
  const hops = writes.map((write) => write.hops[SHARES.length - 1]!)
  const rounds = writes.map(({ repairRounds }) => repairRounds)
  const repaired = writes.filter(({ leftOut }) => leftOut > 0)
  return {
    loss,
    size,
    update: median(({ update }) => update),
    writes: writes.length,
    ms: SHARES.map((_, i) => finite(median(({ ms }) => ms[i]!))),
    curve: writes[0]!.curve.map((_, i) => finite(median(({ curve }) => curve[i]!))),
    hops: SHARES.map((_, i) => median((write) => write.hops[i]!)),
    hopsMean: meanOf(hops),
    hopsMost: mostOf(hops),
    messages: median(({ messages }) => messages),
    copies: median(({ copies }) => copies),
    bytes: median(({ bytes }) => bytes),
    payload: median(({ payload }) => payload),
    times: median(({ times }) => times),
    leftOut: meanOf(writes.map(({ leftOut }) => leftOut)) / settings.nodes,
    leftOutAfterTwo: sumOf(writes.map(({ leftOutAfterTwo }) => leftOutAfterTwo)),
    repaired: repaired.length,
    repairMs: repaired.length === 0 ? null : medianOf(repaired.map(({ repairMs }) => repairMs)),
    roundsMean: meanOf(rounds),
    roundsMost: mostOf(rounds),
    theory: theoryOf(settings, loss),
  }
}

export const rateRow = (rates: readonly Rates[], loss: number, size: number): RateRow => {
  const median = (of: (rate: Rates) => number): number => medianOf(rates.map(of))
  const loadMs = rates.flatMap((rate) => rate.loadMs)
  return {
    loss,
    size,
    idleMessages: median(({ idle }) => idle.messages),
    idleBytes: median(({ idle }) => idle.bytes),
    loadMessages: median(({ load }) => load.messages),
    loadBytes: median(({ load }) => load.bytes),
    loadMs: finite(medianOf(loadMs)),
    loadMsMost: finite(mostOf(loadMs)),
  }
}

export const faultRow = (
  recoveries: readonly Recovery[],
  loss: number,
  fault: FaultRow['fault'],
): FaultRow => {
  const { nodes, writes } = recoveries[0]!
  const ms = recoveries.map((recovery) => recovery.ms)
  return {
    loss,
    fault,
    nodes,
    writes,
    ms: finite(medianOf(ms)),
    msMost: finite(Math.max(...ms)),
    rounds: finite(medianOf(recoveries.map(({ rounds }) => rounds))),
  }
}

export const writersRow = (
  writes: readonly Write[],
  writers: number,
  loss: number,
  size: number,
): WritersRow => ({
  writers,
  loss,
  size,
  bytes: medianOf(writes.map(({ bytes }) => bytes)),
  messages: medianOf(writes.map(({ messages }) => messages)),
})
