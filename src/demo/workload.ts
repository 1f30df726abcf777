/**
 * What the demo's agents do: who writes, overwrites or deletes, and when. Which key is
 * overwritten or deleted depends on what the agent shows at that moment, so a step chooses it
 * by `pick`, a number in [0, 1). What came of it is a `Write`, and is played to the other rule too.
 */
export interface Step {
  /** Virtual milliseconds. */
  readonly at: number
  readonly agent: number
  readonly action: 'set' | 'overwrite' | 'delete'
  /** Its number; the value that is written names it. */
  readonly write: number
  readonly pick: number
}

/** A step that was made. */
export interface Write {
  readonly at: number
  readonly agent: number
  readonly key: string
  readonly isDelete: boolean
  readonly write: number
}

/** Steps for `agents` agents, evenly spread at random over `duration` virtual milliseconds. */
export const makeSteps = (
  random: () => number,
  agents: number,
  writes: number,
  duration: number,
): Step[] => {
  const times = Array.from({ length: writes }, () => random() * duration).sort((a, b) => a - b)
  return times.map((at, write) => {
    const roll = random()
    return {
      at,
      // Everybody has a turn before the dice decide.
      agent: write < agents ? write : Math.floor(random() * agents),
      action: roll < 0.45 ? 'set' : roll < 0.85 ? 'overwrite' : 'delete',
      write,
      pick: random(),
    }
  })
}
