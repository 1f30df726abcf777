/** The plain load: all write at the rate that was asked for, and then become equal. */
import type { Play } from './play.ts'

export const LOAD: Play = {
  run: async ({ settings, progress }, measurement) => {
    progress(`all write for ${settings.seconds} s`)
    await measurement.load()
    progress('waiting for the replicas to be equal')
    await measurement.settle()
    return measurement.end()
  },
}
