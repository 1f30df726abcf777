/**
 * Maps and Sets that keep what came last: both go in order of insertion, so the first is the oldest.
 *
 * ```ts
 * merged.set(digest, carried)
 * dropOldest(merged, 4_096)
 * ```
 */

/** Drops the oldest key where there are more than `most`; to be called after each insertion. */
export const dropOldest = <K>(kept: Map<K, unknown> | Set<K>, most: number): void => {
  if (kept.size <= most) return
  for (const oldest of kept.keys()) {
    kept.delete(oldest)
    break
  }
}
