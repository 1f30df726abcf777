/**
 * The history of an entry, newest first: what the document knows, merged with what this agent has
 * seen.
 *
 * ```ts
 * mergeHistory(historyOf(doc, 'state', 'k'), log.of('state', 'k'))
 * // [{ action: 'set', value: 2, writer: 7, clock: 12, isCurrent: true, seen: '2026-…Z' }, …]
 * ```
 */
import { addedBy, type Version } from '../maps/index.ts'
import { type CountedChange, countUp } from './counted.ts'
import type { SeenChange } from './history-log.ts'

/** Times are ISO 8601, and absent if they are unknown. */
export interface PastChange {
  readonly action: SeenChange['action']
  /** The value of the key then; for a list, the item; for a delete, what was there. Absent if it is forgotten. */
  readonly value?: unknown
  /** For an increment: the amount. */
  readonly by?: number
  /** Is `by` the sum of everything that this writer had added by then? Absent: it is one step. */
  readonly isTotal?: true
  readonly writer?: number
  readonly clock?: number
  /** The peer that brought it to this agent first, which need not have made it. Absent if it was made here, or is not known. */
  readonly from?: string
  /** Is it part of the current value? */
  readonly isCurrent: boolean
  /** When it was written, by the writer's clock. */
  readonly written?: string
  /** When this agent received it. */
  readonly seen?: string
  /** The number of consecutive changes of this writer that it stands for, if nothing more is known of them; absent: one. */
  readonly count?: number
}

const timeOf = (ms: number): string => new Date(ms).toISOString()

const ofSeen = ({
  at,
  total,
  before,
  isCurrent,
  isTotal,
  ...change
}: CountedChange): PastChange => ({
  ...change,
  ...(total !== undefined && { by: addedBy({ total, before }) }),
  ...(isTotal && { isTotal }),
  isCurrent: isCurrent ?? false,
  ...(at !== undefined && { seen: timeOf(at) }),
})

/** For an increment, the document keeps the writer's sum, and the log keeps the step and the new value. */
const addedIn = (version: Version, seen: CountedChange | undefined): Partial<PastChange> => {
  const total = Number(version.value)
  if (seen?.total !== undefined) return { value: seen.value, by: addedBy({ ...seen, total }) }
  return version.before === undefined
    ? { by: total, isTotal: true }
    : { by: addedBy({ total, before: version.before }) }
}

const ofVersion = (version: Version, seen?: CountedChange): PastChange => {
  const { kind: action, writer, clock, current: isCurrent, at, count } = version
  // The document forgets what was overwritten, but keeps what was added.
  const value = action === 'set' && version.value === undefined ? seen?.value : version.value
  return {
    action,
    ...(action === 'increment' ? addedIn(version, seen) : value !== undefined && { value }),
    writer,
    clock,
    isCurrent,
    ...(at !== undefined && { written: timeOf(at) }),
    ...(seen?.at !== undefined && { seen: timeOf(seen.at) }),
    ...(seen?.from !== undefined && { from: seen.from }),
    ...(count !== undefined && { count }),
  }
}

/** One line for each change of a run that was seen, then one for the rest of the run. */
const unfold = (version: Version, seen: readonly CountedChange[]): [Version, CountedChange?][] => {
  const { writer, clock, count = 1, ...rest } = version
  const matches = seen.filter(
    (change) =>
      change.action !== 'delete' &&
      change.writer === writer &&
      change.clock !== undefined &&
      change.clock <= clock &&
      change.clock > clock - count,
  )
  const own = matches.map((match): [Version, CountedChange] => [
    { ...rest, writer, clock: match.clock ?? clock },
    match,
  ])
  const left = count - matches.length
  if (left <= 0) return own
  const oldest = matches.at(-1)?.clock ?? clock + 1
  return [...own, [{ ...rest, writer, clock: oldest - 1, ...(left > 1 && { count: left }) }]]
}

/** Both arguments, and the result, are newest first. */
export const mergeHistory = (
  versions: readonly Version[],
  changes: readonly SeenChange[],
): PastChange[] => {
  const seen = countUp(versions, changes)
  const lines = versions.flatMap((version) => unfold(version, seen))
  const known = new Set(lines.map(([, change]) => change))
  const merged: PastChange[] = []
  let next = 0
  /** Adds the changes that the document has forgotten, up to one that it has, or to a time. */
  const addSeen = (isOver: (change: CountedChange) => boolean): void => {
    for (; next < seen.length; next++) {
      const change = seen[next]!
      if (isOver(change)) return
      if (!known.has(change)) merged.push(ofSeen(change))
    }
  }
  for (const [version, change] of lines) {
    const { at } = version
    if (change) addSeen((other) => other === change)
    else addSeen((other) => at !== undefined && other.at !== undefined && other.at <= at)
    merged.push(ofVersion(version, change))
  }
  addSeen(() => false)
  return merged
}
