/**
 * How many keys of a map an agent has, looked at every second, until it has all.
 *
 * ```ts
 * const growth = await watchGrowth(agent, { map: 'import', whole: 2_000, start, signal })
 * ```
 */
import { isFailure } from '../../src/errors.ts'
import type { Agent } from './agent.ts'
import { pauseUntil } from './clock.ts'
import type { Growth } from './result.ts'

/** Milliseconds between two looks. */
const PAUSE = 1_000

export interface GrowthOptions {
  readonly map: string
  /** Keys of the whole map. */
  readonly whole: number
  /** By `performance.now()`: seconds count from here. */
  readonly start: number
  /** Ends it before the map is whole. */
  readonly signal: AbortSignal
}

type Point = readonly [seconds: number, keys: number]

/** undefined when the agent gives no answer in time. */
const countKeys = async (agent: Agent, map: string): Promise<number | undefined> => {
  try {
    const { maps } = await agent.status()
    return maps.find(({ name }) => name === map)?.keys ?? 0
  } catch (error) {
    if (isFailure(error, 'timeout')) return undefined
    throw error
  }
}

/** Of points in time, the longest way from one that has more keys than before to the next. */
export const describeGrowth = (name: string, keys: readonly Point[], whole: number): Growth => {
  const grown = keys.filter(([, count], at) => count > (keys[at - 1]?.[1] ?? 0))
  const pauses = grown.slice(1).map(([seconds], at) => seconds - (grown[at] as Point)[0])
  const isWhole = (grown.at(-1)?.[1] ?? 0) >= whole
  const [end] = keys.at(-1) ?? [0]
  const [last] = grown.at(-1) ?? [0]
  return {
    name,
    firstSeconds: grown[0]?.[0] ?? null,
    wholeSeconds: isWhole ? last : null,
    // While it is not whole, what it waits for now is a pause too.
    pauseSeconds: Math.round(10 * Math.max(0, ...pauses, isWhole ? 0 : end - last)) / 10,
    keys,
  }
}

/** Resolves when the agent has the whole map, or `signal` ends it. */
export const watchGrowth = async (
  agent: Agent,
  { map, whole, start, signal }: GrowthOptions,
): Promise<Growth> => {
  const keys: Point[] = []
  for (
    let due = start;
    (keys.at(-1)?.[1] ?? 0) < whole;
    due = Math.max(due + PAUSE, performance.now())
  ) {
    try {
      await pauseUntil(due, signal)
    } catch {
      break // it is over
    }
    const count = await countKeys(agent, map)
    const seconds = Math.round((performance.now() - start) / 100) / 10
    if (count !== undefined) keys.push([seconds, count])
  }
  return describeGrowth(agent.place.name, keys, whole)
}
