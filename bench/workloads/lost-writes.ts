/**
 * Writes that a rule of merging loses. A small swarm writes and pushes whole states at random;
 * in the end every key should have, at every node, the value that was written to it last. Where
 * an engine is to converge and its nodes differ, the run fails.
 *
 * With Yjs a write can lose too: of two concurrent ones to one key that of the higher writer id
 * wins, not the later one. Nobody differs about it. The nodes' clocks agree: an engine that goes
 * by the time of day is shown at its best.
 *
 * ```ts
 * countLostWrites(engine, { ...SWARM, writes: 5 }, 1)      // { written: 63, lost: 0, differing: 0, … }
 * ```
 */
import { isDeepStrictEqual } from 'node:util'
import { Failure } from '../../src/errors.ts'
import { Random } from '../../test/helpers/random.ts'
import {
  type Engine,
  type EngineReplica,
  freeAll,
  type Message,
  type Value,
} from '../engines/engine.ts'
import { createTime } from './time.ts'

export interface Swarm {
  readonly nodes: number
  readonly keys: number
  /** Rounds in which there are writes. */
  readonly rounds: number
  /** Peers that a node pushes its state to, each round. */
  readonly fanout: number
  /** Writes a round, in the whole swarm. */
  readonly writes: number
}

export interface LostWrites {
  readonly engine: string
  /** Writes a round. */
  readonly writes: number
  /** Keys that were written. */
  readonly written: number
  /** Keys that end, at one node at least, with another value than the last one written. */
  readonly lost: number
  /** Keys about which the nodes differ for ever. */
  readonly differing: number
}

/** Enough for the loss to show, and a fraction of a second for each engine. */
export const SWARM: Omit<Swarm, 'writes'> = { nodes: 10, keys: 100, rounds: 15, fanout: 3 }

/** Writes a round that are tried. */
export const WRITES: readonly number[] = [2, 10]

/** Rounds of pushing after the last write. Ten nodes have told each other everything in about four. */
const SETTLING_ROUNDS = 6

const others = (index: number, { nodes, fanout }: Swarm, random: Random): number[] =>
  random
    .shuffle(Array.from({ length: nodes }, (_, node) => node).filter((node) => node !== index))
    .slice(0, fanout)

/** Everyone pushes the state it had when the round began. */
const pushAll = (replicas: readonly EngineReplica[], swarm: Swarm, random: Random): void => {
  const messages = replicas.map((replica): Message => replica.encodeState())
  messages.forEach((message, index) => {
    for (const peer of others(index, swarm, random)) replicas[peer]!.receive(message)
  })
}

const writeSome = (
  replicas: readonly EngineReplica[],
  { keys, writes }: Swarm,
  random: Random,
  last: Map<string, Value>,
): void => {
  for (let i = 0; i < writes; i++) {
    const key = `k${random.int(0, keys - 1)}`
    const value = `${random.int(0, 2 ** 31)}`
    random.pick(replicas).set([[key, value]])
    last.set(key, value)
  }
}

/**
 * An engine that runs another one's rule by other means loses what that one loses. Throws a
 * Failure (internal) where an engine that converges has not.
 */
export const countLostWrites = (engine: Engine, swarm: Swarm, seed: number): LostWrites => {
  if (engine.rule) return { ...countLostWrites(engine.rule, swarm, seed), engine: engine.name }
  const random = new Random(seed)
  const last = new Map<string, Value>()
  const time = createTime()
  const replicas = Array.from({ length: swarm.nodes }, (_, index) => engine.create(index + 1, time))
  for (let round = 0; round < swarm.rounds; round++) {
    writeSome(replicas, swarm, random, last)
    pushAll(replicas, swarm, random)
  }
  for (let round = 0; round < SETTLING_ROUNDS; round++) pushAll(replicas, swarm, random)

  const maps = replicas.map((replica) => new Map(replica.read()))
  freeAll(replicas)
  const keysWhere = (test: (key: string, value: Value) => boolean): number =>
    [...last].filter(([key, value]) => test(key, value)).length
  const differing = keysWhere((key) =>
    maps.some((map) => !isDeepStrictEqual(map.get(key), maps[0]!.get(key))),
  )
  if (engine.converges && differing > 0) {
    throw new Failure(
      'internal',
      `wrong answer: ${engine.name}: nodes differ on ${differing} keys`,
      {
        hint: 'an engine that converges must not: mend it, or say that it does not converge',
      },
    )
  }
  return {
    engine: engine.name,
    writes: swarm.writes,
    written: last.size,
    lost: keysWhere((key, value) => maps.some((map) => !isDeepStrictEqual(map.get(key), value))),
    differing,
  }
}
