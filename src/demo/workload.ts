/**
 * What the agents of the demo do: which agent writes, overwrites or deletes, and when. The key to
 * overwrite or delete depends on the keys that the agent has at that moment, so a step chooses it by
 * `pick`, a number in [0, 1). The result is a `Write`, which the other rule gets too.
 */
export interface Step {
  /** Virtual milliseconds. */
  readonly at: number
  readonly agent: number
  readonly action: 'set' | 'overwrite' | 'delete'
  /** The number of the write; the written value contains it. */
  readonly write: number
  readonly pick: number
}

/** A step that was executed. */
export interface Write {
  readonly at: number
  readonly agent: number
  readonly key: string
  readonly isDelete: boolean
  readonly write: number
}

/** Random steps for `agents` agents, uniform over `duration` virtual milliseconds. */
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
      // Each agent writes once before the choice is random.
      agent: write < agents ? write : Math.floor(random() * agents),
      action: roll < 0.45 ? 'set' : roll < 0.85 ? 'overwrite' : 'delete',
      write,
      pick: random(),
    }
  })
}
