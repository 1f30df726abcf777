/**
 * What was measured, as a table for people: one column for each run, and one for the medians.
 *
 * ```ts
 * streams.out(showBench(await benchSwarm(STANDARD)))
 * ```
 */
import { showNumber, showShare, table } from '../table.ts'
import type { Quantiles } from './quantiles.ts'
import type { MedianRun, SwarmBench } from './result.ts'

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
  ...(['agents', 'pilotctl', 'daemons', 'bench'] as const).map(
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

const showHead = ({ machine, settings }: SwarmBench): string => {
  const { scenario, transport, agents, rate, seconds, versions, isBuilt } = settings
  const over = transport === 'pilot' ? `Pilot ${versions.join(', ')}` : 'a mailbox folder'
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.platform}, Node ${machine.node}, yjs ${machine.yjs}; load before ${machine.load}`,
    `${scenario}: ${agents} agents from ${isBuilt ? 'dist' : 'sources'} over ${over}, ${rate} writes/s for ${seconds} s`,
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
  return `${showHead(bench)}${table([['', ...names], ...rows], 1)}`
}
