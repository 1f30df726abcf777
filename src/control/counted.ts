/**
 * The increments that an agent has seen, set against what the document knows: it keeps of each
 * writer what that has added in all, and of the steps only those that were seen are known. What is
 * left over was added before, and is a change of its own.
 *
 * ```ts
 * countUp(historyOf(doc, 'state', 'n'), log.of('state', 'n'))
 * // [{ action: 'increment', total: 8, before: 5, isCurrent: true, … }, { action: 'increment', total: 5, isTotal: true, … }]
 * ```
 */
import type { Version } from '../maps/index.ts'
import type { SeenChange } from './history-log.ts'

export interface CountedChange extends Omit<SeenChange, 'at'> {
  /** Absent where it was not seen. */
  readonly at?: number
  /** Is it an increment that is part of what the counter has now? */
  readonly isCurrent?: boolean
  /** Does it stand for all that its writer had added before? */
  readonly isTotal?: true
}

/** The steps of a writer that led to what it has added now, newest first, as far as they were seen. */
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

/** Both newest first, and so is what comes out. */
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
    // Where the document remembers all there are versions of it.
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
