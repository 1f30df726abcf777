/**
 * One seeded history: replicas write at random into maps, nested maps, arrays and text, while
 * messages are lost, doubled and reordered, the network splits, and nodes crash and come back. At
 * the end all replicas must be equal by two oracles: `compare` of yjs/testHelper, which compares
 * every struct, and our own digest. Meanwhile a watcher fails the history if a visible key vanishes
 * that no writer deleted. In every third history some nodes run the former build.
 *
 * node --import tsx test/tools/history.ts --seed 17            replays one
 * node --import tsx test/tools/history.ts --from 1 --count 10000    runs many
 */
import { parseArgs } from 'node:util'
import * as Y from 'yjs'
import { compare } from 'yjs/testHelper'
import { History } from '../../crdt/history.ts'
import { nodePlatform } from '../../src/platform.ts'
import { type SimulatedNode, Simulation } from '../../src/simulation/index.ts'
import { seeded } from '../../src/transports/memory/network.ts'
import { FORMER } from '../fixtures/former/index.ts'

/** The share of histories in which nodes of the former build take part, and of nodes in them. */
const MIXED_HISTORIES = 1 / 3
const FORMER_NODES = 1 / 3

/** Virtual milliseconds in which a swarm must converge once the partitions have healed (messages are still lost). */
const CONVERGENCE_MS = 600_000

export interface HistoryReport {
  readonly seed: number
  readonly replicas: number
  readonly writes: number
  /** Virtual milliseconds from the last write to equality. */
  readonly convergedAfter: number
  readonly messages: number
  readonly gaps: number
}

type Random = () => number

const below = (random: Random, bound: number): number => Math.floor(random() * bound)
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!
const word = (random: Random, length: number): string =>
  Array.from({ length }, () => String.fromCharCode(97 + below(random, 26))).join('')

const value = (random: Random): unknown =>
  pick(random, [
    () => below(random, 1000),
    () => word(random, 1 + below(random, 40)),
    () => ({ name: word(random, 5), list: [1, null, true] }),
    () => word(random, 600),
  ])()

/** Keys that are overwritten but never deleted: they must never vanish. */
const KEPT = ['keep0', 'keep1', 'keep2', 'keep3']

const nested = (random: Random): Y.Map<unknown> | Y.Array<unknown> => {
  if (random() < 0.5) return new Y.Map([[word(random, 2), value(random)]])
  const array = new Y.Array<unknown>()
  array.push([value(random), value(random)])
  return array
}

const edits: readonly ((doc: Y.Doc, random: Random) => void)[] = [
  (doc, random) => doc.getMap('map').set(pick(random, KEPT), value(random)),
  (doc, random) => doc.getMap('map').set(`key${below(random, 8)}`, value(random)),
  (doc, random) => doc.getMap('map').delete(`key${below(random, 8)}`),
  (doc, random) => doc.getMap('map').set(`deep${below(random, 4)}`, nested(random)),
  (doc, random) => {
    const inner = doc.getMap('map').get(`deep${below(random, 4)}`)
    if (inner instanceof Y.Map)
      inner.set(word(random, 1), random() < 0.3 ? nested(random) : value(random))
    if (inner instanceof Y.Array) inner.insert(below(random, inner.length + 1), [value(random)])
  },
  (doc, random) => {
    const array = doc.getArray('array')
    array.insert(below(random, array.length + 1), [value(random), value(random)])
  },
  (doc, random) => {
    const array = doc.getArray('array')
    if (array.length > 0) array.delete(below(random, array.length), 1)
  },
  (doc, random) => {
    const text = doc.getText('text')
    text.insert(below(random, text.length + 1), word(random, 1 + below(random, 30)))
  },
  (doc, random) => {
    const text = doc.getText('text')
    const at = below(random, text.length + 1)
    text.delete(at, Math.min(text.length - at, below(random, 10)))
  },
  (doc, random) => {
    doc.transact(() => {
      for (let i = 0; i < 20; i++) doc.getMap('map').set(`bulk${i}`, value(random))
    })
  },
]

/** Throws as soon as a key of KEPT vanishes from this document. */
const watch = (address: string, doc: Y.Doc): void => {
  const map = doc.getMap('map')
  map.observe((event) => {
    for (const key of event.keysChanged) {
      if (KEPT.includes(key) && !map.has(key)) throw new Error(`${key} vanished at ${address}`)
    }
  })
}

/** All updates of a document from its start, as `compare` requires them. */
const record = (doc: Y.Doc): Uint8Array[] => {
  const updates = [Y.encodeStateAsUpdate(doc)]
  doc.on('update', (update: Uint8Array) => updates.push(update))
  return updates
}

const newDoc = (random: Random, gc: boolean): Y.Doc => {
  const doc = new Y.Doc({ gc })
  doc.clientID = 1 + below(random, 2 ** 31)
  return doc
}

const restore = (bytes: Uint8Array, random: Random, gc: boolean): Y.Doc => {
  const doc = newDoc(random, gc)
  Y.applyUpdate(doc, bytes)
  return doc
}

/**
 * The document, encoded and decoded again. `compare` requires structs to be split and collected
 * alike, which in a live document depends on the order of arrival.
 */
const reload = (doc: Y.Doc): Y.Doc => {
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  return copy
}

