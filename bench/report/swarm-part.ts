/**
 * What the README says of real agents over real daemons: a table of all loads, on what it was
 * measured, and the command that measures it again.
 *
 * ```ts
 * const text = swarmText(swarm.loads) + repeatSwarm(swarm.loads)
 * ```
 */
import { showNumber } from '../runner/table.ts'
import { unique } from '../runner/unique.ts'
import type { SwarmBench } from '../swarm/result.ts'
import { type Settings, STANDARD } from '../swarm/settings.ts'
import { markdown } from './markdown.ts'
import { SHARE } from './plot/unit.ts'
import { showMachine } from './report.ts'

const HEAD: readonly string[] = [
  'agents',
  'writes/s',
  'lag p50 (ms)',
  'lag p99 (ms)',
  'equal after the end (s)',
  'messages a write',
  'redundant',
  'failed sends',
  'acknowledged p99 (ms)',
]

const rowOf = ({ settings, median }: SwarmBench): string[] => {
  const { lag, equal, traffic, acknowledgement } = median
  return [
    showNumber(settings.agents),
    showNumber(settings.rate),
    showNumber(lag.each.p50),
    showNumber(lag.each.p99),
    equal.seconds === null ? 'never' : showNumber(equal.seconds),
    showNumber(traffic.perWrite),
    SHARE.show(traffic.redundantShare),
    SHARE.show(traffic.failedShare),
    showNumber(acknowledgement.p99),
  ]
}

/** The one length that most loads have; the others are said with each load. */
const secondsOf = (loads: readonly SwarmBench[]): number => {
  const all = loads.map(({ settings }) => settings.seconds)
  const countOf = (seconds: number): number => all.filter((one) => one === seconds).length
  return unique(all).sort((a, b) => countOf(b) - countOf(a))[0]!
}

const overOf = ({ transport, versions }: Settings): string =>
  transport === 'pilot' ? `real daemons (Pilot ${versions.join(', ')})` : 'a mailbox folder'

const lengthsText = (loads: readonly SwarmBench[]): string => {
  const usual = secondsOf(loads)
  const others = loads
    .filter(({ settings }) => settings.seconds !== usual)
    .map(({ settings: { agents, rate, seconds } }) => `, ${agents} at ${rate}/s for ${seconds} s`)
  return `Each load for ${usual} s${others.join('')}`
}

/** Empty without a load. */
export const swarmText = (loads: readonly SwarmBench[]): string => {
  const [first] = loads
  if (first === undefined) return ''
  const { settings, runs, date } = first
  return `
Real agents, each a process of its own, over ${overOf(settings)} on loopback, all on one machine: how long a write
takes to each other replica, and what it costs. ${lengthsText(loads)}; ${
    runs.length === 1 ? 'one run' : `medians of ${runs.length} runs`
  }.

${markdown({ head: HEAD, rows: loads.map(rowOf), left: 0 })}
Made on ${date.slice(0, 10)}: ${showMachine(first)} before the first of them.
`
}

/** Options beside the loads, as words; those that are as by default are not said. */
const OPTIONS: readonly (readonly [name: string, of: (settings: Settings) => unknown])[] = [
  ['transport', ({ transport }) => transport],
  ['versions', ({ versions }) => versions.join(',')],
  ['value', ({ valueBytes }) => valueBytes],
  ['hot', ({ isHot }) => isHot],
  ['settle', ({ settleSeconds }) => settleSeconds],
  ['idle', ({ idleSeconds }) => idleSeconds],
  ['interval', ({ interval }) => interval],
  ['fanout', ({ fanout }) => fanout],
  ['built', ({ isBuilt }) => isBuilt],
]

const optionsOf = (settings: Settings): string[] =>
  OPTIONS.filter(([, of]) => of(settings) !== of(STANDARD)).map(([name, of]) => {
    const value = of(settings)
    return value === true ? ` --${name}` : ` --${name} ${value}`
  })

/** The command that measures the same loads again; empty without a load. */
export const repeatSwarm = (loads: readonly SwarmBench[]): string => {
  const [first] = loads
  if (first === undefined) return ''
  const usual = secondsOf(loads)
  const list = loads.map(
    ({ settings: { agents, rate, seconds } }) =>
      `${agents}@${rate}${seconds === usual ? '' : `:${seconds}`}`,
  )
  const words = `--loads ${list.join(',')} --seconds ${usual} --runs ${first.settings.runs}`
  const others = optionsOf(first.settings).join('')
  return `npm run -s bench:swarm -- ${words}${others} --json > swarm.json`
}
