/**
 * A result as tables of text, with theory beside the measured figures.
 *
 * ```ts
 * process.stdout.write(showResult(result))
 * ```
 */
import { records, showCount, showNumber, table } from '../runner/table.ts'
import type { Plans } from './compare.ts'
import { FAULT_MS } from './faults.ts'
import { LOAD } from './rates.ts'
import type { Settings } from './settings.ts'
import type { Result } from './simulate.ts'
import { notMeasuredBy } from './verdicts.ts'

const chapter = (note: string, rows: readonly object[], fields?: string): string =>
  rows.length === 0 ? '' : `\n${note}\n${records(rows, fields?.split(' '))}`

/** The numbers for each share of the nodes as fields. */
const byShare = ([p50, p90, p99, all]: readonly (number | null)[]) => {
  const fields = { p50, p90, p99, all }
  return Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, one ?? 'never']))
}

const headOf = (settings: Settings): string => {
  const { nodes, view, fanout, digestFanout, latency, writers, seed, seeds, writes } = settings
  const knows = view >= nodes - 1 ? 'all others' : `${view} others, which know it`
  return `${showCount(nodes)} nodes in virtual time, ${latency.join(' to ')} ms a message; each knows ${knows}
fanout ${fanout}, digest to ${digestFanout}, past writers: ${writers}, seeds ${seed} to ${seed + seeds - 1}, ${writes} writes in each swarm
warm: nodes know their peers, rounds are spread over the interval, all nodes have fetched one long write
`
}

export const showResult = ({
  settings,
  writes,
  rates,
  faults,
  writers,
  verdicts,
}: Result): string =>
  [
    headOf(settings),
    chapter(
      'one write: milliseconds until a share of the nodes has it, without rounds; the mean share left out; then repair',
      writes.map((row) => ({ ...row, ...byShare(row.ms) })),
      'loss size p50 p90 p99 all leftOut roundsMost repairMs',
    ),
    chapter(
      `hops until a share has it, repair included. In theory, rounds in which every node that has it pushes again: push
(Pittel 1987), push-pull (Karp et al. 2000)`,
      writes.map((row) => ({ ...row, ...row.theory, ...byShare(row.hops) })),
      'loss size p50 p90 p99 all hopsMean hopsMost pushRounds pushPullRounds',
    ),
    chapter(
      'of a node: messages, copies of the update among them, their V1 bytes in times the update, bytes of text',
      writes,
      'loss size update messages copies times bytes payload',
    ),
    chapter(
      `theory: share left out by the pushes, and by pushes and later digests (Demers et al. 1987); probability that those
leave no node out (Kermarrec et al. 2003); copies if the digest goes first (Mercier et al. 2017)`,
      writes
        .filter(({ loss }, at) => loss !== writes[at - 1]?.loss)
        .map(({ loss, theory }) => ({ loss, ...theory })),
      'loss leftOutByPush leftOutByDigest allReached fetchedCopies',
    ),
    chapter(
      `traffic of a node per second, rounds included: idle, and with ${LOAD} writes per second in the swarm; then the
milliseconds until 99 % have one of those, median and p99`,
      rates,
    ),
    chapter(
      `${FAULT_MS / 1000} s of a partition (both parts write), or of restarts (nodes keep their document): milliseconds from its end
until all nodes have everything; rounds in that time`,
      faults,
    ),
    chapter('one write by the number of past writers: of a node', writers),
    chapter(
      'targets',
      verdicts.map((one) => ({ ...one, state: one.isInside ? 'inside' : 'OUTSIDE' })),
      'state name of unit value target',
    ),
    table(
      notMeasuredBy(settings).map(({ name, needs }) => ['not measured', name, needs]),
      3,
    ),
  ].join('')

export const showPlans = ({ plans, size, latency, seed }: Plans): string =>
  chapter(
    `a write of ${size} characters on links of ${latency.join(' to ')} ms, seed ${seed}, without rounds: milliseconds to a node; the share
of nodes left out; messages and bytes of a node for each write`,
    plans.map((row) => ({ ...row, p50: row.p50 ?? 'never', p99: row.p99 ?? 'never' })),
  )

/** The cost of the run itself: the only line that differs between machines. */
export const showCost = (
  { user, system }: NodeJS.CpuUsage,
  { maxRSS }: NodeJS.ResourceUsage,
): string =>
  `\nsimulated in ${showNumber((user + system) / 1e6)} s of processor time, ${showCount(maxRSS / 1000)} MB at most\n`
