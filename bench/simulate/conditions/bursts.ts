/**
 * Lossy bursts: what a node receives is lost for a while, again and again (Gilbert 1960, Elliott
 * 1963). The times between bursts, and of bursts, are distributed exponentially.
 *
 * ```ts
 * const isLossy = burstsOf({ share: 0.1, meanMs: 500, loss: 0.8 }, random)
 * if (isLossy('a', now) && random() < 0.8) lose()
 * ```
 */
export interface Bursts {
  /** Share of the time in which a node is in a burst. */
  readonly share: number
  /** Mean length of a burst, in milliseconds. */
  readonly meanMs: number
  /** Share of the messages lost during a burst. */
  readonly loss: number
}

/** A tenth of the time, four of five messages. */
export const LOSSY_BURSTS: Bursts = { share: 0.1, meanMs: 500, loss: 0.8 }

interface State {
  isLossy: boolean
  until: number
}

/** Is that node in a burst at that time? Times of one node must not decrease. */
export const burstsOf = (
  { share, meanMs }: Bursts,
  random: () => number,
): ((node: string, now: number) => boolean) => {
  const states = new Map<string, State>()
  const lengthOf = (isLossy: boolean): number =>
    -Math.log(1 - random()) * (isLossy ? meanMs : (meanMs * (1 - share)) / share)
  return (node, now) => {
    let state = states.get(node)
    if (!state) {
      const isLossy = random() < share
      state = { isLossy, until: now + lengthOf(isLossy) }
      states.set(node, state)
    }
    while (state.until <= now) {
      state.isLossy = !state.isLossy
      state.until += lengthOf(state.isLossy)
    }
    return state.isLossy
  }
}
