/**
 * The generated parts of the documentation, as Markdown made from saved results alone: the same
 * results give the same text, to the byte.
 *
 * ```ts
 * const text = createPart('performance', readResults(dir), '../bench/plots')
 * ```
 */

import { costsText } from '../costs/text.ts'
import { showMachine } from '../runner/machine.ts'
import { unique } from '../runner/stats.ts'
import {
  type Column,
  markdown,
  rowsOf,
  showBytes,
  showCount,
  showNumber,
  showRatio,
  showShare,
  showUs,
} from '../runner/table.ts'
import type { Comparison } from '../simulate/compare.ts'
import type { Finite, WriteRow } from '../simulate/rows.ts'
import type { Result as Simulation } from '../simulate/simulate.ts'
import { OPTIONS } from '../swarm/options.ts'
import type { SwarmBench } from '../swarm/result.ts'
import { type Settings, STANDARD } from '../swarm/settings.ts'
import { participantsOf } from '../workloads/bench.ts'
import type { LostWrites } from '../workloads/lost-writes.ts'
import type { Cell } from '../workloads/merges.ts'
import { benchmarksText } from './benchmarks.ts'
import { findingsText } from './findings.ts'
import { createPlots } from './plots.ts'
import type { Results } from './results.ts'
import { sideText } from './side.ts'
import { TARGET_KEYS, targetRows } from './targets.ts'

export const PART_NAMES = [
  'findings',
  'performance',
  'costs',
  'side',
  'overwrites',
  'plans',
  'summary',
] as const

export type PartName = (typeof PART_NAMES)[number]

/** Workloads of the table of merges, with the heading of their columns. */
const MERGES = [
  ['whole into empty', 'whole state'],
  ['delta of 1 key', 'one key changed'],
  ['nothing new, shortest', 'nothing new'],
] as const

/** The size that the targets are about, or else the largest. */
const cellsAtSize = (merges: readonly Cell[]): Cell[] => {
  const sizes = merges.map(({ keys }) => keys)
  const keys = sizes.includes(TARGET_KEYS) ? TARGET_KEYS : Math.max(...sizes)
  return merges.filter((cell) => cell.keys === keys)
}

const timeOf = ({ us, ratio }: Cell): string => {
  const range = `${showUs(us.min)}–${showUs(us.max)}`
  return `${showUs(us.median)} (${ratio === null ? range : `${range}; ${showRatio(ratio)}`})`
}

const mergesText = ({ result }: Results): string => {
  const { merges = [], clock, reference } = result
  if (merges.length === 0) return ''
  const cells = cellsAtSize(merges)
  const measured = MERGES.filter(([name]) => cells.some(({ workload }) => workload === name))
  const columns = measured.flatMap(([name, title]): Column<string>[] => {
    const find = (engine: string) =>
      cells.find((cell) => cell.engine === engine && cell.workload === name)
    return [
      [`${title}: message`, (engine) => (find(engine) ? showBytes(find(engine)!.bytes) : '-')],
      ['merged in', (engine) => (find(engine) ? timeOf(find(engine)!) : '-')],
    ]
  })
  return `A map of ${showCount(cells[0]!.keys)} keys: ${clock} of one merge, from message to map. In brackets: the least and the most of all
samples, and times ${reference}.

${markdown(rowsOf(unique(cells.map(({ engine }) => engine)), [['', (engine) => engine], ...columns]))}`
}

const lostText = ({ lostWrites = [], swarm }: Results['result']): string => {
  if (lostWrites.length === 0) return ''
  const find = (engine: string, writes: number): LostWrites | undefined =>
    lostWrites.find((row) => row.engine === engine && row.writes === writes)
  const columns = unique(lostWrites.map(({ writes }) => writes)).map(
    (writes): Column<string> => [
      `${writes} writes a round`,
      (engine) => {
        const { lost = 0, written = 0, differing = 0 } = find(engine, writes) ?? {}
        const more = differing === 0 ? '' : `; nodes differ on ${differing}`
        return `${lost} of ${written}${more}`
      },
    ],
  )
  const engines = unique(lostWrites.map(({ engine }) => engine))
  return `
Lost writes: keys that end with another value than the last one written, on some of ${swarm.nodes} nodes that push their
whole state at random.

${markdown(rowsOf(engines, [['', (engine) => engine], ...columns]))}`
}

const showMs = (ms: Finite | undefined): string =>
  ms === null || ms === undefined ? 'never' : showNumber(ms)

const WRITES: readonly Column<WriteRow>[] = [
  ['characters', ({ size }) => showCount(size)],
  ['lost', ({ loss }) => showShare(loss)],
  ['50 % (ms)', ({ ms }) => showMs(ms[0])],
  ['99 % (ms)', ({ ms }) => showMs(ms[2])],
  ['left out', ({ leftOut }) => showShare(leftOut)],
  ['theory', ({ theory }) => showShare(theory.leftOutByDigest)],
  ['messages a node', ({ messages }) => showNumber(messages)],
  ['bytes a node', ({ bytes }) => showNumber(bytes)],
]

