/**
 * Targets, and whether the figures meet them. A target is what we want; a limit is what a short run
 * must keep, or it fails: counts that are the same on every machine, never times. If a target is not
 * met yet, its limit shows how far it is known to be missed.
 *
 * ```ts
 * judge(settings, figures).filter(({ isInside }) => !isInside)
 * ```
 */
import { DEFAULTS } from '../../src/gossip/index.ts'
import type { Figures, Finite, WriteRow } from './rows.ts'
import type { Settings } from './settings.ts'

export interface Verdict {
  readonly name: string
  /** Which loss, size or number of writers. */
  readonly of: string
  readonly unit: string
  readonly value: Finite
  /** At most. */
  readonly target: number
  readonly isInside: boolean
  /** What a short run must keep; null for none. */
  readonly limit: number | null
  readonly isWithinLimit: boolean
}

/** Nodes and delays for which times are targets. */
const TIMED_NODES = 1_000
const TIMED_LATENCY = [10, 50]

/** Milliseconds until 99 % have it, by loss. */
const TARGET_MS: ReadonlyMap<number, number> = new Map([
  [0, 700],
  [0.1, 900],
])

/** Of one node. */
const MESSAGES = 7

/** As measured for a long write: some four announcements, request and answer. */
const LONG_MESSAGES_LIMIT = 6.5

/** Copies of a long update without loss, and with loss (divided by the share that arrives). */
const LONG_TIMES = 1.05
const LONG_TIMES_LOSS = 1.15

/** Bytes of a short update, as a multiple. */
const SHORT_TIMES = 4
const SHORT_TIMES_LIMIT = 4.3

/** Bytes per second. */
const IDLE_BYTES = 200

/** Further digits of a message's version with 100,000 keys; the rest of a digest has the same length. */
const KEYS_DIGITS = 6

/** Share of the nodes; as measured 0 without loss and 0.03 % with 10 %, and small swarms vary. */
const LEFT_OUT = 0.001
const LEFT_OUT_LIMIT = 0.005

/** Rounds or hops above the formula. */
const ROUNDS_MEAN = 1
const ROUNDS_MOST = 3

/** Rounds after which no node may be left out. */
const REPAIR_ROUNDS = 2

/** Hops above the formula, as measured: there nodes push in every round, here each pushes once. */
const HOPS = 3

/** Bytes of a write with many past writers, as a multiple. */
const WRITERS_TIMES = 2

const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`

type Judge = (
  name: string,
  unit: string,
  value: Finite,
  target: number,
  limit?: number | null,
) => Verdict

const judgeOf =
  (of: string): Judge =>
  (name, unit, value, target, limit = target) => ({
    name,
    of,
    unit,
    value,
    target,
    isInside: value !== null && value <= target,
    limit,
    isWithinLimit: limit === null || (value !== null && value <= limit),
  })

const isTimed = ({ nodes, latency }: Settings): boolean =>
  nodes === TIMED_NODES && latency.every((ms, i) => ms === TIMED_LATENCY[i])

const judgeWrite = (row: WriteRow, settings: Settings): Verdict[] => {
  const { loss, size, theory } = row
  const arriving = 1 - loss
  const verdict = judgeOf(`loss ${percent(loss)}, ${size} characters`)
  const isLong = row.update > DEFAULTS.inlineBytes
  const targetMs = isTimed(settings) ? TARGET_MS.get(loss) : undefined
  const mean = theory.pushRounds + ROUNDS_MEAN
  const most = theory.pushRounds + ROUNDS_MOST
  const longTimes = loss === 0 ? LONG_TIMES : LONG_TIMES_LOSS / arriving
  const messagesLimit = (isLong ? LONG_MESSAGES_LIMIT : MESSAGES) / arriving
  const leftOutLimit = (LEFT_OUT_LIMIT * 100) / arriving ** 3
  return [
    verdict('rounds, mean', '', row.roundsMean, mean, REPAIR_ROUNDS),
    verdict('rounds, p99', '', row.roundsMost, most, REPAIR_ROUNDS),
    verdict('hops, mean', '', row.hopsMean, mean, theory.pushRounds + HOPS + ROUNDS_MEAN),
    verdict('hops, p99', '', row.hopsMost, most, theory.pushRounds + HOPS + ROUNDS_MOST),
    ...(targetMs === undefined ? [] : [verdict('99 % have it', 'ms', row.ms[2]!, targetMs, null)]),
    verdict('messages a node', '', row.messages, MESSAGES, messagesLimit),
    isLong
      ? verdict('copies a node', 'x', row.times, longTimes)
      : verdict('bytes a node', 'x', row.times, SHORT_TIMES, SHORT_TIMES_LIMIT / arriving),
    verdict('left out by pushes and digests', '%', row.leftOut * 100, LEFT_OUT * 100, leftOutLimit),
    verdict('left out after two rounds', 'nodes', row.leftOutAfterTwo, 0),
  ]
}

export const judge = (settings: Settings, figures: Figures): readonly Verdict[] => {
  const [one, many] = figures.writers
  return [
    ...figures.writes.flatMap((row) => judgeWrite(row, settings)),
    ...figures.rates.map(({ loss, idleBytes, idleMessages }) => {
      const bytes = idleBytes + idleMessages * KEYS_DIGITS
      return judgeOf(`loss ${percent(loss)}`)('idle, with 100,000 keys', 'B/s', bytes, IDLE_BYTES)
    }),
    ...figures.faults.map(({ fault, loss, msMost }) => {
      const name = `not converged after ${fault}`
      return judgeOf(`loss ${percent(loss)}`)(name, '', msMost === null ? 1 : 0, 0)
    }),
    ...(one && many
      ? [
          judgeOf(`${many.writers} past writers`)(
            'bytes of a write',
            'x',
            many.bytes / one.bytes,
            WRITERS_TIMES,
          ),
        ]
      : []),
  ]
}

/** A target that the settings do not measure, and the options that would. */
export interface NotMeasured {
  readonly name: string
  readonly needs: string
}

export const notMeasuredBy = (settings: Settings): NotMeasured[] => {
  const { sections, losses, sizes } = settings
  const isLong = (size: number): boolean => size >= DEFAULTS.inlineBytes
  const has = (section: Settings['sections'][number]) => sections.includes(section)
  const targets: (readonly [name: string, isMeasured: boolean, needs: string])[] = [
    ['99 % have it, in ms', has('write') && isTimed(settings), '--nodes 1000 --latency 10-50ms'],
    ...[...TARGET_MS.keys()].map((loss): readonly [string, boolean, string] => [
      `a write at loss ${percent(loss)}`,
      has('write') && losses.includes(loss),
      `--loss ${loss}`,
    ]),
    ['copies of long updates', has('write') && sizes.some(isLong), '--bytes 6000'],
    ['bytes of short updates', has('write') && !sizes.every(isLong), '--bytes 20'],
    ['idle', has('traffic'), '--only traffic'],
    ['convergence after a partition', has('partition'), '--only partition'],
    ['convergence after restarts', has('churn'), '--only churn'],
    ['1,000 past writers', has('writers'), '--only writers'],
  ]
  return targets.flatMap(([name, isMeasured, needs]) => (isMeasured ? [] : [{ name, needs }]))
}
