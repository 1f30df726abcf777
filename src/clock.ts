/**
 * The time that gossip uses.
 *
 * ```ts
 * gossip.handle(event, now())
 * ```
 */

/** Unix milliseconds that never go back: a change of the host's clock must not stop the rounds. */
export const now = (): number => performance.timeOrigin + performance.now()
