/**
 * One write in a swarm at rest: pushes and later digests spread it while no node begins a round.
 * Then rounds begin, and repair the nodes that were left out.
 *
 * ```ts
 * const { messages, leftOut } = measureWrite(swarm, 20)
 * ```
 */
import { Failure } from '../../src/errors.ts'
import type { Spread } from './spread.ts'
import { QUIET_MS, type Swarm } from './swarm.ts'

/** Shares of the nodes for which time and hops are measured. */
export const SHARES = [0.5, 0.9, 0.99, 1] as const

/** Points of the curve from the first node to the last. */
const POINTS = 100

/** Rounds after which repair has failed. */
const MAX_ROUNDS = 20

/** Rounds after which no node should be left out. */
const TWO_ROUNDS = 2

/** Milliseconds of virtual time for the answers of a round. The next round does not wait for them. */
const ANSWER_MS = 1_000

/** What a write costs before the first round, on average of the nodes. */
export interface Cost {
  /** V1 bytes of the update. */
  readonly update: number
  readonly messages: number
  /** Messages with the update. */
  readonly copies: number
  /** Of message text. */
  readonly bytes: number
  /** Bytes of that text which are packed updates. */
  readonly payload: number
  /** V1 bytes of all updates received, as a multiple of `update`. */
  readonly times: number
}

/** What rounds did for the nodes that were left out. */
interface Repair {
  /** Nodes that were still left out after two rounds. */
  readonly leftOutAfterTwo: number
  /** Milliseconds and rounds until all nodes had the write; 0 if none was left out. */
  readonly repairMs: number
  readonly repairRounds: number
}

export interface Write extends Cost, Repair {
  /** Milliseconds until each of `SHARES` had it without rounds; infinity: never. */
  readonly ms: readonly number[]
  /** The same for each hundredth of the nodes. */
  readonly curve: readonly number[]
  /** Hops until each of `SHARES` had it, repair included. */
  readonly hops: readonly number[]
  /** Nodes that had no write before the first round. */
  readonly leftOut: number
}

const repair = (swarm: Swarm, spread: Spread): Repair => {
  const start = swarm.now
  const nodes = swarm.addresses.length
  let leftOutAfterTwo = nodes - spread.reached
  let repairRounds = 0
  while (!spread.hasAll) {
    if (repairRounds >= MAX_ROUNDS) {
      const lacking = nodes - spread.reached
      throw new Failure('internal', `${lacking} nodes lack a write after ${repairRounds} rounds`, {
        hint: 'lower --loss',
      })
    }
    repairRounds++
    swarm.startRounds()
    swarm.run(swarm.intervalMs)
    swarm.run(ANSWER_MS, () => spread.hasAll)
    if (repairRounds <= TWO_ROUNDS) leftOutAfterTwo = nodes - spread.reached
  }
  const repairMs = swarm.now === start ? 0 : spread.startedAt + spread.lastTime - start
  return { leftOutAfterTwo, repairMs, repairRounds }
}

/** Writes a value of that many characters and runs until all nodes have it and are equal. */
export const measureWrite = (swarm: Swarm, length: number): Write => {
  const nodes = swarm.addresses.length
  swarm.traffic.take()
  const writer = swarm.pick()
  let update = 0
  writer.doc.once('update', (bytes: Uint8Array) => {
    update = bytes.length
  })
  const spread = swarm.write(length, writer)
  swarm.run(2 * QUIET_MS)
  const sent = swarm.traffic.take()
  const leftOut = nodes - spread.reached
  const ms = SHARES.map((share) => spread.timeOf(share))
  const curve = Array.from({ length: POINTS }, (_, i) => spread.timeOf((i + 1) / POINTS))
  const repaired = repair(swarm, spread)
  swarm.run(QUIET_MS)
  swarm.checkConverged('a write')
  swarm.forget()
  return {
    update,
    ms,
    curve,
    hops: SHARES.map((share) => spread.hopsTo(share)),
    messages: sent.messages / nodes,
    copies: sent.copies / nodes,
    bytes: sent.bytes / nodes,
    payload: sent.payloadBytes / nodes,
    times: sent.updateBytes / nodes / update,
    leftOut,
    ...repaired,
  }
}
