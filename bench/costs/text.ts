/**
 * What a change, a start, a command and an idle agent cost, as Markdown, with the targets.
 *
 * ```ts
 * const text = costsText(readResults(dir).costs)
 * ```
 */

import { showMachine } from '../runner/machine.ts'
import { unique } from '../runner/stats.ts'
import {
  markdown,
  rowsOf,
  showBytes,
  showCount,
  showNumber,
  showRatio,
  showShare,
  showUs,
} from '../runner/table.ts'
import type { CostsBench } from './bench.ts'
import { exponentOf, MIN_POINTS } from './fit.ts'
import type { GrowthRow } from './growth.ts'

interface Fitted {
  readonly series: string
  readonly ours: number
  readonly yjs: number
  readonly rows: readonly GrowthRow[]
}

const fitAll = (growth: readonly GrowthRow[]): Fitted[] =>
  unique(growth.map(({ series }) => series)).flatMap((series) => {
    const rows = growth.filter((row) => row.series === series)
    if (rows.length < MIN_POINTS) return []
    const exponent = (of: (row: GrowthRow) => number): number =>
      exponentOf(rows.map((row) => [row.size, of(row)]))
    const [ours, yjs] = [exponent(({ us }) => us.median), exponent(({ yjsUs }) => yjsUs.median)]
    return [{ series, ours, yjs, rows }]
  })

const isHot = ({ series }: Fitted): boolean => series.startsWith('hot')

const exponentText = (exponent: number): string => exponent.toFixed(2)

const growthText = ({ growth = [], settings }: CostsBench): string => {
  const fitted = fitAll(growth)
  if (fitted.length === 0) return ''
  const columns = fitted[0]!.rows.map((_, at) => at)
  const cell = ({ us, yjsUs }: GrowthRow): string =>
    `${showUs(us.median)} (${showUs(yjsUs.median)})`
  return `
### A change in a larger document

Processor time of one change, with the digests of state and content; in brackets the same change in Yjs alone. Each cell is a
size, from small to large, and its time; medians of ${settings.runs} runs. The exponents are fitted over all sizes: 0 does not grow, 1 grows as
the document does.

${markdown(
  rowsOf(fitted, [
    ['', ({ series }) => series],
    ...columns.map(
      (at) =>
        [
          ['small', 'medium', 'large'][at] ?? `${at + 1}`,
          ({ rows }: Fitted) => `${showCount(rows[at]!.size)}: ${cell(rows[at]!)}`,
        ] as const,
    ),
    ['exponent', ({ ours }) => exponentText(ours)],
    ['of Yjs', ({ yjs }) => exponentText(yjs)],
  ]),
)}`
}

const profilesText = ({ profiles = [] }: CostsBench): string => {
  if (profiles.length === 0) return ''
  const parts = unique(profiles.flatMap((row) => row.parts.map(({ part }) => part)))
  const shareOf = (at: number, part: string): number =>
    profiles[at]!.parts.find((one) => one.part === part)?.share ?? 0
  return `
### From the message to the map

One changed key of 10,000: the share of each part in the processor time, by the samples of V8's profiler.

${markdown([
  ['', ...profiles.map(({ engine }) => engine)],
  ['one message', ...profiles.map(({ us }) => showUs(us))],
  ['the same in Yjs alone', ...profiles.map(({ yjsUs }) => showUs(yjsUs))],
  ...parts.map((part) => [part, ...profiles.map((_, at) => showShare(shareOf(at, part)))]),
])}`
}

const rangesText = ({ ranges = [] }: CostsBench): string =>
  ranges.length === 0
    ? ''
    : `
### Repair with many past writers

Two replicas, one of which lacks a write of one writer: what they exchange until both know it, beside a vector of all writers.

${markdown(
  rowsOf(ranges, [
    ['past writers', ({ writers }) => showCount(writers)],
    ['messages', ({ messages }) => showCount(messages)],
    ['bytes of ranges', ({ bytes }) => showCount(bytes)],
    ['a vector', ({ vectorBytes }) => showBytes(vectorBytes)],
  ]),
)}`

const sealingText = ({ sealing = [] }: CostsBench): string =>
  sealing.length === 0
    ? ''
    : `
### A sealed message

A push of a swarm with a secret: its characters, and processor time.

${markdown(
  rowsOf(sealing, [
    ['', ({ message }) => message],
    ['open', ({ chars }) => showCount(chars)],
    ['sealed', ({ sealedChars }) => showCount(sealedChars)],
    ['to seal', ({ sealUs }) => showUs(sealUs)],
    ['to open', ({ openUs }) => showUs(openUs)],
  ]),
)}`

const ms = (value: number): string => `${showNumber(value)} ms`
const mb = (value: number): string => `${showNumber(value)} MB`

const startsText = ({ starts = [] }: CostsBench): string =>
  starts.length === 0
    ? ''
    : `
### A start

\`openMap\` of the built package with that many keys on disk, in a process of its own: until it is open, and the peak of its memory,
node included. Beside it Yjs alone, which applies the same state as one update.

${markdown(
  rowsOf(starts, [
    ['keys', ({ keys, layout }) => `${showCount(keys)}, ${layout}`],
    ['start', (row) => ms(row.ms)],
    ['of Yjs', ({ yjsMs }) => ms(yjsMs)],
    ['memory', ({ rssMb }) => mb(rssMb)],
    ['of Yjs', ({ yjsRssMb }) => mb(yjsRssMb)],
  ]),
)}`