/** Do all nodes have one state, by the digest that both builds know? */
const haveOneDigest = ({ nodes }: Simulation): boolean => {
  const digests = [...nodes.values()].map(
    ({ replica }) => replica.published?.snapshotDigest ?? replica.digest,
  )
  return digests.every((digest) => digest === digests[0])
}

const contentOf = (doc: Y.Doc): string | undefined =>
  new History(doc, nodePlatform).content(Number.POSITIVE_INFINITY)

/** Runs the history of that seed; throws an Error with the command that replays it. */
export const runHistory = (seed: number): HistoryReport => {
  try {
    return run(seed)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`${reason}\n  replay: node --import tsx test/tools/history.ts --seed ${seed}`, {
      cause: error,
    })
  }
}

const run = (seed: number): HistoryReport => {
  const random = seeded(seed)
  const count = 3 + below(random, 10)
  const gc = random() < 0.5
  const addresses = Array.from({ length: count }, (_, i) => `n${i}`)
  // Drawn from a stream of its own, so that a seed gives the same history in both cases.
  const draw = seeded(seed + 1)
  const isMixed = draw() < MIXED_HISTORIES
  const former = new Set(addresses.filter(() => isMixed && draw() < FORMER_NODES))
  let messages = 0
  const swarm = new Simulation({
    seed,
    // In every other history all replicas pull by ranges, else only if they have many writers.
    ...(draw() < 0.5 && { replica: { maxVectorWriters: 0 } }),
    loss: random() * 0.4,
    doubling: random() * 0.2,
    latency: [random() * 5, 10 + random() * 200],
    maxMessageBytes: pick(random, [4_000, 20_000, 4_000_000]),
    config: {
      intervalMs: 1_000,
      batchMs: below(random, 50),
      pullTimeoutMs: 600,
      inlineBytes: pick(random, [64, 512, 4_096]),
      fanout: 1 + below(random, 3),
      digestDelayMs: below(random, 500),
      digestFanout: below(random, 4),
      dissemination: seed % 4 === 0 ? 'tree' : 'fanout',
    },
    onSend: () => messages++,
    onEffect: (node, effect) => {
      if (effect.type === 'observer_failed') throw effect.error
      throw new Error(`${node.address}: ${JSON.stringify(effect)}`)
    },
  })
  const logs = new Map<string, Uint8Array[]>()
  const join = (address: string, doc: Y.Doc): SimulatedNode => {
    logs.set(address, record(doc))
    watch(address, doc)
    // Each node knows the first one and perhaps another; it learns of the rest by gossip.
    const peers = [address === 'n0' ? 'n1' : 'n0', pick(random, addresses)]
    return swarm.add(address, { peers, doc, ...(former.has(address) && { core: FORMER }) })
  }
  for (const address of addresses) join(address, newDoc(random, gc))

  let writes = 0
  const steps = 40 + below(random, 80)
  for (let step = 0; step < steps; step++) {
    swarm.run(below(random, 300))
    const what = random()
    const address = pick(random, addresses)
    const { doc } = swarm.nodes.get(address)!
    if (what < 0.85) {
      pick(random, edits)(doc, random)
      writes++
    } else if (what < 0.9) {
      const half = addresses.filter(() => random() < 0.5)
      swarm.network.partition([half, addresses.filter((a) => !half.includes(a))])
    } else if (what < 0.95) {
      swarm.network.heal()
    } else {
      // A crash. The node comes back whole, under its writer id; from an old copy; or empty.
      const old = Y.encodeStateAsUpdate(doc)
      swarm.crash(address)
      swarm.run(below(random, 3_000))
      const back = pick(random, ['whole', 'copy', 'empty'] as const)
      if (back === 'empty') join(address, newDoc(random, gc))
      else {
        const next = restore(old, random, gc)
        if (back === 'whole') next.clientID = doc.clientID
        join(address, next)
      }
    }
  }
  swarm.network.heal()
  const last = swarm.now
  const haveConverged = isMixed ? () => haveOneDigest(swarm) : () => swarm.hasConverged
  if (!swarm.run(CONVERGENCE_MS, haveConverged)) {
    throw new Error(`${count} replicas did not converge in ${CONVERGENCE_MS} virtual ms`)
  }
  const convergedAfter = swarm.now - last
  let gaps = 0
  const users = [...swarm.nodes.values()].map(({ address, doc, gossip }) => {
    gaps += gossip.counters.gaps
    return Object.assign(reload(doc), {
      tc: { flushAllMessages: () => false },
      connect: () => {},
      updates: logs.get(address)!,
    })
  })
  compare(users)
  const contents = [...swarm.nodes.values()].map(({ doc }) => contentOf(doc))
  if (new Set(contents).size > 1) throw new Error(`equal states, but contents ${contents.join()}`)
  return { seed, replicas: count, writes, convergedAfter, messages, gaps }
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, from: { type: 'string' }, count: { type: 'string' } },
  })
  if (values.seed !== undefined) console.log(runHistory(Number(values.seed)))
  else {
    const from = Number(values.from ?? 1)
    const count = Number(values.count ?? 1000)
    let failed = 0
    for (let seed = from; seed < from + count; seed++) {
      try {
        runHistory(seed)
      } catch (error) {
        failed++
        console.log(`seed ${seed}: ${(error as Error).message}`)
      }
      const isLast = seed === from + count - 1
      if (isLast || (seed - from + 1) % 100 === 0)
        console.log(`${seed - from + 1} histories, ${failed} failed`)
    }
    if (failed > 0) process.exitCode = 1
  }
}
