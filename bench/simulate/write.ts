/**
 * One write in a swarm at rest: pushes and echo spread it while no node begins a round; then
 * rounds begin, and bring it to those who were left out.
 *
 * ```ts
 * const { messages, leftOut } = measureWrite(swarm, 20)
 * ```
 */
import { Failure } from '../../src/errors.ts'
import type { Spread } from './spread.ts'
import { QUIET_MS, type Swarm } from './swarm.ts'

/** Shares of the nodes for which time and hops are told. */
export const SHARES = [0.5, 0.9, 0.99, 1] as const

/** Points of the curve from the first node to the last. */
const POINTS = 100

/** Rounds after which repair counts as failed. */
const MOST_ROUNDS = 20

/** Rounds within which nobody may be left out any more. */
const TWO_ROUNDS = 2

/** Milliseconds; virtual. Of a round's own conversations, which the next round does not wait for. */
const CONVERSATION_MS = 1_000

/** What a write costs until pushes and echo are over. */
export interface Cost {
  /** Bytes of V1 of the update. */
  readonly update: number
  /** Of a node: messages, copies of the update, and bytes of text. */
  readonly messages: number
  readonly copies: number
  readonly bytes: number
  /** The text that updates take, of a node. */
  readonly payload: number
  /** V1 bytes of all updates that were sent to one node on average, by those of the write. */
  readonly times: number
}

export interface Write extends Cost {
  /** Milliseconds until 50, 90, 99 and 100 % had it, without rounds; infinity where they never had. */
  readonly ms: readonly number[]
  /** The same at each hundredth of the nodes. */
  readonly curve: readonly number[]
  /** Hops until these shares had it; those who were repaired too. */
  readonly hops: readonly number[]
  /** Nodes that pushes and echo left out. */
  readonly leftOut: number
  /** Of those after two rounds of everybody. */
  readonly leftOutAfterTwo: number
  /** Milliseconds that rounds took to reach them; 0 where nobody was left out. */
  readonly repairMs: number
  /** Rounds of everybody that it took. */
  readonly repairRounds: number
}

type Repair = Pick<Write, 'leftOutAfterTwo' | 'repairMs' | 'repairRounds'>

const repair = (swarm: Swarm, spread: Spread): Repair => {
  const start = swarm.now
  const nodes = swarm.addresses.length
  let leftOutAfterTwo = nodes - spread.reached
  let repairRounds = 0
  while (!spread.hasAll) {
    if (repairRounds >= MOST_ROUNDS) {
      throw new Failure('internal', `${nodes - spread.reached} nodes never had a write`, {
        hint: `${repairRounds} rounds of everybody did not help: is --loss too high?`,
      })
    }
    repairRounds++
    swarm.startRounds()
    swarm.run(swarm.intervalMs)
    swarm.run(CONVERSATION_MS, () => spread.hasAll)
    if (repairRounds <= TWO_ROUNDS) leftOutAfterTwo = nodes - spread.reached
  }
  const repairMs = swarm.now === start ? 0 : spread.startedAt + spread.lastTime - start
  return { leftOutAfterTwo, repairMs, repairRounds }
}

/** Writes a value of so many characters, and waits until everybody has it. Checks that all states are equal then. */
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
