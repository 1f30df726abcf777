/**
 * The first agent imports many large values while the others write small ones: do keys grow
 * steadily at its peers, how late are the small writes, and what does it send?
 */
import type { Entry } from '../../src/control/entry.ts'
import type { Agent } from './agent.ts'
import { findLost } from './check.ts'
import { watchGrowth } from './growth.ts'
import type { Play } from './play.ts'
import type { Settings } from './settings.ts'
import { randomText } from './texts.ts'

const MAP = 'import'
/** Bytes of the entries of one request, below the most that a request may have. */
const BATCH = 800_000
/** Milliseconds for the answer to one: what it says is on disk. */
const ANSWER_TIMEOUT = 120_000

const entriesOf = ({ entries, entryBytes }: Settings): Entry[] =>
  Array.from({ length: entries }, (_, at) => [`item:${at}`, randomText(at, entryBytes)] as const)

const putAll = async (
  { client }: Agent,
  entries: readonly Entry[],
  { entryBytes }: Settings,
  signal: AbortSignal,
): Promise<void> => {
  const size = Math.max(1, Math.floor(BATCH / entryBytes))
  const connection = await client.open()
  try {
    for (let at = 0; at < entries.length; at += size) {
      signal.throwIfAborted()
      const batch = entries.slice(at, at + size)
      await connection.ask({ command: 'put', map: MAP, entries: batch }, ANSWER_TIMEOUT)
    }
  } finally {
    connection.close()
  }
}

export const IMPORT: Play = {
  run: async ({ crew, settings, signal, progress }, measurement) => {
    const [importer, ...peers] = crew.agents as [Agent, ...Agent[]]
    const entries = entriesOf(settings)
    const bytes = entries.reduce((sum, [key, value]) => sum + `${key}${value}`.length, 0)
    const start = performance.now()
    const ended = new AbortController()
    let latest = Number.POSITIVE_INFINITY
    let isWhole = false

    progress(`one imports ${entries.length} values, the others write`)
    const options = { map: MAP, whole: entries.length, start, signal: ended.signal }
    const growing = Promise.all(peers.map((peer) => watchGrowth(peer, options))).finally(() => {
      isWhole = true
    })
    const importing = putAll(importer, entries, settings, signal).then(() => {
      latest = performance.now() + settings.settleSeconds * 1000
      return (performance.now() - start) / 1000
    })
    const loading = measurement
      .load({
        isOver: () => isWhole || performance.now() > latest,
        writers: peers.map((_, at) => at + 1),
      })
      .finally(() => ended.abort())
    const [seconds, growth] = await Promise.all([importing, growing, loading])

    progress('waiting for the replicas to be equal')
    await measurement.settle()
    const measured = await measurement.end()
    const lost = await findLost(crew.agents, new Map(entries as [string, string][]), MAP)
    const ratioOf = (sent: number): number => Math.round((100 * sent) / bytes / peers.length) / 100
    return {
      ...measured,
      writes: { ...measured.writes, lost: measured.writes.lost + lost.length },
      import: {
        entries: entries.length,
        bytes,
        seconds: Math.round(seconds * 10) / 10,
        growth,
        sentPerPeer: ratioOf(measurement.bytesSentBy(0)),
        sentByAllPerPeer: ratioOf(measured.traffic.bytesSent),
      },
    }
  },
}
