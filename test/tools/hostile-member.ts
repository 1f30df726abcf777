/**
 * A member of a simulated swarm that only attacks, under an address of its own: at random times it
 * sends attacks of the corpus, and honest messages that it has heard, to random members.
 *
 * Two attacks have the same writer ids, and a writer that says different things to different members
 * is a fork, which ends equal in state and not in content. So of the attacks that may be merged it
 * sends one in each history; that of mutations, which differ among themselves, to one member.
 *
 * ```ts
 * const member = new HostileMember(swarm, seed)
 * member.act()
 * ```
 */
import { digestBytes, encodePush, packUpdate } from '../../crdt/index.ts'
import type { GossipEffect } from '../../src/gossip/index.ts'
import { ATTACKS, type Attack, type Scene } from '../../src/hostile/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import type { SimulatedNode, Simulation } from '../../src/simulation/index.ts'
import { seeded } from '../../src/transports/memory/network.ts'

const ADDRESS = 'hostile'
const SWARM = 'swarm'

/** The share of steps at which it sends something, and of that what it has heard. */
const SHARE = 0.3
const REPLAYS = 0.3

/** The factor of sizes: a twentieth of an attack is the same attack, and many fit into a second. */
const SIZE = 0.05

/** Messages that it remembers. */
const MAX_HEARD = 50

/** It deletes what others write in the next rounds, which any member may do. */
const EXCLUDED = 'deletes-ahead'

const CORPUS = ATTACKS.filter(({ name }) => name !== EXCLUDED)

/**
 * What `compare` of yjs/testHelper takes for different although it is the same: subdocuments, not a
 * number, and objects with a key `constructor`. Digests of the content compare these, too.
 */
const INCOMPARABLE = /^(subdocument|odd-values|key-)/

const REJECTED = CORPUS.filter(({ expected }) => expected === 'rejected')
const MERGED = CORPUS.filter(({ expected }) => expected !== 'rejected')

/** The push with this update, which need not be one. */
const pushOf = (bytes: Uint8Array): string => {
  const update = { bytes, digest: digestBytes(bytes, nodePlatform), needs: new Map() }
  return encodePush({
    version: 1,
    state: new Map([[SWARM, { update: packUpdate(update, nodePlatform) }]]),
    sender: ADDRESS,
    timestamp: 1_750_000_000,
    swarm: SWARM,
    members: [],
  })
}

export class HostileMember {
  readonly #swarm: Simulation
  readonly #random: () => number
  readonly #merged: Attack
  readonly #heard: string[] = []
  #hasMutated = false
  #sent = 0
  #rejected = 0

  constructor(swarm: Simulation, seed: number) {
    this.#swarm = swarm
    this.#random = seeded(seed + 3)
    this.#merged = this.#pick(MERGED)
  }

  counts(): { readonly sent: number; readonly rejected: number } {
    return { sent: this.#sent, rejected: this.#rejected }
  }

  /** Can `compare` compare documents with what it sends? */
  get isComparable(): boolean {
    return !INCOMPARABLE.test(this.#merged.name)
  }

  /** A message of an honest member. */
  hear(text: string): void {
    if (this.#random() < 0.1) this.#heard.unshift(text)
    if (this.#heard.length > MAX_HEARD) this.#heard.pop()
  }

  /** Is this what an attack brings about? Anything else that a node reports fails the history. */
  expects(effect: GossipEffect): boolean {
    if (effect.type !== 'refused' || effect.from !== ADDRESS) return false
    this.#rejected++
    return true
  }

  /** Any member. */
  get target(): SimulatedNode {
    return this.#pick([...this.#swarm.nodes.values()])
  }

  /** Attacks a member, or does not. */
  act(): void {
    if (this.#random() >= SHARE) return
    const { target } = this
    if (this.#heard.length > 0 && this.#random() < REPLAYS)
      this.#send(target, [this.#pick(this.#heard)])
    else this.#send(target, this.#texts(target, this.target))
  }

  #texts(target: SimulatedNode, peer: SimulatedNode): readonly string[] {
    const attack = this.#random() < 0.5 ? this.#merged : this.#pick(REJECTED)
    if (attack.name === 'mutated') {
      if (this.#hasMutated) return []
      this.#hasMutated = true
    }
    const writer = peer.doc.clientID
    const scene: Partial<Scene> = {
      size: SIZE,
      map: 'map',
      peer: { writer, clock: peer.replica.doc.store.clients.get(writer)?.length ?? 0 },
      own: target.doc.clientID,
      swarm: SWARM,
    }
    return attack.against === 'message' ? attack.make(scene) : attack.make(scene).map(pushOf)
  }

  #send({ address }: SimulatedNode, texts: readonly string[]): void {
    for (const text of texts) this.#swarm.receive(ADDRESS, address, text)
    this.#sent += texts.length
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!
  }
}
