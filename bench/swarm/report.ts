/**
 * What was measured, as a table for people: one column for each run, and one for the medians.
 *
 * ```ts
 * streams.out(showBench(await benchSwarm(STANDARD)))
 * ```
 */
import { showCount, showNumber, showRatio, showShare, table } from '../runner/table.ts'
import type { Quantiles } from './quantiles.ts'
import type { MedianRun, SwarmBench } from './result.ts'
import type { Settings } from './settings.ts'

type Row = readonly [name: string, show: (run: MedianRun) => string]

const showSeconds = (seconds: number | null): string =>
  seconds === null ? 'never' : `${showNumber(seconds)} s`

const showMegabytes = (bytes: number | null): string =>
  bytes === null ? '-' : `${showNumber(bytes / 1e6)} MB`

const showTimes = ({ p50, p99, max }: Quantiles): string =>
  [p50, p99, max].map((ms) => showNumber(ms)).join(' / ')

const showProblems = (problems: Readonly<Record<string, number>>): string =>
  Object.entries(problems)
    .map(([code, count]) => `${count} ${code}`)
    .join(', ') || 'none'

const ROWS: readonly Row[] = [
  ['lag to each replica, p50/p99/max ms', ({ lag }) => showTimes(lag.each)],
  ['lag to all, p50/p99/max ms', ({ lag }) => showTimes(lag.all)],
  ['acknowledged after, p50/p99/max ms', ({ acknowledgement }) => showTimes(acknowledgement)],
  ['equal after the end', ({ equal }) => showSeconds(equal.seconds)],
  ['writes', ({ writes }) => showNumber(writes.issued)],
  ['  refused or unanswered', ({ writes }) => showNumber(writes.failed)],
  ['  lost', ({ writes }) => showNumber(writes.lost)],
  ['  issued late, p99 ms', ({ writes }) => showNumber(writes.lateness.p99)],
  ['messages a write', ({ traffic }) => showNumber(traffic.perWrite)],
  ['bytes a write', ({ traffic }) => showNumber(traffic.bytesPerWrite)],
  ['redundant', ({ traffic }) => showShare(traffic.redundantShare)],
  [
    'failed sends',
    ({ traffic }) => `${showNumber(traffic.failedSends)} (${showShare(traffic.failedShare)})`,
  ],
  ['messages a second when idle', ({ idle }) => showNumber(idle.messagesPerSecond)],
  ['unread in one inbox, at most', ({ backlog }) => showNumber(backlog.max)],
  ['unread in all at the end', ({ backlog }) => showNumber(backlog.last)],
  ...(['agents', 'pilotctl', 'daemons', 'bench', 'others'] as const).map(
    (part): Row => [
      `processor of ${part}`,
      ({ processorSeconds }) =>
        processorSeconds === null ? '-' : showSeconds(processorSeconds[part]),
    ],
  ),
  ...(['start', 'middle', 'end'] as const).map(
    (when): Row => [`memory of agents, ${when}`, ({ memory }) => showMegabytes(memory[when])],
  ),
  ['problems', ({ problems }) => showProblems(problems)],
]

/** Milliseconds of each peer. */
const showArrivals = (arrived: readonly (number | null)[]): string =>
  arrived.map((ms) => (ms === null ? 'never' : showNumber(ms))).join(' / ')

const showSwaps = ({ swaps = [] }: MedianRun): string => {
  if (swaps.length === 0) return ''
  const rows = swaps.map(({ version, arrived }) => [version, showArrivals(arrived)])
  return `\n${table([['pilotctl', 'arrived at each peer after ms'], ...rows], 1)}`
}

const showImport = ({ import: imported }: MedianRun): string => {
  if (!imported) return ''
  const { entries, bytes, seconds, growth, sentPerPeer, sentByAllPerPeer } = imported
  const head = ['peer', 'first keys', 'whole', 'longest pause']
  const rows = growth.map(({ name, firstSeconds, wholeSeconds, pauseSeconds }) => [
    name,
    ...[firstSeconds, wholeSeconds, pauseSeconds].map(showSeconds),
  ])
  return [
    '\n',
    `${showCount(entries)} values of ${showMegabytes(bytes)} in all, imported in ${showSeconds(seconds)};`,
    ` sent by peer ${showRatio(sentPerPeer)} times that, by all agents ${showRatio(sentByAllPerPeer)} times\n`,
    table([head, ...rows], 1),
  ].join('')
}

const describe = (settings: Settings): string => {
  const { scenario, rate, seconds, outageSeconds, swaps, entries, entryBytes } = settings
  switch (scenario) {
    case 'load':
      return `${rate} writes/s for ${seconds} s`
    case 'outage':
      return `${rate} writes/s while one is without its daemon for ${outageSeconds} s`
    case 'swap':
      return `pilotctl becomes ${swaps.join(', ')} under one`
    case 'import':
      return `${rate} writes/s while one imports ${entries} values of ${entryBytes} bytes`
  }
}

/** A load in a few words: `5 agents at 20/s`. */
export const nameOf = ({ agents, rate }: Settings): string => `${agents} agents at ${rate}/s`

const showHead = ({ machine, settings }: SwarmBench): string => {
  const { transport, agents, versions, isBuilt } = settings
  const over = transport === 'pilot' ? `Pilot ${versions.join(', ')}` : 'a mailbox folder'
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.platform}, Node ${machine.node}, yjs ${machine.yjs}; load before ${machine.load}`,
    `${agents} agents from ${isBuilt ? 'dist' : 'sources'} over ${over}: ${describe(settings)}`,
    '',
  ]
    .map((line) => `${line}\n`)
    .join('')
}

export const showBench = (bench: SwarmBench): string => {
  const { runs, median } = bench
  const isOne = runs.length === 1
  const columns: MedianRun[] = isOne ? [...runs] : [...runs, median]
  const names = isOne ? ['run'] : [...runs.map((_, at) => `run ${at + 1}`), 'median']
  const rows = ROWS.map(([name, show]) => [name, ...columns.map(show)])
  const more = `${showSwaps(columns.at(-1)!)}${showImport(columns.at(-1)!)}`
  return `${showHead(bench)}${table([['', ...names], ...rows], 1)}${more}`
}
