/**
 * The scenario import: the first agent imports many large values while the others write small ones.
 * It measures the growth of keys at the peers, the lag of small writes, and what the importer sends.
 */
import type { Entry } from '../../src/control/entry.ts'
import { isFailure } from '../../src/errors.ts'
import { sumOf } from '../runner/stats.ts'
import type { Agent } from './agent.ts'
import { pauseUntil } from './clock.ts'
import { findLost, type Stage } from './measurement.ts'
import type { Growth, Run } from './result.ts'

const MAP = 'import'
/** Bytes of the entries of one request, below the limit of a request. */
const BATCH_BYTES = 800_000
/** For the acknowledgement of a request, which is then on disk. */
const ANSWER_TIMEOUT_MS = 120_000
/** Between two counts of a peer's keys. */
const COUNT_MS = 1_000

/** Printable ASCII after the quotation mark, without the backslash. */
const [FIRST, COUNT, BACKSLASH] = [35, 91, 92] as const

/** Incompressible text: one byte a character, in JSON too. The same seed gives the same text. */
export const randomText = (seed: number, length: number): string => {
  const codes = Buffer.alloc(length)
  let state = Math.imul(seed + 1, 2_654_435_761) >>> 0
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    // The lower bits of such a generator repeat soon.
    const code = FIRST + Math.floor((state / 2 ** 32) * COUNT)
    codes[at] = code < BACKSLASH ? code : code + 1
  }
  return codes.toString('latin1')
}

const putAll = async (
  { client }: Agent,
  entries: readonly Entry[],
  size: number,
  signal: AbortSignal,
): Promise<void> => {
  const connection = await client.open()
  try {
    for (let at = 0; at < entries.length; at += size) {
      signal.throwIfAborted()
      const batch = entries.slice(at, at + size)
      await connection.ask({ command: 'put', map: MAP, entries: batch }, ANSWER_TIMEOUT_MS)
    }
  } finally {
    connection.close()
  }
}

type Point = readonly [seconds: number, keys: number]

export const describeGrowth = (name: string, keys: readonly Point[], whole: number): Growth => {
  const grown = keys.filter(([, count], at) => count > (keys[at - 1]?.[1] ?? 0))
  const pauses = grown.slice(1).map(([seconds], at) => seconds - (grown[at] as Point)[0])
  const isWhole = (grown.at(-1)?.[1] ?? 0) >= whole
  const [end] = keys.at(-1) ?? [0]
  const [last] = grown.at(-1) ?? [0]
  // Until the map is whole, the time since the last key is a pause, too.
  const pause = Math.max(0, ...pauses, isWhole ? 0 : end - last)
  return {
    name,
    firstSeconds: grown[0]?.[0] ?? null,
    wholeSeconds: isWhole ? last : null,
    pauseSeconds: Math.round(10 * pause) / 10,
    keys,
  }
}

/** Returns undefined if the agent does not answer in time. */
const countKeys = async (agent: Agent): Promise<number | undefined> => {
  try {
    const { maps } = await agent.status()
    return maps.find(({ name }) => name === MAP)?.keys ?? 0
  } catch (error) {
    if (isFailure(error, 'timeout')) return undefined
    throw error
  }
}

/** Counts keys every second until there are `whole` of them, or `signal` ends it. */
const watchGrowth = async (
  agent: Agent,
  whole: number,
  start: number,
  signal: AbortSignal,
): Promise<Growth> => {
  const keys: Point[] = []
  for (let due = start; (keys.at(-1)?.[1] ?? 0) < whole; ) {
    try {
      await pauseUntil(due, signal)
    } catch {
      break // the scenario is over
    }
    const count = await countKeys(agent)
    const seconds = Math.round((performance.now() - start) / 100) / 10
    if (count !== undefined) keys.push([seconds, count])
    due = Math.max(due + COUNT_MS, performance.now())
  }
  return describeGrowth(agent.place.name, keys, whole)
}

export const playImport = async (stage: Stage, settle: () => Promise<void>): Promise<Run> => {
  const { crew, settings, signal, progress, measurement } = stage
  const { entries: count, entryBytes, settleSeconds } = settings
  const [importer, ...peers] = crew.agents as [Agent, ...Agent[]]
  const entries = Array.from(
    { length: count },
    (_, at) => [`item:${at}`, randomText(at, entryBytes)] as const,
  )
  const bytes = sumOf(entries.map(([key, value]) => key.length + value.length))
  const size = Math.max(1, Math.floor(BATCH_BYTES / entryBytes))
  const start = performance.now()
  const ended = new AbortController()
  let latest = Number.POSITIVE_INFINITY
  let isWhole = false

  progress(`one imports ${count} values, the others write`)
  const growing = Promise.all(
    peers.map((peer) => watchGrowth(peer, count, start, ended.signal)),
  ).finally(() => {
    isWhole = true
  })
  const importing = putAll(importer, entries, size, signal).then(() => {
    latest = performance.now() + settleSeconds * 1000
    return (performance.now() - start) / 1000
  })
  const isOver = () => isWhole || performance.now() > latest
  const loading = measurement
    .load({ isOver, writers: peers.map((_, at) => at + 1) })
    .finally(() => ended.abort())
  const [seconds, growth] = await Promise.all([importing, growing, loading])

  await settle()
  const measured = await measurement.end()
  const lost = await findLost(crew.agents, new Map(entries), MAP)
  const ratioOf = (sent: number): number => Math.round((100 * sent) / bytes / peers.length) / 100
  return {
    ...measured,
    writes: { ...measured.writes, lost: measured.writes.lost + lost.length },
    import: {
      entries: count,
      bytes,
      seconds: Math.round(seconds * 10) / 10,
      growth,
      sentPerPeer: ratioOf(measurement.bytesSentBy(0)),
      sentByAllPerPeer: ratioOf(measured.traffic.bytesSent),
    },
  }
}
