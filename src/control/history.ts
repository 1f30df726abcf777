/**
 * How an entry came about, newest first: what the document knows, together with what this agent
 * has seen happen.
 *
 * ```ts
 * mergeHistory(historyOf(doc, 'state', 'k'), log.of('state', 'k'))
 * // [{ action: 'set', value: 2, writer: 7, clock: 12, isCurrent: true, seen: '2026-…Z' }, …]
 * ```
 */
import type { Version } from '../maps/index.ts'
import type { SeenChange } from './history-log.ts'

/** Each time is ISO 8601, and absent where nobody knows it. */
export interface PastChange {
  readonly action: SeenChange['action']
  /** Absent where it is forgotten. Of a counter: what this writer has added so far, or the sum where only that was seen. */
  readonly value?: unknown
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

const ofSeen = ({ at, ...change }: SeenChange): PastChange => ({
  ...change,
  isCurrent: false,
  seen: timeOf(at),
})

const ofVersion = (version: Version, seen?: SeenChange): PastChange => {
  const { kind: action, writer, clock, current: isCurrent, at, count } = version
  // What was overwritten the document forgets; what was added stays with it.
  const value = action === 'set' && version.value === undefined ? seen?.value : version.value
  return {
    action,
    ...(value !== undefined && { value }),
    writer,
    clock,
    isCurrent,
    ...(at !== undefined && { written: timeOf(at) }),
    ...(seen && { seen: timeOf(seen.at) }),
    ...(count !== undefined && { count }),
  }
}

/** The versions that are a line of their own: of a run, those that were seen, and then the rest of it. */
const unfold = (version: Version, seen: readonly SeenChange[]): [Version, SeenChange?][] => {
  const { writer, clock, count = 1, ...rest } = version
  const matches = seen.filter(
    (change) =>
      change.action !== 'delete' &&
      change.writer === writer &&
      change.clock !== undefined &&
      change.clock <= clock &&
      change.clock > clock - count,
  )
  const own = matches.map((match): [Version, SeenChange] => [
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
  seen: readonly SeenChange[],
): PastChange[] => {
  const lines = versions.flatMap((version) => unfold(version, seen))
  const known = new Set(lines.map(([, change]) => change))
  const merged: PastChange[] = []
  let next = 0
  /** Those that the document has forgotten, up to one that it has, or to a time. */
  const tellSeen = (isOver: (change: SeenChange) => boolean): void => {
    for (; next < seen.length; next++) {
      const change = seen[next]!
      if (isOver(change)) return
      if (!known.has(change)) merged.push(ofSeen(change))
    }
  }
  for (const [version, change] of lines) {
    const { at } = version
    if (change) tellSeen((other) => other === change)
    else tellSeen((other) => at !== undefined && other.at <= at)
    merged.push(ofVersion(version, change))
  }
  tellSeen(() => false)
  return merged
}
