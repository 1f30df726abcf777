/**
 * Bounds Maps and Sets that keep the newest entries. Both iterate in order of insertion, so the
 * first entry is the oldest.
 *
 * ```ts
 * merged.set(digest, carried)
 * dropOldest(merged, 4_096)
 * ```
 */

/** Drops the oldest key if there are more than `most`; to be called after each insertion. */
export const dropOldest = <K>(kept: Map<K, unknown> | Set<K>, most: number): void => {
  if (kept.size <= most) return
  for (const oldest of kept.keys()) {
    kept.delete(oldest)
    break
  }
}
