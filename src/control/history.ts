/**
 * How an entry came about, newest first: what the document knows, together with what this agent
 * has seen happen.
 *
 * ```ts
 * mergeHistory(historyOf(doc, 'state', 'k'), log.of('state', 'k'))
 * // [{ action: 'set', value: 2, writer: 7, clock: 12, isCurrent: true, seen: '2026-…Z' }, …]
 * ```
 */
import { addedBy, type Version } from '../maps/index.ts'
import { type CountedChange, countUp } from './counted.ts'
import type { SeenChange } from './history-log.ts'

/** Each time is ISO 8601, and absent where nobody knows it. */
export interface PastChange {
  readonly action: SeenChange['action']
  /** What the key had then; of a list, the item. Absent where it is forgotten. */
  readonly value?: unknown
  /** Of an increment: what was added. */
  readonly by?: number
  /** Is `by` all that this writer has added up to then, in one step or in many? Absent: in one. */
  readonly isTotal?: true
  readonly writer?: number
  readonly clock?: number
  /** Is it part of what the key has now? */
  readonly isCurrent: boolean
  /** When it was written, by the clock of who wrote it. */
  readonly written?: string
  /** When this agent got to know of it. */
  readonly seen?: string
  /** That many changes of this writer, one after another, of which no more is known; absent: one. */
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

/** An increment: the document keeps what its writer has added in all, and what was seen the step and the sum. */
const addedIn = (version: Version, seen: CountedChange | undefined): Partial<PastChange> => {
  const total = Number(version.value)
  if (seen?.total !== undefined) return { value: seen.value, by: addedBy({ ...seen, total }) }
  return version.before === undefined
    ? { by: total, isTotal: true }
    : { by: addedBy({ total, before: version.before }) }
}

const ofVersion = (version: Version, seen?: CountedChange): PastChange => {
  const { kind: action, writer, clock, current: isCurrent, at, count } = version
  // What was overwritten the document forgets; what was added stays with it.
  const value = action === 'set' && version.value === undefined ? seen?.value : version.value
  return {
    action,
    ...(action === 'increment' ? addedIn(version, seen) : value !== undefined && { value }),
    writer,
    clock,
    isCurrent,
    ...(at !== undefined && { written: timeOf(at) }),
    ...(seen?.at !== undefined && { seen: timeOf(seen.at) }),
    ...(count !== undefined && { count }),
  }
}

/** The versions that are a line of their own: of a run, those that were seen, and then the rest of it. */
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

/** Both newest first, and so is what comes out. */
export const mergeHistory = (
  versions: readonly Version[],
  changes: readonly SeenChange[],
): PastChange[] => {
  const seen = countUp(versions, changes)
  const lines = versions.flatMap((version) => unfold(version, seen))
  const known = new Set(lines.map(([, change]) => change))
  const merged: PastChange[] = []
  let next = 0
  /** Those that the document has forgotten, up to one that it has, or to a time. */
  const tellSeen = (isOver: (change: CountedChange) => boolean): void => {
    for (; next < seen.length; next++) {
      const change = seen[next]!
      if (isOver(change)) return
      if (!known.has(change)) merged.push(ofSeen(change))
    }
  }
  for (const [version, change] of lines) {
    const { at } = version
    if (change) tellSeen((other) => other === change)
    else tellSeen((other) => at !== undefined && other.at !== undefined && other.at <= at)
    merged.push(ofVersion(version, change))
  }
  tellSeen(() => false)
  return merged
}
