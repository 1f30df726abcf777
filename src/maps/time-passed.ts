/**
 * The origin of transactions that change nothing but what time it is: a value may be visible from now
 * on, or no longer. Yjs reports no change in them; who waits for one looks again all the same.
 */
export const TIME_PASSED = Symbol('pilot-gossip time passed')