const commandsText = ({ commands = [], streams = [], idle }: CostsBench): string => {
  const parts: string[] = []
  if (commands.length > 0)
    parts.push(
      `A command as a whole process, elapsed, beside \`node -e 0\` in turn:

${markdown(
  rowsOf(commands, [
    ['', ({ command }) => command],
    ['command', (row) => ms(row.ms)],
    ['node -e 0', ({ nodeMs }) => ms(nodeMs)],
    ['times', ({ ratio }) => showRatio(ratio)],
  ]),
)}`,
    )
  if (streams.length > 0)
    parts.push(
      `Rows of a long list, from the start of the process:

${markdown(
  rowsOf(streams, [
    ['', ({ command, keys }) => `${command}, ${showCount(keys)} keys`],
    ['first row', ({ firstMs }) => ms(firstMs)],
    ['all rows', (row) => ms(row.ms)],
  ]),
)}`,
    )
  if (idle)
    parts.push(
      `An idle agent with ten keys and one peer over a mailbox takes ${showNumber(idle.cpuMsPerSecond)} ms of processor and ${showNumber(idle.wakeupsPerSecond)} wake-ups a second,
and ${mb(idle.rssMb)} of memory; a bare node that listens has ${mb(idle.baseRssMb)}.
`,
    )
  return parts.length === 0 ? '' : `\n### Commands, and an idle agent\n\n${parts.join('\n')}`
}

const MAX_CHANGE_EXPONENT = 0.1
const MAX_HOT_EXPONENT = 0.2

/** Times Yjs alone, by engine. */
const MAX_MESSAGE_RATIO: Readonly<Record<string, number>> = {
  'pilot-gossip': 2,
  'pilot-gossip hot': 3,
}

/** Bytes of ranges, however many writers there were. */
const MAX_RANGES_BYTES = 1_000

/** Of one key: characters more, and microseconds on both sides. */
const MAX_SEALED_CHARS = 60
const MAX_SEALED_US = 20

/** Of a million keys. */
const MAX_START_MS = 4_000
const MAX_START_MB = 600
const START_TARGET_KEYS = 1_000_000

/** Times `node -e 0`. */
const MAX_COMMAND_RATIO = 1.3
const MAX_FIRST_ROW_MS = 200

/** Of an idle agent: milliseconds and wake-ups in a second, megabytes. */
const MAX_IDLE = { cpuMsPerSecond: 1, wakeupsPerSecond: 5, rssMb: 50 }

const row = (
  name: string,
  bound: number,
  value: number,
  show: (value: number) => string,
): string[] => [name, `<= ${show(bound)}`, show(value), value <= bound ? 'met' : '**missed**']

export const costTargets = ({
  growth = [],
  profiles = [],
  ranges = [],
  sealing = [],
  starts = [],
  commands = [],
  streams = [],
  idle,
}: CostsBench): string[][] => [
  ...fitAll(growth).map((fitted) =>
    row(
      `${isHot(fitted) ? fitted.series : `a change with more ${fitted.series}`}: exponent`,
      isHot(fitted) ? MAX_HOT_EXPONENT : MAX_CHANGE_EXPONENT,
      fitted.ours,
      exponentText,
    ),
  ),
  ...profiles.flatMap(({ engine, us, yjsUs }) => {
    const max = MAX_MESSAGE_RATIO[engine]
    return max === undefined
      ? []
      : [row(`${engine}, one key changed: times Yjs alone`, max, us / yjsUs, showRatio)]
  }),
  ...ranges
    .slice(-1)
    .map(({ writers, bytes }) =>
      row(`ranges, ${showCount(writers)} past writers: bytes`, MAX_RANGES_BYTES, bytes, showNumber),
    ),
  ...sealing
    .slice(-1)
    .flatMap(({ message, chars, sealedChars, sealUs, openUs }) => [
      row(`sealed, ${message}: characters more`, MAX_SEALED_CHARS, sealedChars - chars, showNumber),
      row(`sealed, ${message}: to seal and open`, MAX_SEALED_US, sealUs + openUs, showUs),
    ]),
  ...starts
    .filter(({ keys }) => keys === START_TARGET_KEYS)
    .flatMap(({ keys, layout, ms: time, rssMb }) => {
      const name = `${showCount(keys)} keys, ${layout}`
      return [
        row(`${name}: time of a start`, MAX_START_MS, time, ms),
        row(`${name}: memory of a start`, MAX_START_MB, rssMb, mb),
      ]
    }),
  ...commands.map(({ command, ratio }) =>
    row(`${command}: times node -e 0`, MAX_COMMAND_RATIO, ratio, showRatio),
  ),
  ...streams.map(({ command, firstMs }) =>
    row(`${command}: the first row`, MAX_FIRST_ROW_MS, firstMs, ms),
  ),
  ...(idle
    ? [
        row(
          'an idle agent: processor in a second',
          MAX_IDLE.cpuMsPerSecond,
          idle.cpuMsPerSecond,
          ms,
        ),
        row(
          'an idle agent: wake-ups in a second',
          MAX_IDLE.wakeupsPerSecond,
          idle.wakeupsPerSecond,
          showNumber,
        ),
        row('an idle agent: idle memory', MAX_IDLE.rssMb, idle.rssMb, mb),
      ]
    : []),
]

export const repeatCosts = ({ settings: { runs } }: CostsBench): string =>
  `npm run build && npm run -s bench:costs -- --runs ${runs} --json > costs.json`

export const costsText = (costs: CostsBench | undefined): string => {
  if (costs === undefined) return ''
  const { date, machine } = costs
  return `${growthText(costs)}${profilesText(costs)}${rangesText(costs)}${sealingText(costs)}${startsText(costs)}${commandsText(costs)}
### Targets of these

${markdown([['target', 'wanted', 'measured', ''], ...costTargets(costs)])}
Measured on ${date.slice(0, 10)}: ${showMachine(machine)} before. To measure again:

\`\`\`
${repeatCosts(costs)}
npm run bench:readme costs.json
\`\`\`
`
}
