/**
 * The figures of a run: medians over all swarms and writes, which are what is shown, judged and
 * given as JSON. A number is null where it has no end: never reached, not converged.
 *
 * ```ts
 * const row = rowOf(writes, { loss: 0, size: 20 }, settings)
 * ```
 */
import { medianOf } from '../runner/stats.ts'
import type { Recovery } from './faults.ts'
import type { Rates } from './rates.ts'
import type { Settings } from './settings.ts'
import { allReached, fetchedCopies, leftOutShare, pushPullRounds, pushRounds } from './theory.ts'
import { type Cost, SHARES, type Write } from './write.ts'

/** A number, or null where it would be infinite. */
export type Finite = number | null

/** What theory says, see `theory.ts`. */
export interface Theory {
  readonly pushRounds: number
  readonly pushPullRounds: number
  /** Shares: by the pushes alone, and when each of the echo counts as one more. */
  readonly leftOutByPush: number
  readonly leftOutByEcho: number
  readonly allReached: number
  readonly fetchedCopies: number
}

/** Writes of one length in swarms that lose so much. */
export interface WriteRow extends Cost {
  readonly loss: number
  /** Characters of the value. */
  readonly size: number
  /** Writes measured. */
  readonly writes: number
  /** Milliseconds until 50, 90, 99 and 100 % had it, by pushes and echo alone. */
  readonly ms: readonly Finite[]
  /** The same for each hundredth. */
  readonly curve: readonly Finite[]
  /** Hops until these shares had it, repair included. */
  readonly hops: readonly number[]
  /** Hops until all had it: their mean, and the most that 99 % of the writes took. */
  readonly hopsMean: number
  readonly hopsMost: number
  /** Mean share of the nodes that pushes and echo left out. */
  readonly leftOut: number
  /** Of all writes. */
  readonly leftOutAfterTwo: number
  /** Writes that left somebody out, and the time that repair took then. */
  readonly repaired: number
  readonly repairMs: Finite
  /** Rounds of everybody until all had it, 0 where nobody was left out: mean, and the most of 99 %. */
  readonly roundsMean: number
  readonly roundsMost: number
  readonly theory: Theory
}

export interface RateRow {
  readonly loss: number
  readonly size: number
  /** Of one node, in a second. */
  readonly idleMessages: number
  readonly idleBytes: number
  readonly loadMessages: number
  readonly loadBytes: number
  /** Milliseconds until 99 % have one of the load's writes: median and most. */
  readonly loadMs: Finite
  readonly loadMsMost: Finite
}

export interface FaultRow {
  readonly loss: number
  readonly fault: 'partition' | 'churn'
  /** Nodes cut off, or down. */
  readonly nodes: number
  readonly writes: number
  /** Until all had all, after the end of the fault: median and most. */
  readonly ms: Finite
  readonly msMost: Finite
  readonly rounds: Finite
}

/** Bytes of one write, by the number of those who wrote before. */
export interface WritersRow {
  readonly writers: number
  readonly loss: number
  readonly size: number
  /** Of one node. */
  readonly bytes: number
  readonly messages: number
}

/** All that was measured. */
export interface Figures {
  readonly writes: readonly WriteRow[]
  readonly rates: readonly RateRow[]
  readonly faults: readonly FaultRow[]
  readonly writers: readonly WritersRow[]
}

const finite = (number: number): Finite => (Number.isFinite(number) ? number : null)

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const meanOf = (numbers: readonly number[]): number => sumOf(numbers) / numbers.length

/** The least that 99 % of them do not exceed. */
const mostOf = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.ceil(0.99 * numbers.length) - 1]!

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
  const all = writes.map(({ hops }) => hops[SHARES.length - 1]!)
  const rounds = writes.map(({ repairRounds }) => repairRounds)
  const repaired = writes.filter(({ leftOut }) => leftOut > 0)
  return {
    loss,
    size,
    update: median(({ update }) => update),
    writes: writes.length,
    ms: SHARES.map((_, i) => finite(median(({ ms }) => ms[i]!))),
    curve: writes[0]!.curve.map((_, i) => finite(median(({ curve }) => curve[i]!))),
    hops: SHARES.map((_, i) => median(({ hops }) => hops[i]!)),
    hopsMean: meanOf(all),
    hopsMost: mostOf(all),
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
  const loadMs = rates.flatMap(({ loadMs }) => loadMs)
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
  const ms = recoveries.map(({ ms }) => ms)
  return {
    loss,
    fault,
    nodes: recoveries[0]!.nodes,
    writes: recoveries[0]!.writes,
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
