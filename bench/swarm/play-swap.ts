/**
 * Another pilotctl is put in place of the one that the last agent uses, as an update of the host
 * would: does what it writes next arrive? It is given the path of a link, and the link changes.
 */
import { mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { programs } from '../../test/pilot/programs.ts'
import { within } from './clock.ts'
import type { Play } from './play.ts'
import type { Swap } from './result.ts'
import type { Place } from './world.ts'

/** Milliseconds to wait for one write: six rounds, so that repair has its chance too. */
const ARRIVAL = 30_000

const linkOf = ({ home }: Place): string => join(home, 'link', 'pilotctl')

/** At once: at no time is there no program. */
const pointTo = (link: string, program: string): void => {
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(program, `${link}.new`)
  renameSync(`${link}.new`, link)
}

export const SWAP: Play = {
  pilotctlOf: (place, at, { agents }) => {
    if (at !== agents - 1 || !place.node) return undefined
    pointTo(linkOf(place), place.node.pilotctl)
    return linkOf(place)
  },
  run: async ({ crew, settings, signal, progress }, measurement) => {
    const last = crew.agents.length - 1
    const place = crew.agents[last]?.place
    if (!place) throw new TypeError('there is no agent')
    const swaps: Swap[] = []
    for (const version of settings.swaps) {
      pointTo(linkOf(place), programs(version).pilotctl)
      progress(`pilotctl is ${version} now: does a write arrive?`)
      const { due, seen } = measurement.write(last)
      const peers = crew.agents.map((_, at) => at).filter((at) => at !== last)
      await within(ARRIVAL, signal, () => peers.every((peer) => seen[peer] !== undefined))
      const arrived = peers.map((peer) => {
        const time = seen[peer]
        return time === undefined ? null : Math.round(time - due)
      })
      swaps.push({ version, arrived })
    }
    progress('waiting for the replicas to be equal')
    await measurement.settle()
    return { ...(await measurement.end()), swaps }
  },
}
