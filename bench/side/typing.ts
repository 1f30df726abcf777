/**
 * Clients that type into one document through one server: what the server costs, how long a
 * keystroke takes to the other clients, and whether all documents are equal at the end.
 */
import { Failure } from '../../src/errors.ts'
import { inFolder } from '../../test/helpers/folder.ts'
import { quantilesOf, sumOf } from '../runner/stats.ts'
import { pauseUntil, runLoad, within } from '../swarm/clock.ts'
import { readMemory, readUsage, usedSince } from '../swarm/processor.ts'
import type { Figures, Participant, Section } from './section.ts'
import { SERVER_NAMES, SERVERS, type Server, type ServerName } from './servers.ts'
import { type Keystrokes, TEXT, Typist } from './typist.ts'

/** Milliseconds between two readings of the server's memory. */
const MEMORY_MS = 500

/** Milliseconds for the last keystrokes to arrive. */
const SETTLE_MS = 30_000

/** Keystrokes a second of each client. */
const RATE = 5

/** Seconds of typing before it is measured, in which V8 compiles. */
const WARM_UP = 3

const typeFor = async (
  typists: readonly Typist[],
  seconds: number,
  signal: AbortSignal,
): Promise<void> => {
  await runLoad({
    rate: RATE * typists.length,
    isOver: (at) => at >= seconds * 1_000,
    writers: typists.map((_, at) => at),
    write: (at) => typists[at]!.type(String.fromCharCode(97 + (at % 26))),
    signal,
  })
}

const haveAll = (typists: readonly Typist[], { times }: Keystrokes): boolean =>
  typists.every(({ seen }, at) =>
    times.every((own, writer) => writer === at || (seen[writer] ?? 0) === own.length),
  )

/**
 * Throws a Failure (internal) unless all clients have all keystrokes, and one that comes late gets the
 * same.
 */
const check = async (
  typists: readonly Typist[],
  keystrokes: Keystrokes,
  server: Server,
): Promise<void> => {
  const typed = sumOf(keystrokes.times.map((own) => own.length))
  const late = new Typist(typists.length, { ...keystrokes, times: [] }, server)
  await late.ready
  try {
    const texts = [...typists, late].map((one) => one.document().getText(TEXT).toString())
    const lost = sumOf(texts.map((text) => typed - text.length))
    if (lost > 0) throw new Failure('internal', `${lost} keystrokes are missing at the end`)
    if (texts.some((text) => text !== texts[0]))
      throw new Failure('internal', 'the documents of the clients are not equal')
  } finally {
    late.close()
  }
}

const measure = async (
  server: Server,
  clients: number,
  seconds: number,
  signal: AbortSignal,
): Promise<Figures> => {
  const { child } = server
  const latencies: number[] = []
  let isMeasuring = false
  const keystrokes: Keystrokes = {
    writers: new Map(),
    times: [],
    onSeen: (ms) => {
      if (isMeasuring) latencies.push(ms)
    },
  }
  const memoryBefore = readMemory([child.pid]) ?? undefined
  const typists = Array.from({ length: clients }, (_, at) => new Typist(at, keystrokes, server))
  const counts = () => ({
    sent: sumOf(keystrokes.times.map((own) => own.length)),
    received: sumOf(typists.map(({ received }) => received)),
  })
  let memory = memoryBefore
  const timer = setInterval(() => {
    if (memory !== undefined) memory = Math.max(memory, readMemory([child.pid]) ?? 0)
  }, MEMORY_MS)
  try {
    await Promise.all(typists.map(({ ready }) => ready))
    await typeFor(typists, WARM_UP, signal)
    const [usage, first, began] = [readUsage([child.pid], []), counts(), performance.now()]
    isMeasuring = true
    await typeFor(typists, seconds, signal)
    await pauseUntil(began + seconds * 1_000, signal)
    const measured = (performance.now() - began) / 1_000
    const last = counts()
    await within(SETTLE_MS, signal, () => haveAll(typists, keystrokes))
    // Until all is delivered: a server that is behind has work left.
    const used = usedSince(usage, readUsage([child.pid], []))
    child.check()
    for (const typist of typists) typist.check()
    await check(typists, keystrokes, server)
    const { p50, p99 } = quantilesOf(latencies)
    return {
      sent: (last.sent - first.sent) / measured,
      received: (last.received - first.received) / measured,
      p50,
      p99,
      processor: used ? used.agents / measured : undefined,
      clients: used ? used.bench / measured : undefined,
      others: used ? used.others / measured : undefined,
      memoryBefore,
      memory,
    }
  } finally {
    clearInterval(timer)
    for (const typist of typists) typist.close()
  }
}

const participant = (name: ServerName): Participant => ({
  name,
  about: SERVERS[name].about,
  measure: (clients, { isBuilt, seconds, signal }) =>
    inFolder(async (dir) => {
      const server = await SERVERS[name].start({ dir, isBuilt, signal })
      try {
        return await measure(server, clients, seconds, signal)
      } finally {
        await server.child.end()
      }
    }),
})

export const TYPING: Section = {
  name: 'typing',
  reference: 'y-websocket',
  unit: 'clients',
  loads: [10, 30, 100],
  participants: SERVER_NAMES.map(participant),
}
