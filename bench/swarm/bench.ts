/**
 * Runs of a scenario, each with a swarm of its own, and their medians.
 *
 * ```ts
 * const { runs, median } = await benchSwarm(STANDARD, signal)
 * ```
 */
import { setMaxListeners } from 'node:events'
import { readMachine } from '../runner/machine.ts'
import { Crew } from './crew.ts'
import { Measurement, type Progress } from './measurement.ts'
import { medianRunOf } from './medians.ts'
import type { Run, SwarmBench } from './result.ts'
import { PLAYS } from './scenarios.ts'
import type { Settings } from './settings.ts'
import { openWorld } from './world.ts'

const runOnce = async (
  settings: Settings,
  signal: AbortSignal,
  progress: Progress,
): Promise<Run> => {
  const play = PLAYS[settings.scenario]
  let crew: Crew | undefined
  let measurement: Measurement | undefined
  progress('starting daemons')
  const world = await openWorld(settings)
  try {
    signal.throwIfAborted()
    progress(`starting ${settings.agents} agents`)
    crew = await Crew.start(world, settings, signal, (place, at) =>
      play.pilotctlOf?.(place, at, settings),
    )
    progress('agents get to know one another')
    await crew.meet()
    await crew.rest()
    measurement = await Measurement.begin(crew, settings, signal)
    return await play.run({ crew, settings, signal, progress, measurement })
  } catch (error) {
    crew?.check() // the reason why an agent ended explains more than what failed because of it
    throw error
  } finally {
    measurement?.close()
    await crew?.stop()
    await world.close()
  }
}

/** Rejects with a Failure if a swarm does not start, and when `signal` aborts. Leaves nothing running. */
export const benchSwarm = async (
  settings: Settings,
  signal: AbortSignal = new AbortController().signal,
  progress: Progress = () => undefined,
): Promise<SwarmBench> => {
  const machine = readMachine()
  const date = new Date().toISOString()
  setMaxListeners(0, signal) // one listener for each agent
  const runs: Run[] = []
  for (let at = 1; at <= settings.runs; at++) {
    const of = settings.runs > 1 ? `run ${at} of ${settings.runs}: ` : ''
    runs.push(await runOnce(settings, signal, (row) => progress(`${of}${row}`)))
  }
  return { date, machine, settings, runs, median: medianRunOf(runs) }
}
