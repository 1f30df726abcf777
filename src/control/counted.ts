/**
 * Compares the increments that an agent has seen with what the document knows. The document keeps
 * only the sum of each writer; the agent knows the steps that it saw. The rest of a sum was added
 * before that, and becomes a change of its own.
 *
 * ```ts
 * countUp(historyOf(doc, 'state', 'n'), log.of('state', 'n'))
 * // [{ action: 'increment', total: 8, before: 5, isCurrent: true, … }, { action: 'increment', total: 5, isTotal: true, … }]
 * ```
 */
import type { Version } from '../maps/index.ts'
import type { SeenChange } from './history-log.ts'

export interface CountedChange extends Omit<SeenChange, 'at'> {
  /** Absent if the agent did not see it. */
  readonly at?: number
  /** Is it an increment that the counter still contains? */
  readonly isCurrent?: boolean
  /** Does it stand for everything that its writer had added before? */
  readonly isTotal?: true
}

/** The steps that led to a writer's current sum, newest first, as far as the agent saw them. */
const stepsTo = ({ writer, clock, value }: Version, seen: readonly SeenChange[]): SeenChange[] => {
  const steps: SeenChange[] = []
  let total: unknown = value
  for (const change of seen) {
    if (change.action !== 'increment' || change.writer !== writer) continue
    if ((change.clock ?? 0) > clock) continue
    if (total === undefined || change.total !== total) break
    steps.push(change)
    total = change.before
  }
  return steps
}

/** Both arguments, and the result, are newest first. */
export const countUp = (
  versions: readonly Version[],
  seen: readonly SeenChange[],
): CountedChange[] => {
  const current = new Set<SeenChange>()
  /** What was added before that step. */
  const rests = new Map<SeenChange, CountedChange>()
  for (const version of versions) {
    if (version.kind !== 'increment' || !version.current) continue
    const steps = stepsTo(version, seen)
    for (const step of steps) current.add(step)
    const oldest = steps.at(-1)
    // If the document remembers the earlier sum, it has versions for it.
    if (oldest?.before === undefined || version.before !== undefined) continue
    const { writer } = version
    const rest = { total: oldest.before, isTotal: true, isCurrent: true } as const
    rests.set(oldest, { action: 'increment', writer, ...rest })
  }
  return seen.flatMap((change) => {
    const counted = current.has(change) ? { ...change, isCurrent: true } : change
    const rest = rests.get(change)
    return rest ? [counted, rest] : [counted]
  })
}
