/**
 * One seeded history: replicas write at random into maps, nested maps, arrays and text, while
 * messages are lost, doubled and reordered, the network splits, and nodes crash and come back. At
 * the end all replicas must be equal by two oracles: `compare` of yjs/testHelper, which compares
 * every struct, and our own digest. Meanwhile a watcher fails the history if a visible key vanishes
 * that no writer deleted. In every third history some nodes run the former build; with `--hostile`
 * none do, a member attacks the others, and what honest writers wrote must be there at the end.
 *
 * node --import tsx test/tools/history.ts --seed 17            replays one
 * node --import tsx test/tools/history.ts --from 1 --count 10000    runs many
 * node --import tsx test/tools/history.ts --hostile --from 1 --count 10000
 */
import { parseArgs } from 'node:util'
import * as Y from 'yjs'
import { compare } from 'yjs/testHelper'
import { History } from '../../crdt/history.ts'
import { mergeOwn } from '../../crdt/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { type SimulatedNode, Simulation } from '../../src/simulation/index.ts'
import { seeded } from '../../src/transports/memory/network.ts'
import { FORMER } from '../fixtures/former/index.ts'
import { below, edits, KEPT, pick, type Random } from './edits.ts'
import { HostileMember } from './hostile-member.ts'
import { Ledger } from './ledger.ts'

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
  /** Messages of the hostile member, how many of them were rejected, and honest writes found again. */
  readonly hostile?: { readonly sent: number; readonly rejected: number; readonly kept: number }
}

export interface HistoryOptions {
  /** Does a member attack the others? Default: no. */
  readonly hostile?: boolean
}

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
  mergeOwn(doc, bytes, undefined)
  return doc
}

/**
 * The document, encoded and decoded again. `compare` requires structs to be split and collected
 * alike, which in a live document depends on the order of arrival.
 */
const reload = (doc: Y.Doc): Y.Doc => {
  const copy = new Y.Doc()
  mergeOwn(copy, Y.encodeStateAsUpdate(doc), undefined)
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
export const runHistory = (
  seed: number,
  { hostile = false }: HistoryOptions = {},
): HistoryReport => {
  try {
    return run(seed, hostile)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const flag = hostile ? '--hostile ' : ''
    throw new Error(
      `${reason}\n  replay: node --import tsx test/tools/history.ts ${flag}--seed ${seed}`,
      { cause: error },
    )
  }
}

const run = (seed: number, isHostile: boolean): HistoryReport => {
  const random = seeded(seed)
  const count = 3 + below(random, 10)
  const gc = random() < 0.5
  const addresses = Array.from({ length: count }, (_, i) => `n${i}`)
  // Drawn from a stream of its own, so that a seed gives the same history in both cases.
  const draw = seeded(seed + 1)
  const isMixed = draw() < MIXED_HISTORIES && !isHostile
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
    onSend: (_from, _to, text) => {
      messages++
      member?.hear(text)
    },
    onEffect: (node, effect) => {
      if (effect.type === 'observer_failed') throw effect.error
      if (member?.expects(effect)) return
      throw new Error(`${node.address}: ${JSON.stringify(effect)}`)
    },
  })
  const member = isHostile ? new HostileMember(swarm, seed) : undefined
  const ledger = isHostile ? new Ledger(seed) : undefined
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
    member?.act()
    ledger?.write(address, doc)
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
      // What an empty node had not sent is lost, which no ledger can know.
      if (back === 'empty' && !isHostile) join(address, newDoc(random, gc))
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
  if (member?.isComparable ?? true) compare(users)
  const contents = [...swarm.nodes.values()].map(({ doc }) => contentOf(doc))
  if (new Set(contents).size > 1) throw new Error(`equal states, but contents ${contents.join()}`)
  const report = { seed, replicas: count, writes, convergedAfter, messages, gaps }
  if (!member || !ledger) return report
  for (const { address, doc } of swarm.nodes.values()) ledger.check(address, doc)
  return { ...report, hostile: { ...member.counts(), kept: ledger.size } }
}

if (import.meta.filename === process.argv[1]) {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      from: { type: 'string' },
      count: { type: 'string' },
      hostile: { type: 'boolean', default: false },
    },
  })
  const { hostile } = values
  if (values.seed !== undefined) console.log(runHistory(Number(values.seed), { hostile }))
  else {
    const from = Number(values.from ?? 1)
    const count = Number(values.count ?? 1000)
    let failed = 0
    for (let seed = from; seed < from + count; seed++) {
      try {
        runHistory(seed, { hostile })
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
