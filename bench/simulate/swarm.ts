/**
 * A swarm that has been running for a while: everybody has heard its peers, the document has its
 * past writers, rounds are spread over the interval, and one long write has been fetched, so that
 * nodes know how long an answer takes. Then it can be measured.
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
import { DEFAULTS, type GossipConfig } from '../../src/gossip/index.ts'
import { type SimulatedNode, Simulation } from '../../src/simulation/index.ts'
import type { Settings } from './settings.ts'
import { Spread } from './spread.ts'
import { Traffic } from './traffic.ts'
import { viewsOf } from './views.ts'

export interface SwarmOptions extends Settings {
  readonly loss: number
  /** False: no node begins a round by itself. */
  readonly hasRounds: boolean
}

/** Milliseconds; virtual. For the time without rounds. */
const NEVER = 1e12

/** Characters of the write that is fetched for warming up; more than may ride along with a push. */
const WARMING = 6_000

/** Rounds that warming up may take. Where nearly all is lost more would not help. */
const WARMING_ROUNDS = 50

/** Milliseconds; virtual. Until nothing is under way: the longest wait for an answer is 1.5 s, and is repeated once. */
export const QUIET_MS = 5_000

/** Milliseconds; virtual. Far more than the rounds that any swarm needs. */
const SETTLE_MS = 600_000

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Words of a past writer's value. */
const PAST = 'written in the past'

const hex = (number: number): string => number.toString(16).toUpperCase().padStart(4, '0')

/** Written as Pilot writes it: the length of a message depends on it. */
const addressOf = (node: number): string => `0:0000.${hex(node >>> 16)}.${hex(node & 0xffff)}`

/** A document that so many have written, one key each. */
const pastOf = (writers: number, random: () => number): Uint8Array => {
  const doc = new Y.Doc()
  for (let writer = 0; writer < writers; writer++) {
    doc.clientID = Math.floor(random() * 2 ** 32)
    doc.getMap('state').set(`past-${writer}`, PAST)
  }
  return Y.encodeStateAsUpdate(doc)
}

export class Swarm {
  readonly simulation: Simulation
  readonly addresses: readonly string[]
  readonly traffic = new Traffic()
  /** Milliseconds between two rounds of a node. */
  readonly intervalMs = DEFAULTS.intervalMs
  readonly #views: ReadonlyMap<string, readonly string[]>
  /** Key → how it spreads. */
  readonly #spreads = new Map<string, Spread>()
  /** Who sent what is being received. */
  #from = ''
  #keys = 0

  constructor(options: SwarmOptions) {
    const { nodes, view, writers, seed, loss, latency } = options
    this.simulation = new Simulation({
      seed,
      loss,
      latency,
      config: this.#config(options),
      onSend: (_from, _to, text) => this.traffic.count(text),
      onReceive: (from) => {
        this.#from = from
      },
    })
    this.addresses = Array.from({ length: nodes }, (_, node) => addressOf(node))
    this.#views = viewsOf(this.addresses, view, this.random)
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

  /** Goes on for so many milliseconds, or until `done`; returns whether it is. */
  run(milliseconds: number, done?: () => boolean): boolean {
    return this.simulation.run(milliseconds, done)
  }

  /** A node that is up, by chance. */
  pick(isFit: (address: string) => boolean = () => true): SimulatedNode {
    for (;;) {
      const address = this.addresses[Math.floor(this.random() * this.addresses.length)]!
      const node = this.simulation.nodes.get(address)
      if (node && isFit(address)) return node
    }
  }

  /** Somebody writes a value of so many characters, which do not compress, under a new key. */
  write(length: number, node: SimulatedNode = this.pick()): Spread {
    const key = `key-${this.#keys++}`
    let value = ''
    while (value.length < length) value += LETTERS[Math.floor(this.random() * LETTERS.length)]
    const spread = new Spread(this.addresses.length, node.address, this.now)
    this.#spreads.set(key, spread)
    node.doc.getMap('state').set(key, value)
    return spread
  }

  /** All begin a round, spread over the interval that follows. */
  startRounds(): void {
    for (const node of this.simulation.nodes.values()) {
      this.simulation.round(node, this.now + this.random() * this.intervalMs)
    }
  }

  /**
   * Goes on until everybody has all of these, and all states are equal. Returns the milliseconds
   * until then; infinity where it takes more than ten minutes. Throws a Failure where all have
   * them and states differ.
   */
  settle(spreads: readonly Spread[], what: string): number {
    const start = this.now
    const haveAll = () => spreads.every(({ hasAll }) => hasAll)
    const isThere = haveAll() || this.run(SETTLE_MS, haveAll)
    const ms = this.now - start
    if (isThere) {
      this.run(QUIET_MS)
      this.checkConverged(what)
    }
    this.forget()
    return isThere ? ms : Number.POSITIVE_INFINITY
  }

  /** The answer of a simulation: throws a Failure unless all that are up have one state. */
  checkConverged(what: string): void {
    if (this.simulation.hasConverged) return
    throw new Failure('internal', `after ${what} everybody has it, but states differ`, {
      hint: 'this is a defect: the same options and --seed show it again',
    })
  }

  /** Nothing is watched any more. */
  forget(): void {
    this.#spreads.clear()
  }

  /** Stops a node, and starts it again after so many milliseconds with the document that it had. */
  restart(address: string, downMs: number): void {
    const { doc } = this.simulation.nodes.get(address)!
    this.simulation.crash(address)
    this.simulation.at(this.now + downMs, () => {
      this.simulation.add(address, { peers: this.#views.get(address)!, doc })
    })
  }

  #config({ fanout, echo, view, nodes, hasRounds }: SwarmOptions): Partial<GossipConfig> {
    return {
      fanout,
      digestFanout: echo,
      // A limited view stays as it is: nobody is taken in because others name it.
      ...(view < nodes - 1 && { maxPeers: 1 }),
      ...(!hasRounds && { intervalMs: NEVER, jitter: 0 }),
    }
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
    const spread = this.write(WARMING)
    for (let round = 0; !spread.hasAll; round++) {
      if (round >= WARMING_ROUNDS) {
        throw new Failure('internal', `a write did not reach everybody in ${round} rounds`, {
          hint: 'is --loss too high, or --view too small?',
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
