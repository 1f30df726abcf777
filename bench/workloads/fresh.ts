/**
 * Stages in which each merge has a replica of its own, made ahead: what one brings must not help
 * the next.
 *
 * ```ts
 * freshStage(replicas, (replica) => replica.receive(whole), (map) => checkAnswer(map, expected, where))
 * ```
 */
import { type EngineReplica, freeAll, type Value } from '../engines/engine.ts'
import type { Stage } from './workload.ts'

/** Merges of a stage: more replicas of a large map would fill the memory. */
export const MOST_FRESH = 10

/** `check` throws where the map that a replica then has is wrong. */
export const freshStage = (
  replicas: readonly EngineReplica[],
  merge: (replica: EngineReplica) => unknown,
  check: (map: ReadonlyMap<string, Value>) => void,
): Stage => ({
  run: () => {
    for (const replica of replicas) merge(replica)
  },
  check: () => {
    for (const replica of replicas) check(replica.read())
  },
  free: () => freeAll(replicas),
})
