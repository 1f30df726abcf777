/**
 * What agents have sent and received between two looks at them.
 *
 * ```ts
 * trafficOf(before, after, 150).perWrite // messages
 * ```
 */
import type { AgentStatus } from '../../src/agent/status.ts'

export interface Traffic {
  /** Messages that went out, tries that failed included. */
  readonly sent: number
  readonly received: number
  readonly bytesSent: number
  /** Sent, by write. */
  readonly perWrite: number
  readonly bytesPerWrite: number
  /** Received updates that held nothing new. */
  readonly redundant: number
  /** Of those received. */
  readonly redundantShare: number
  readonly failedSends: number
  /** Of those sent. */
  readonly failedShare: number
  /** All that the agents count, by the name it has in their status, refusals by their reasons. */
  readonly counters: Readonly<Record<string, number>>
}

/** Every number among the counters, those in records too. */
const flatten = (counters: object, prefix = ''): [string, number][] =>
  Object.entries(counters).flatMap(([name, value]): [string, number][] => {
    if (typeof value === 'number') return [[`${prefix}${name}`, value]]
    return typeof value === 'object' && value !== null ? flatten(value, `${prefix}${name}.`) : []
  })

const totalOf = (statuses: readonly AgentStatus[]): Map<string, number> => {
  const total = new Map<string, number>()
  for (const { counters } of statuses) {
    for (const [name, value] of flatten(counters)) total.set(name, (total.get(name) ?? 0) + value)
  }
  return total
}

const ratio = (part: number, whole: number): number =>
  whole === 0 ? 0 : Math.round((part / whole) * 1000) / 1000

export const trafficOf = (
  before: readonly AgentStatus[],
  after: readonly AgentStatus[],
  writes: number,
): Traffic => {
  const old = totalOf(before)
  const counters = Object.fromEntries(
    [...totalOf(after)].map(([name, value]) => [name, value - (old.get(name) ?? 0)]),
  )
  const { pushesSent: sent = 0, pushesReceived: received = 0 } = counters
  const { bytesSent = 0, redundant = 0, sendsFailed: failedSends = 0 } = counters
  return {
    sent,
    received,
    bytesSent,
    perWrite: ratio(sent, writes),
    bytesPerWrite: Math.round(ratio(bytesSent, writes)),
    redundant,
    redundantShare: ratio(redundant, received),
    failedSends,
    failedShare: ratio(failedSends, sent),
    counters,
  }
}
