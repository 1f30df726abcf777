/**
 * Counts the writes that a merge rule loses. A small swarm writes and pushes whole states at random;
 * at the end every node should have, for every key, the value that was written last. If an engine
 * that converges has nodes that differ, the run fails.
 *
 * Yjs can lose a write, too: of two concurrent ones that of the higher writer id wins, not the later
 * one. All nodes agree about it. The nodes' clocks agree, which favours engines that use the time.
 *
 * ```ts
 * countLostWrites(engine, { ...SWARM, writes: 5 }, 1)      // { written: 63, lost: 0, differing: 0, … }
 * ```
 */
import { isDeepStrictEqual } from 'node:util'
import { Failure } from '../../src/errors.ts'
import { Random } from '../../test/helpers/random.ts'
import { type Engine, type EngineReplica, freeAll, type Value } from '../engines/engine.ts'
import { createTime } from './time.ts'

export interface Swarm {
  readonly nodes: number
  readonly keys: number
  /** Rounds with writes. */
  readonly rounds: number
  /** Peers to which a node pushes its state in each round. */
  readonly fanout: number
  /** Writes a round, in the whole swarm. */
  readonly writes: number
}

export interface LostWrites {
  readonly engine: string
  readonly writes: number
  /** Keys that were written. */
  readonly written: number
  /** Keys that end, at one node or more, with another value than the last one written. */
  readonly lost: number
  /** Keys on which nodes differ forever. */
  readonly differing: number
}

/** Large enough for losses to show; a fraction of a second for each engine. */
export const SWARM: Omit<Swarm, 'writes'> = { nodes: 10, keys: 100, rounds: 15, fanout: 3 }

/** Writes a round. */
export const WRITES: readonly number[] = [2, 10]

/** Rounds after the last write. Ten nodes have exchanged everything after about four. */
const SETTLING_ROUNDS = 6

/** Every node pushes the state that it had when the round began. */
const pushAll = (
  replicas: readonly EngineReplica[],
  { nodes, fanout }: Swarm,
  random: Random,
): void => {
  const messages = replicas.map((replica) => replica.encodeState())
  messages.forEach((message, index) => {
    const others = Array.from({ length: nodes }, (_, node) => node).filter((one) => one !== index)
    for (const peer of random.shuffle(others).slice(0, fanout)) replicas[peer]!.receive(message)
  })
}

/** Throws a Failure (internal) if an engine that converges does not. */
export const countLostWrites = (engine: Engine, swarm: Swarm, seed: number): LostWrites => {
  if (engine.rule) return { ...countLostWrites(engine.rule, swarm, seed), engine: engine.name }
  const random = new Random(seed)
  const last = new Map<string, Value>()
  const time = createTime()
  const replicas = Array.from({ length: swarm.nodes }, (_, index) => engine.create(index + 1, time))
  for (let round = 0; round < swarm.rounds + SETTLING_ROUNDS; round++) {
    for (let i = 0; round < swarm.rounds && i < swarm.writes; i++) {
      const key = `k${random.int(0, swarm.keys - 1)}`
      const value = `${random.int(0, 2 ** 31)}`
      random.pick(replicas).set([[key, value]])
      last.set(key, value)
    }
    pushAll(replicas, swarm, random)
  }
  const maps = replicas.map((replica) => new Map(replica.read()))
  freeAll(replicas)
  const countOf = (isSo: (own: Value | undefined, key: string, value: Value) => boolean): number =>
    [...last].filter(([key, value]) => maps.some((map) => isSo(map.get(key), key, value))).length
  const differing = countOf((own, key) => !isDeepStrictEqual(own, maps[0]!.get(key)))
  if (engine.converges && differing > 0) {
    throw new Failure(
      'internal',
      `wrong answer: ${engine.name}: nodes differ on ${differing} keys`,
      { hint: 'fix the engine, or declare that it does not converge' },
    )
  }
  const lost = countOf((own, _, value) => !isDeepStrictEqual(own, value))
  return { engine: engine.name, writes: swarm.writes, written: last.size, lost, differing }
}
