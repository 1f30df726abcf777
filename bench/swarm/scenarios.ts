/**
 * What happens between the beginning of a measured stretch and its end, for each scenario.
 *
 * ```ts
 * const run = await PLAYS.load.run({ crew, settings, signal, progress, measurement })
 * ```
 */
import { mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { programs } from '../../test/pilot/programs.ts'
import { within } from './clock.ts'
import { playImport } from './import.ts'
import type { Stage } from './measurement.ts'
import type { Run, Swap } from './result.ts'
import type { Scenario, Settings } from './settings.ts'
import type { Place } from './world.ts'

export interface Play {
  readonly run: (stage: Stage) => Promise<Run>
  /** Creates another pilotctl for the agent at that place and returns its path. */
  readonly pilotctlOf?: (place: Place, at: number, settings: Settings) => string | undefined
}

const settle = async ({ progress, measurement }: Stage): Promise<void> => {
  progress('waiting for the replicas to be equal')
  await measurement.settle()
}

/** All agents write, and then become equal. */
const playLoad = async (stage: Stage): Promise<Run> => {
  stage.progress(`all write for ${stage.settings.seconds} s`)
  await stage.measurement.load()
  await settle(stage)
  return stage.measurement.end()
}

/** The last agent has no daemon while the others write. Its own write of that time must reach them, too. */
const playOutage = async (stage: Stage): Promise<Run> => {
  const { crew, settings, progress, measurement } = stage
  const { outageSeconds } = settings
  const cut = crew.agents.length - 1
  const node = crew.agents[cut]?.place.node
  if (!node) throw new TypeError('an outage needs a daemon to stop')
  await node.stop()
  progress(`the others write for ${outageSeconds} s, one has no daemon`)
  measurement.write(cut)
  await measurement.load({
    isOver: (at) => at >= outageSeconds * 1000,
    writers: crew.agents.map((_, at) => at).filter((at) => at !== cut),
  })
  await node.start()
  await settle(stage)
  const measured = await measurement.end((agent) => agent !== cut)
  return { ...measured, outage: { seconds: outageSeconds } }
}

/** Until a write arrives: six rounds, so that repair can bring it. */
const ARRIVAL_MS = 30_000

const linkOf = ({ home }: Place): string => join(home, 'link', 'pilotctl')

/** Atomic: the program exists at all times. */
const pointTo = (link: string, program: string): void => {
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(program, `${link}.new`)
  renameSync(`${link}.new`, link)
}

/** Another pilotctl replaces that of the last agent, as an update of the host would. */
const playSwap = async (stage: Stage): Promise<Run> => {
  const { crew, settings, signal, progress, measurement } = stage
  const last = crew.agents.length - 1
  const peers = crew.agents.map((_, at) => at).filter((at) => at !== last)
  const swaps: Swap[] = []
  for (const version of settings.swaps) {
    pointTo(linkOf(crew.agents[last]!.place), programs(version).pilotctl)
    progress(`pilotctl is ${version}: waiting for a write`)
    const { due, seen } = measurement.write(last)
    await within(ARRIVAL_MS, signal, () => peers.every((peer) => seen[peer] !== undefined))
    const arrived = peers.map((peer) => {
      const time = seen[peer]
      return time === undefined ? null : Math.round(time - due)
    })
    swaps.push({ version, arrived })
  }
  await settle(stage)
  return { ...(await measurement.end()), swaps }
}

export const PLAYS: Readonly<Record<Scenario, Play>> = {
  load: { run: playLoad },
  outage: { run: playOutage },
  swap: {
    run: playSwap,
    pilotctlOf(place, at, { agents }) {
      if (at !== agents - 1 || !place.node) return undefined
      pointTo(linkOf(place), place.node.pilotctl)
      return linkOf(place)
    },
  },
  import: { run: (stage) => playImport(stage, () => settle(stage)) },
}
