/**
 * What the README says about performance: Markdown and the pictures it shows, from saved results
 * alone. The same results give the same text, to the last byte.
 *
 * ```ts
 * const { text, pictures } = createSection(result, simulation, swarm)
 * writeFileSync('README.md', replacePart(readme, 'performance', text))
 * ```
 */
import { showCount, showRatio } from '../runner/table.ts'
import { unique } from '../runner/unique.ts'
import type { Result as Simulation } from '../simulate/simulate.ts'
import type { SwarmBenches } from '../swarm/result.ts'
import type { BenchResult } from '../workloads/bench.ts'
import type { Cell } from '../workloads/merges.ts'
import type { Overwrites } from '../workloads/overwrites.ts'
import { createFigures } from './figures.ts'
import { markdown } from './markdown.ts'
import type { Figure } from './plot/figure.ts'
import { BYTES, MICROSECONDS } from './plot/unit.ts'
import { participantsOf, showMachine } from './report.ts'
import { writesTable } from './simulation-chapters.ts'
import { repeatSwarm, swarmText } from './swarm-part.ts'
import { TARGET_KEYS, targetsTable } from './targets.ts'

/** Where the pictures lie, from the project's root. */
export const PLOTS = 'bench/plots'

/** Workloads of the table, each with the words above its columns. Those that were not run are left out. */
const COLUMNS: ReadonlyMap<string, string> = new Map([
  ['whole into empty', 'whole state'],
  ['delta of 1 key', 'one key changed'],
  ['nothing new, shortest', 'nothing new'],
])

/** What the names of the pictures begin with; the first one of each is shown. */
const SHOWN: readonly string[] = [
  'time-whole-into-empty',
  'bytes-whole-into-empty',
  'time-delta-of-1-key',
  'bytes-delta-of-1-key',
  'overwrites-bytes',
  'lost-writes',
  'reached-',
  'missing-',
  'swarm-lag',
]

export interface Section {
  /** Markdown, without the markers. */
  readonly text: string
  /** In the order in which they are shown. */
  readonly pictures: readonly Figure[]
}

const timeOf = ({ us, ratio }: Cell): string =>
  ratio === null
    ? MICROSECONDS.show(us.median)
    : `${MICROSECONDS.show(us.median)} (${showRatio(ratio)})`

/** An engine a row, at the map that the targets are about, or else the largest. */
const mergesText = (merges: readonly Cell[], { reference, clock }: BenchResult): string => {
  const sizes = merges.map((cell) => cell.keys)
  const keys = sizes.includes(TARGET_KEYS) ? TARGET_KEYS : Math.max(...sizes)
  const cells = merges.filter((cell) => cell.keys === keys)
  const columns = [...COLUMNS].filter(([name]) => cells.some(({ workload }) => workload === name))
  const rows = unique(cells.map(({ engine }) => engine)).map((engine) => [
    engine,
    ...columns.flatMap(([name]) => {
      const cell = cells.find((one) => one.engine === engine && one.workload === name)
      return cell ? [BYTES.show(cell.bytes), timeOf(cell)] : ['-', '-']
    }),
  ])
  const head = ['', ...columns.flatMap(([, title]) => [`${title}: message`, 'merged in'])]
  return `A map of ${showCount(keys)} keys; ${clock} of one merge, from message to map; in brackets: times ${reference}.

${markdown({ head, rows, left: 1 })}`
}

/** Columns of the simulation's table that are shown here. */
const SIMULATED: readonly string[] = [
  'characters',
  'lost',
  '50 % (ms)',
  '99 % (ms)',
  'left out',
  'theory',
  'messages a node',
  'bytes a node',
]

