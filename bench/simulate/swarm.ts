/**
 * A swarm that has been running for a while: nodes know their peers, the document has its past
 * writers, rounds are spread over the interval, and one long write has been fetched, so that nodes
 * know how long an answer takes.
 *
 * ```ts
 * const swarm = new Swarm({ ...STANDARD, seed: 7, loss: 0.1, hasRounds: false })
 * const spread = swarm.write(20)
 * swarm.run(1_000)
 * spread.reached
 * ```
 */
import * as Y from 'yjs'
import { Failure } from '../../src/errors.ts'
import { DEFAULTS, type GossipConfig, ringsFor } from '../../src/gossip/index.ts'
import { type SimulatedNode, Simulation } from '../../src/simulation/index.ts'
import type { Settings } from './settings.ts'
import { Spread } from './spread.ts'
import { Traffic } from './traffic.ts'
import { viewsOf } from './views.ts'

export interface SwarmOptions extends Settings {
  readonly loss: number
  /** If false, no node begins a round by itself. */
  readonly hasRounds: boolean
}

// All times are milliseconds of virtual time.

/** The interval of a swarm without rounds. */
const NEVER_MS = 1e12

/** Characters of the write that warms up the swarm: too long to be pushed inline. */
const WARM_UP_SIZE = 6_000

/** Rounds of warm-up. If almost everything is lost, more would not help. */
const MAX_WARM_UP_ROUNDS = 50

/** Until no message is in transit: the longest wait for an answer is 1.5 s, repeated once. */
export const QUIET_MS = 5_000

/** Far more than the rounds that any swarm needs. */
const MAX_SETTLE_MS = 600_000

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const PAST_VALUE = 'written in the past'

const hex = (number: number): string => number.toString(16).toUpperCase().padStart(4, '0')

/** In Pilot's format, since the length of a message depends on it. */
const addressOf = (node: number): string => `0:0000.${hex(node >>> 16)}.${hex(node & 0xffff)}`

/** A document to which each past writer has written one key. */
const pastOf = (writers: number, random: () => number): Uint8Array => {
  const doc = new Y.Doc()
  for (let writer = 0; writer < writers; writer++) {
    doc.clientID = Math.floor(random() * 2 ** 32)
    doc.getMap('state').set(`past-${writer}`, PAST_VALUE)
  }
  return Y.encodeStateAsUpdate(doc)
}

export class Swarm {
  readonly simulation: Simulation
  readonly addresses: readonly string[]
  readonly traffic = new Traffic()
  readonly intervalMs = DEFAULTS.intervalMs
  readonly #views: ReadonlyMap<string, readonly string[]>
  /** By key. */
  readonly #spreads = new Map<string, Spread>()
  /** The sender of the message that is being received. */
  #from = ''
  #keys = 0

  constructor(options: SwarmOptions) {
    const {
      dissemination,
      nodes,
      view,
      writers,
      seed,
      loss,
      latency,
      fanout,
      digestFanout,
      hasRounds,
    } = options
    const config: Partial<GossipConfig> = {
      dissemination,
      fanout,
      digestFanout,
      // A limited view stays as it is: no node learns of others.
      ...(view < nodes - 1 && { maxPeers: 1 }),
      ...(!hasRounds && { intervalMs: NEVER_MS, jitter: 0 }),
    }
    this.simulation = new Simulation({
      seed,
      loss,
      latency,
      config,
      onSend: (_from, _to, text) => this.traffic.count(text),
      onReceive: (from) => {
        this.#from = from
      },
    })
    this.addresses = Array.from({ length: nodes }, (_, node) => addressOf(node))
    const rings = ringsFor({ ...DEFAULTS, ...config }).digest.end
    this.#views = viewsOf(this.addresses, view, rings, this.random)
    const past = pastOf(writers, this.random)
    for (const address of this.addresses) {
      const doc = new Y.Doc({ guid: address })
      doc.clientID = Math.floor(this.random() * 2 ** 32)
      Y.applyUpdate(doc, past)
      this.#watch(address, doc)
      const peers = this.#views.get(address)!
      this.simulation.add(address, { peers, isAcquainted: true, doc })
    }
    this.#warmUp()
  }

  get random(): () => number {
    return this.simulation.random
  }

  get now(): number {
    return this.simulation.now
  }

  /** Runs for that many milliseconds, or until `done`. Returns whether it is done. */
  run(milliseconds: number, done?: () => boolean): boolean {
    return this.simulation.run(milliseconds, done)
  }

  /** A random node that is up. */
  pick(isFit: (address: string) => boolean = () => true): SimulatedNode {
    for (;;) {
      const address = this.addresses[Math.floor(this.random() * this.addresses.length)]!
      const node = this.simulation.nodes.get(address)
      if (node && isFit(address)) return node
    }
  }

  /** Writes an incompressible value of that many characters under a new key. */
  write(length: number, node: SimulatedNode = this.pick()): Spread {
    const key = `key-${this.#keys++}`
    let value = ''
    while (value.length < length) value += LETTERS[Math.floor(this.random() * LETTERS.length)]
    const spread = new Spread(this.addresses.length, node.address, this.now)
    this.#spreads.set(key, spread)
    node.doc.getMap('state').set(key, value)
    return spread
  }

  /** Every node begins a round at a random time within the next interval. */
  startRounds(): void {
    for (const node of this.simulation.nodes.values()) {
      this.simulation.round(node, this.now + this.random() * this.intervalMs)
    }
  }

  /**
   * Runs until all nodes have all writes and all states are equal. Returns the milliseconds that
   * the writes took; infinity after ten minutes. Throws a Failure (internal) if all nodes have them
   * and states differ.
   */
  settle(spreads: readonly Spread[], what: string): number {
    const start = this.now
    const haveAll = () => spreads.every(({ hasAll }) => hasAll)
    const isDone = haveAll() || this.run(MAX_SETTLE_MS, haveAll)
    const ms = this.now - start
    if (isDone) {
      this.run(QUIET_MS)
      this.checkConverged(what)
    }
    this.forget()
    return isDone ? ms : Number.POSITIVE_INFINITY
  }

  /** Throws a Failure (internal) unless all nodes that are up have one state. */
  checkConverged(what: string): void {
    if (this.simulation.hasConverged) return
    throw new Failure('internal', `states differ after ${what} that all nodes have`, {
      hint: 'report this defect with the options and --seed that show it',
    })
  }

  /** Stops watching all writes. */
  forget(): void {
    this.#spreads.clear()
  }

  /** Stops a node, and starts it again after that many milliseconds with the document it had. */
  restart(address: string, downMs: number): void {
    const { doc } = this.simulation.nodes.get(address)!
    this.simulation.crash(address)
    this.simulation.at(this.now + downMs, () => {
      this.simulation.add(address, { peers: this.#views.get(address)!, doc })
    })
  }

  #watch(address: string, doc: Y.Doc): void {
    doc.getMap('state').observe(({ keysChanged }) => {
      for (const key of keysChanged) {
        if (key !== null) this.#spreads.get(key)?.arrive(address, this.#from, this.now)
      }
    })
  }

  #warmUp(): void {
    this.startRounds()
    this.run(this.intervalMs)
    const spread = this.write(WARM_UP_SIZE)
    for (let round = 0; !spread.hasAll; round++) {
      if (round >= MAX_WARM_UP_ROUNDS) {
        throw new Failure('internal', `a write did not reach all nodes in ${round} rounds`, {
          hint: 'lower --loss or raise --view',
        })
      }
      this.run(QUIET_MS)
      this.startRounds()
      this.run(this.intervalMs)
    }
    this.run(QUIET_MS)
    this.forget()
  }
}