const simulationText = ({ settings, writes }: Simulation): string =>
  writes.length === 0
    ? ''
    : `
One write among ${showCount(settings.nodes)} simulated nodes on links of ${settings.latency.join(' to ')} ms: when half and 99 % of the nodes have it
without a round, and the share of nodes that is left to the next round. Medians of ${writes[0]!.writes} writes.

${markdown(rowsOf(writes, WRITES), 0)}`

const LOADS: readonly Column<SwarmBench>[] = [
  ['agents', ({ settings }) => showNumber(settings.agents)],
  ['writes/s', ({ settings }) => showNumber(settings.rate)],
  ['lag p50 (ms)', ({ median }) => showNumber(median.lag.each.p50)],
  ['lag p99 (ms)', ({ median }) => showNumber(median.lag.each.p99)],
  ['equal after the end (s)', ({ median }) => showMs(median.equal.seconds)],
  ['messages a write', ({ median }) => showNumber(median.traffic.perWrite)],
  ['redundant', ({ median }) => showShare(median.traffic.redundantShare)],
  ['failed sends', ({ median }) => showShare(median.traffic.failedShare)],
  ['acknowledged p99 (ms)', ({ median }) => showNumber(median.acknowledgement.p99)],
]

/** The length that most loads share; the text names the others. */
const usualSeconds = (loads: readonly SwarmBench[]): number => {
  const all = loads.map(({ settings }) => settings.seconds)
  const countOf = (seconds: number): number => all.filter((one) => one === seconds).length
  return unique(all).sort((a, b) => countOf(b) - countOf(a))[0]!
}

export const swarmText = (loads: readonly SwarmBench[]): string => {
  const { settings, runs, date, machine } = loads[0]!
  const { transport, versions } = settings
  const over = transport === 'pilot' ? `Pilot ${versions.join(', ')} daemons` : 'a mailbox folder'
  const usual = usualSeconds(loads)
  const others = loads
    .filter((load) => load.settings.seconds !== usual)
    .map(({ settings: { agents, rate, seconds } }) => `, ${agents} at ${rate}/s for ${seconds} s`)
  return `
Real agents, each in a process of its own, over ${over} on loopback, all on one machine: how long a write takes to each
other replica, and what it costs. Each load for ${usual} s${others.join('')}; ${
    runs.length === 1 ? 'one run' : `medians of ${runs.length} runs`
  }.

${markdown(rowsOf(loads, LOADS), 0)}
Measured on ${date.slice(0, 10)}: ${showMachine(machine)} before the first load.
`
}

/** The command that measures the same loads again. Options with their default are left out. */
export const repeatSwarm = (loads: readonly SwarmBench[]): string => {
  const { settings } = loads[0]!
  const usual = usualSeconds(loads)
  const list = loads.map(
    ({ settings: { agents, rate, seconds } }) =>
      `${agents}@${rate}${seconds === usual ? '' : `:${seconds}`}`,
  )
  const given = Object.entries(OPTIONS).flatMap(([key, option]) => {
    const value = `${settings[key as keyof Settings]}`
    const isSaid = ['agents', 'rate', 'seconds'].includes(key)
    if (isSaid || value === `${STANDARD[key as keyof Settings]}`) return []
    return `${'name' in option ? option.name : key}${'value' in option ? ` ${value}` : ''}`
  })
  const words = [`loads ${list.join(',')}`, `seconds ${usual}`, ...given, 'json']
  return `npm run -s bench:swarm -- --${words.join(' --')} > swarm.json`
}

const targetsText = (results: Results): string => `
Targets: merges of ${showCount(TARGET_KEYS)} keys, then simulated writes (each missed target, and the closest of the met ones
of the same name)${results.swarm ? ', then real agents' : ''}.

${markdown([['target', 'wanted', 'measured', ''], ...targetRows(results)])}`

const participantsText = ({ result }: Results): string => {
  const rows = participantsOf(result)
  return rows.length === 0
    ? ''
    : `
<details><summary>Engines and layouts</summary>

${markdown([['', ''], ...rows], 2)}
</details>
`
}

const repeatText = ({ swarm }: Results): string => `
To measure again (\`npm run bench\` takes half an hour, \`npm run simulate\` four minutes; \`-- --help\` lists their options):

\`\`\`
npm run -s bench -- --json > bench.json
npm run -s simulate -- --json > simulation.json
${swarm ? `${repeatSwarm(swarm.loads)}\n` : ''}npm run bench:readme bench.json simulation.json${swarm ? ' swarm.json' : ''}
\`\`\`
`

const performanceText = (results: Results, plots: string): string => {
  const { result, simulation, swarm } = results
  const versions = Object.entries(result.versions ?? {})
    .map(([name, version]) => `, ${name} ${version}`)
    .join('')
  const pictures = createPlots(results).map(
    ({ id, title }) => `<img src="${plots}/${id}.svg" alt="${title}" width="49%" align="top">\n`,
  )
  return [
    mergesText(results),
    benchmarksText(result),
    lostText(result),
    simulation ? simulationText(simulation) : '',
    swarm ? swarmText(swarm.loads) : '',
    targetsText(results),
    '\n',
    ...pictures,
    participantsText(results),
    `
Merges measured on ${result.date.slice(0, 10)}: ${showMachine(result.machine)}; seed ${result.seed}${versions}. The load is the average of
the last minute, in processes: above the number of cores they shared caches.
`,
    repeatText(results),
  ].join('')
}

