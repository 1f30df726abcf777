/**
 * Seeded maps: keys like those of a shared task list, values of about 60 bytes of JSON.
 *
 * ```ts
 * const entries = createEntries(100, new Random(1))
 * const changes = overwrite(entries, 10, random)
 * ```
 */
import type { Random } from '../../test/helpers/random.ts'
import type { Entry, Value } from '../engines/engine.ts'

const STATES = ['todo', 'claimed', 'running', 'blocked', 'done', 'failed']

const createValue = (random: Random): Value => ({
  owner: `agent-${random.int(10, 99)}`,
  state: random.pick(STATES),
  load: random.int(1, 99) / 100,
  at: random.int(1_000_000, 9_999_999),
})

const keyOf = (index: number): string => `task:${String(index).padStart(5, '0')}`

export const createEntries = (count: number, random: Random): Entry[] =>
  Array.from({ length: count }, (_, index) => [keyOf(index), createValue(random)])

/** New values for `count` different keys of `entries`, of which there are as many at least. */
export const overwrite = (entries: readonly Entry[], count: number, random: Random): Entry[] => {
  const keys = new Set<string>()
  while (keys.size < count) keys.add(random.pick(entries)[0])
  return [...keys].map((key) => [key, createValue(random)])
}
