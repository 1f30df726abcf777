/**
 * A result as tables for people, theory beside what was measured.
 *
 * ```ts
 * process.stdout.write(showResult(result))
 * ```
 */
import { showCount, showNumber, showRatio, showShare, table } from '../runner/table.ts'
import { FAULT_MS } from './faults.ts'
import { LOAD } from './rates.ts'
import type { FaultRow, Finite, RateRow, WriteRow, WritersRow } from './rows.ts'
import type { Settings } from './settings.ts'
import type { Result } from './simulate.ts'
import { unaskedOf, type Verdict } from './verdicts.ts'

const showMs = (ms: Finite): string => (ms === null ? 'never' : showNumber(Math.round(ms)))

const writesText = (rows: readonly WriteRow[], { seeds, writes }: Settings): string => {
  const times = [
    ['loss', 'value', 'p50', 'p90', 'p99', 'all', 'left out', 'rounds', 'ms'],
    ...rows.map(({ loss, size, ms, leftOut, roundsMost, repairMs }) => [
      showShare(loss),
      showCount(size),
      ...ms.map(showMs),
      showShare(leftOut),
      `${roundsMost}`,
      repairMs === null ? '-' : showMs(repairMs),
    ]),
  ]
  const hops = [
    ['loss', 'value', 'p50', 'p90', 'p99', 'all', 'mean', 'most', 'push', 'push-pull'],
    ...rows.map(({ loss, size, hops, hopsMean, hopsMost, theory }) => [
      showShare(loss),
      showCount(size),
      ...hops.map(showNumber),
      showRatio(hopsMean),
      showNumber(hopsMost),
      theory.pushRounds.toFixed(1),
      theory.pushPullRounds.toFixed(1),
    ]),
  ]
  const costs = [
    ['loss', 'value', 'update', 'messages', 'copies', 'x update', 'bytes', 'payload', 'envelope'],
    ...rows.map(({ loss, size, update, messages, copies, times, bytes, payload }) => [
      showShare(loss),
      showCount(size),
      showCount(update),
      messages.toFixed(2),
      copies.toFixed(2),
      times.toFixed(2),
      showCount(bytes),
      showCount(payload),
      showCount(bytes - payload),
    ]),
  ]
  const theory = [
    ['loss', 'left out: push', 'push, echo', 'nobody left out', 'copies, fetched'],
    ...rows
      .filter(({ loss }, index) => loss !== rows[index - 1]?.loss)
      .map(({ loss, theory: of }) => [
        showShare(loss),
        showShare(of.leftOutByPush),
        showShare(of.leftOutByEcho),
        showShare(of.allReached),
        of.fetchedCopies.toFixed(3),
      ]),
  ]
  return `
one write: median of ${writes} writes in each of ${seeds} swarms

milliseconds until a share of the nodes has it, by pushes and echo alone; then the mean share left out, the most
rounds of everybody that repair took, and its median time
${table(times, 2)}
hops until a share has it, with repair; until all have it: mean and p99 of all writes. By theory, rounds in which
everybody who has it pushes again, which takes more messages: push (Pittel 1987), push-pull (Karp et al. 2000)
${table(hops, 2)}
of a node: messages sent, copies of the update among them, their V1 bytes as times those of the update, bytes of text
${table(costs, 2)}
theory: share left out by as many pushes as fanout, and as fanout and echo (Demers et al. 1987); chance that those
leave nobody out (Kermarrec et al. 2003); copies where the digest goes first (Mercier et al. 2017)
${table(theory, 1)}`
}

const ratesText = (rows: readonly RateRow[]): string => `
a node's traffic in a second, rounds included: idle, and with ${LOAD} writes a second in the swarm; then the
milliseconds until 99 % have one of those, median and p99
${table(
  [
    ['loss', 'idle msg', 'idle B', 'load msg', 'load B', '99 % ms', 'p99'],
    ...rows.map((row) => [
      showShare(row.loss),
      row.idleMessages.toFixed(2),
      showNumber(row.idleBytes),
      row.loadMessages.toFixed(1),
      showNumber(row.loadBytes),
      showMs(row.loadMs),
      showMs(row.loadMsMost),
    ]),
  ],
  1,
)}`

const faultsText = (rows: readonly FaultRow[]): string => `
${FAULT_MS / 1000} s of a partition (each part writes), of restarts (with the document that they had): milliseconds until
everybody has everything once it is over, median and most; rounds of everybody in that time
${table(
  [
    ['loss', 'fault', 'nodes', 'writes', 'ms', 'most', 'rounds'],
    ...rows.map(({ loss, fault, nodes, writes, ms, msMost, rounds }) => [
      showShare(loss),
      fault,
      showCount(nodes),
      `${writes}`,
      showMs(ms),
      showMs(msMost),
      rounds === null ? '-' : showNumber(rounds),
    ]),
  ],
  2,
)}`

const writersText = (rows: readonly WritersRow[]): string => `
one write of ${rows[0]!.size} characters, by the number of past writers: of a node
${table(
  [
    ['past writers', 'messages', 'bytes'],
    ...rows.map(({ writers, messages, bytes }) => [
      showCount(writers),
      messages.toFixed(2),
      showCount(bytes),
    ]),
  ],
  0,
)}`

/** By how much, as a share of the target. */
const marginOf = ({ value, target, isInside }: Verdict): string => {
  if (value === null || target === 0) return isInside ? '' : 'by all'
  const share = Math.abs(value - target) / target
  return `by ${showShare(share)}`
}

const verdictsText = ({ verdicts, settings }: Result): string => {
  const rows = verdicts.map((verdict) => [
    verdict.isInside ? 'inside' : 'OUTSIDE',
    verdict.name,
    verdict.of,
    verdict.value === null ? 'never' : showNumber(verdict.value),
    `<= ${showNumber(verdict.target)}${verdict.unit && ` ${verdict.unit}`}`,
    marginOf(verdict),
  ])
  const unasked = unaskedOf(settings).map(({ name, needs }) => ['not asked', name, needs])
  return `
the numbers to beat
${table([['', 'what', 'of', 'measured', 'target', ''], ...rows], 3)}${
  unasked.length > 0 ? `\n${table(unasked, 3)}` : ''
}`
}

const headOf = (settings: Settings): string => {
  const { nodes, view, fanout, echo, latency, writers, seed, seeds } = settings
  const knows = view >= nodes - 1 ? 'everybody' : `${view} others, which know it`
  return `${showCount(nodes)} nodes in virtual time, ${latency.join(' to ')} ms a message; each knows ${knows}
fanout ${fanout}, echo to ${echo}, ${writers} past ${writers === 1 ? 'writer' : 'writers'}, seeds ${seed} to ${seed + seeds - 1}
warm: peers have heard each other, rounds are spread over the interval, one long write has been fetched by all
`
}

/** The whole report. */
export const showResult = (result: Result): string => {
  const { settings, writes, rates, faults, writers } = result
  return [
    headOf(settings),
    writes.length > 0 && writesText(writes, settings),
    rates.length > 0 && ratesText(rates),
    faults.length > 0 && faultsText(faults),
    writers.length > 0 && writersText(writers),
    verdictsText(result),
  ]
    .filter((text) => text !== false)
    .join('')
}

/** What the run itself took: the one line that is not the same on every machine. */
export const showCost = (
  { user, system }: NodeJS.CpuUsage,
  { maxRSS }: NodeJS.ResourceUsage,
): string =>
  `\nsimulated in ${showNumber((user + system) / 1e6)} s of processor time, ${showCount(maxRSS / 1000)} MB at most\n`