const simulationText = ({ settings, writes }: Simulation): string => {
  const { head, rows } = writesTable(writes)
  const at = SIMULATED.map((name) => head.indexOf(name))
  const [shortest, longest] = settings.latency
  return `
One write among ${showCount(settings.nodes)} simulated nodes on links of ${shortest} to ${longest} ms, with nobody waiting for a round: when half
and 99 % of them have it, and who is left to the next round. Medians of ${writes[0]!.writes} writes.

${markdown({ head: SIMULATED, rows: rows.map((row) => at.map((column) => row[column]!)), left: 0 })}`
}

const targetsText = (
  merges: readonly Cell[],
  simulation?: Simulation,
  swarm?: SwarmBenches,
): string => `
What was to be reached; merges at ${showCount(TARGET_KEYS)} keys${
  simulation
    ? `, writes among ${showCount(simulation.settings.nodes)} simulated nodes (of one name: each that is missed,
and the one nearest to its target of those that are met)`
    : ''
}${swarm ? ', real agents' : ''}:

${markdown(targetsTable(merges, simulation, swarm))}`

/** The other part: what is left of keys after as many overwrites as were tried. */
export const createOverwritesText = (all: readonly Overwrites[]): string => {
  const most = Math.max(0, ...all.map(({ times }) => times))
  const rows = all.filter(({ times }) => times === most)
  const [first] = rows
  if (first === undefined) return ''
  const { keys, liveBytes } = first
  return `
${markdown({
  head: [
    `${showCount(keys)} keys x ${showCount(most)} overwrites, ${BYTES.show(liveBytes)} alive`,
    'structs in memory',
    'bytes',
  ],
  rows: rows.map(({ layout, writers, structs, bytes }) => [
    `${layout}, ${writers === 1 ? 'one writer' : `${writers} writers at once`}`,
    showCount(structs),
    BYTES.show(bytes),
  ]),
  left: 1,
})}
`
}

const participantsText = (result: BenchResult): string => {
  const rows = participantsOf(result)
  if (rows.length === 0) return ''
  return `
<details><summary>Who takes part</summary>

${markdown({ head: ['', ''], rows, left: 2 })}
</details>
`
}

const picturesText = (pictures: readonly Figure[]): string =>
  pictures
    .map(
      ({ id, picture: { title } }) =>
        `<img src="../${PLOTS}/${id}.svg" alt="${title}" width="49%" align="top">\n`,
    )
    .join('')

/** How to make the section again. */
const repeatText = (swarm?: SwarmBenches): string => `
To repeat it: \`npm run bench\` prints all tables and writes a page with all plots in twenty minutes (\`-- --quick\`
fewer in less than two, \`-- --help\` for more), \`npm run simulate\` is the swarm, in four minutes${
  swarm ? ',\n`npm run bench:swarm` the real agents' : ''
}. This section:

\`\`\`
npm run -s bench -- --json > bench.json
npm run -s simulate -- --json > simulation.json
${swarm ? `${repeatSwarm(swarm.loads)}\n` : ''}npm run bench:readme bench.json simulation.json${swarm ? ' swarm.json' : ''}
\`\`\`
`

export const createSection = (
  result: BenchResult,
  simulation?: Simulation,
  swarm?: SwarmBenches,
): Section => {
  const figures = [...createFigures(result, simulation, swarm).values()].flat()
  const pictures = SHOWN.flatMap((start) => figures.find(({ id }) => id.startsWith(start)) ?? [])
  const { merges = [], date, seed } = result
  const text = `${merges.length > 0 ? mergesText(merges, result) : ''}${
    simulation && simulation.writes.length > 0 ? simulationText(simulation) : ''
  }${swarm ? swarmText(swarm.loads) : ''}${
    merges.length > 0 || simulation || swarm ? targetsText(merges, simulation, swarm) : ''
  }
${picturesText(pictures)}${participantsText(result)}
Made on ${date.slice(0, 10)}: ${showMachine(result)}; seed ${seed}.
The load is that of the last minute, in processes: above the number of cores, caches were shared.
${repeatText(swarm)}`
  return { text, pictures }
}
