/**
 * What agents sent and received between two readings of their status.
 *
 * ```ts
 * trafficOf(before, after, 150).perWrite // messages
 * ```
 */
import type { AgentStatus } from '../../src/agent/status.ts'

export interface Traffic {
  /** Messages, failed ones included. */
  readonly sent: number
  readonly received: number
  readonly bytesSent: number
  /** Sent, divided by the writes. */
  readonly perWrite: number
  readonly bytesPerWrite: number
  /** Received updates without news. */
  readonly redundant: number
  /** Of the received messages. */
  readonly redundantShare: number
  readonly failedSends: number
  /** Of the sent messages. */
  readonly failedShare: number
  /** All counters of the agents, by name; rejections by reason. */
  readonly counters: Readonly<Record<string, number>>
}

/** All numbers of a record, those of nested records too. */
const flatten = (counters: object, prefix = ''): [string, number][] =>
  Object.entries(counters).flatMap(([name, value]): [string, number][] => {
    if (typeof value === 'number') return [[`${prefix}${name}`, value]]
    return typeof value === 'object' && value !== null ? flatten(value, `${prefix}${name}.`) : []
  })

/** `total` with the counters of all agents added, times `sign`. */
const add = (total: Map<string, number>, statuses: readonly AgentStatus[], sign: number): void => {
  for (const { counters } of statuses) {
    for (const [name, value] of flatten(counters))
      total.set(name, (total.get(name) ?? 0) + sign * value)
  }
}

const ratio = (part: number, whole: number): number =>
  whole === 0 ? 0 : Math.round((part / whole) * 1000) / 1000

export const trafficOf = (
  before: readonly AgentStatus[],
  after: readonly AgentStatus[],
  writes: number,
): Traffic => {
  const total = new Map<string, number>()
  add(total, after, 1)
  add(total, before, -1)
  const counters = Object.fromEntries(total)
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