/** What remains of keys after the most overwrites that were measured. */
const overwritesText = ({ overwrites = [] }: Results['result']): string => {
  const most = Math.max(0, ...overwrites.map(({ times }) => times))
  const rows = overwrites.filter(({ times }) => times === most)
  const [first] = rows
  if (first === undefined) return ''
  const { keys, liveBytes } = first
  const head = `${showCount(keys)} keys x ${showCount(most)} overwrites, ${showBytes(liveBytes)} alive`
  return `
${markdown(
  rowsOf(rows, [
    [
      head,
      ({ layout, writers }) =>
        `${layout}, ${writers === 1 ? 'one writer' : `${writers} writers at once`}`,
    ],
    ['structs in memory', ({ structs }) => showCount(structs)],
    ['bytes', ({ bytes }) => showBytes(bytes)],
  ]),
)}
`
}

/** One condition: the figure with `fanout`, then with `tree`. */
type Pair = readonly [Comparison, Comparison]

const pairColumn = (head: string, show: (one: Comparison) => string): readonly Column<Pair>[] => [
  [`${head}: fanout`, ([fanout]) => show(fanout)],
  ['tree', ([, tree]) => show(tree)],
]

/** The ways to spread a change, side by side. */
const plansText = ({ plans: compared }: Results): string => {
  if (compared === undefined) return ''
  const { plans, size, latency, seed } = compared
  const pairs = plans
    .filter(({ plan }) => plan === 'fanout')
    .flatMap((fanout): Pair[] => {
      const { nodes, condition } = fanout
      const tree = plans.find(
        (one) => one.plan === 'tree' && one.nodes === nodes && one.condition === condition,
      )
      return tree ? [[fanout, tree]] : []
    })
  const columns: readonly Column<Pair>[] = [
    ['condition', ([{ condition }]) => condition],
    ['nodes', ([{ nodes }]) => showCount(nodes)],
    ...pairColumn('p50 (ms)', ({ p50 }) => showMs(p50)),
    ...pairColumn('p99 (ms)', ({ p99 }) => showMs(p99)),
    ...pairColumn('left out', ({ leftOut }) => showShare(leftOut)),
    ...pairColumn('messages', ({ messages }) => showNumber(messages)),
    ...pairColumn('bytes', ({ bytes }) => showNumber(bytes)),
  ]
  return `
A write of ${size} characters on links of ${latency.join(' to ')} ms, without rounds: the time until a node has it, the share of nodes
that is left to the next round, and the messages and bytes of a node for each write. Seed ${seed}.

${markdown(rowsOf(pairs, columns))}
To measure again: \`npm run -s simulate -- --plans --json > plans.json && npm run bench:readme plans.json\`.
`
}

/** A few figures for the README: of the first load, the worst short write, and two merges. */
const summaryText = ({ result, simulation, swarm }: Results): string => {
  const cells = result.merges?.length ? cellsAtSize(result.merges) : []
  const find = (workload: string) =>
    cells.find((cell) => cell.workload === workload && cell.engine === 'pilot-gossip')
  const rows: string[][] = []
  for (const { settings, median } of swarm?.loads.slice(0, 1) ?? []) {
    const { agents, rate } = settings
    const load = `${agents} agents over real daemons, ${rate} ${rate === 1 ? 'write' : 'writes'} a second`
    rows.push([`${load}: lag of a write, median`, `${showNumber(median.lag.each.p50)} ms`])
    rows.push(['the same, 99th percentile', `${showNumber(median.lag.each.p99)} ms`])
  }
  const { writes = [], settings } = simulation ?? {}
  const [worst] = writes.filter(({ size }) => size === writes[0]!.size).slice(-1)
  if (worst && settings) {
    const nodes = `${showCount(settings.nodes)} simulated nodes`
    const name = `${nodes}, ${showShare(worst.loss)} of the messages lost: 99 % have a write after`
    rows.push([name, `${showMs(worst.ms[2])} ms`])
  }
  const [changed, nothing] = [find('delta of 1 key'), find('nothing new, shortest')]
  if (changed) {
    const name = `one of ${showCount(changed.keys)} keys changed: length of the message`
    rows.push([name, showBytes(changed.bytes)])
  }
  if (nothing) rows.push(['nothing changed: time to find that out', showUs(nothing.us.median)])
  return rows.length === 0 ? '' : markdown([['', ''], ...rows])
}

/** `plots` is the folder of the pictures, relative to the page. */
export const createPart = (name: PartName, results: Results, plots: string): string => {
  switch (name) {
    case 'findings':
      return findingsText(results)
    case 'performance':
      return performanceText(results, plots)
    case 'side':
      return sideText(results.side)
    case 'costs':
      return costsText(results.costs)
    case 'overwrites':
      return overwritesText(results.result)
    case 'plans':
      return plansText(results)
    case 'summary':
      return summaryText(results)
  }
}
