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
import { SHARES, type Write } from './write.ts'

export type Finite = number | null

const finite = (number: number): Finite => (Number.isFinite(number) ? number : null)

const meanOf = (numbers: readonly number[]): number => sumOf(numbers) / numbers.length

const mostOf = (numbers: readonly number[]): number =>
  quantileOf(
    [...numbers].sort((a, b) => a - b),
    0.99,
  )!

/** See `theory.ts`. */
const theoryOf = ({ nodes, fanout, digestFanout }: Settings, loss: number) => ({
  pushRounds: pushRounds(nodes, fanout, loss),
  pushPullRounds: pushPullRounds(nodes, fanout, loss),
  // Shares: by the pushes alone, and if each later digest counts as one more.
  leftOutByPush: leftOutShare(fanout, loss),
  leftOutByDigest: leftOutShare(fanout + digestFanout, loss),
  allReached: allReached(nodes, fanout + digestFanout, loss),
  fetchedCopies: fetchedCopies(nodes, loss),
})

/** Writes of one size in swarms with one loss. */
export const writeRow = (
  writes: readonly Write[],
  loss: number,
  size: number,
  settings: Settings,
) => {
  const median = (of: (write: Write) => number): number => medianOf(writes.map(of))
  const hops = writes.map((write) => write.hops[SHARES.length - 1]!)
  const rounds = writes.map(({ repairRounds }) => repairRounds)
  const repaired = writes.filter(({ leftOut }) => leftOut > 0)
  return {
    loss,
    size,
    update: median(({ update }) => update),
    writes: writes.length,
    // Milliseconds until 50, 90, 99 and 100 % had it without rounds; the same for each hundredth.
    ms: SHARES.map((_, i) => finite(median(({ ms }) => ms[i]!))),
    curve: writes[0]!.curve.map((_, i) => finite(median(({ curve }) => curve[i]!))),
    // Hops until these shares had it, repair included; until all had it: mean, maximum of 99 %.
    hops: SHARES.map((_, i) => median((write) => write.hops[i]!)),
    hopsMean: meanOf(hops),
    hopsMost: mostOf(hops),
    messages: median(({ messages }) => messages),
    copies: median(({ copies }) => copies),
    bytes: median(({ bytes }) => bytes),
    payload: median(({ payload }) => payload),
    times: median(({ times }) => times),
    // Mean share of the nodes, and nodes of all writes.
    leftOut: meanOf(writes.map(({ leftOut }) => leftOut)) / settings.nodes,
    leftOutAfterTwo: sumOf(writes.map(({ leftOutAfterTwo }) => leftOutAfterTwo)),
    // Writes that needed repair, and the time it took.
    repaired: repaired.length,
    repairMs: repaired.length === 0 ? null : medianOf(repaired.map(({ repairMs }) => repairMs)),
    // Rounds until all nodes had it: mean, maximum of 99 %.
    roundsMean: meanOf(rounds),
    roundsMost: mostOf(rounds),
    theory: theoryOf(settings, loss),
  }
}

/** Traffic of one node per second. */
export const rateRow = (rates: readonly Rates[], loss: number, size: number) => {
  const median = (of: (rate: Rates) => number): number => medianOf(rates.map(of))
  const loadMs = rates.flatMap((rate) => rate.loadMs)
  return {
    loss,
    size,
    idleMessages: median(({ idle }) => idle.messages),
    idleBytes: median(({ idle }) => idle.bytes),
    loadMessages: median(({ load }) => load.messages),
    loadBytes: median(({ load }) => load.bytes),
    // Milliseconds until 99 % had a write of the load: median, maximum of 99 %.
    loadMs: finite(medianOf(loadMs)),
    loadMsMost: finite(mostOf(loadMs)),
  }
}

/** Recoveries in swarms with one loss. */
export const faultRow = (
  recoveries: readonly Recovery[],
  loss: number,
  fault: 'partition' | 'churn',
) => {
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

/** The cost of one write, by the number of past writers. */
export const writersRow = (
  writes: readonly Write[],
  writers: number,
  loss: number,
  size: number,
) => ({
  writers,
  loss,
  size,
  bytes: medianOf(writes.map(({ bytes }) => bytes)),
  messages: medianOf(writes.map(({ messages }) => messages)),
})

export type WriteRow = ReturnType<typeof writeRow>

export interface Figures {
  readonly writes: readonly WriteRow[]
  readonly rates: readonly ReturnType<typeof rateRow>[]
  readonly faults: readonly ReturnType<typeof faultRow>[]
  readonly writers: readonly ReturnType<typeof writersRow>[]
}
