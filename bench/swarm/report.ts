/**
 * A bench as a table of text: a row for each number of a run, a column for each run, and one for the
 * medians.
 *
 * ```ts
 * streams.out(showBench(await benchSwarm(STANDARD)))
 * ```
 */
import { showMachine } from '../runner/machine.ts'
import { records, showNumber, table } from '../runner/table.ts'
import type { MedianRun, SwarmBench } from './result.ts'
import type { Settings } from './settings.ts'

/** The numbers of a run by dotted name. Counters and series are left to `--json`. */
const numbersOf = (value: object, prefix = ''): [name: string, shown: string][] =>
  Object.entries(value).flatMap(([name, part]): [string, string][] => {
    if (name === 'counters' || name === 'samples' || Array.isArray(part)) return []
    if (typeof part === 'number') return [[`${prefix}${name}`, showNumber(part)]]
    if (part === null) return [[`${prefix}${name}`, '-']]
    return typeof part === 'object' ? numbersOf(part, `${prefix}${name}.`) : []
  })

const showSeries = ({ swaps, import: imported }: MedianRun): string =>
  [
    swaps?.map(({ version, arrived }) => ({
      pilotctl: version,
      msToEachPeer: arrived.map((ms) => ms ?? 'never').join(' / '),
    })),
    imported?.growth.map(({ keys: _, ...times }) => times),
  ]
    .map((rows) => (rows ? `\n${records(rows)}` : ''))
    .join('')

const describe = (settings: Settings): string => {
  const { scenario, rate, seconds, outageSeconds, swaps, entries, entryBytes } = settings
  switch (scenario) {
    case 'load':
      return `${rate} writes/s for ${seconds} s`
    case 'outage':
      return `${rate} writes/s while one has no daemon for ${outageSeconds} s`
    case 'swap':
      return `pilotctl of one becomes ${swaps.join(', ')}`
    case 'import':
      return `${rate} writes/s while one imports ${entries} values of ${entryBytes} bytes`
  }
}

/** `5 agents at 20/s`. */
export const nameOf = ({ agents, rate }: Settings): string => `${agents} agents at ${rate}/s`

export const showBench = ({ machine, settings, runs, median }: SwarmBench): string => {
  const { transport, agents, versions, isBuilt } = settings
  const over = transport === 'pilot' ? `Pilot ${versions.join(', ')}` : 'a mailbox folder'
  // The median of a single run is that run.
  const shown: readonly MedianRun[] = runs.length === 1 ? runs : [...runs, median]
  const columns = shown.map((run) => new Map(numbersOf(run)))
  const names = [...columns.at(-1)!.keys()]
  const rows = names.map((name) => [name, ...columns.map((column) => column.get(name) ?? '0')])
  const heads = ['', ...shown.map((_, at) => (at < runs.length ? `run ${at + 1}` : 'median'))]
  return `${showMachine(machine)} before
${agents} agents from ${isBuilt ? 'dist' : 'sources'} over ${over}: ${describe(settings)}
quantiles are in ms, memory in bytes; -: never, or unknown

${table([heads, ...rows])}${showSeries(median)}`
}
