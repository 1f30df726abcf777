/**
 * A table with members of one swarm: gossip cores of which the test controls every event, message
 * and millisecond. Nothing happens by itself: a message lies on the table until the test delivers
 * it, and time stands still until the test advances it.
 *
 * ```ts
 * const table = new Table()
 * const [a, b] = table.seat('a', 'b')
 * a.map.set('k', 1)
 * table.change(a)
 * table.advance(30)        // batched, pushed, delivered
 * ```
 */
import * as Y from 'yjs'
import {
  type DocState,
  decodePush,
  encodePush,
  inspectUpdate,
  LIMITS,
  type Limits,
  type Push,
  packUpdate,
  Replica,
  unpackUpdate,
} from '../../crdt/index.ts'
import {
  Gossip,
  type GossipConfig,
  type GossipEffect,
  type GossipEvent,
} from '../../src/gossip/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { seeded } from '../../src/transports/memory/network.ts'
import { docOf, idsOf } from './docs.ts'

export const SWARM = 'table'
export const DOC = 'kv'

/** Rounds come only when a test asks for one, and no digest follows a push. */
const QUIET: Partial<GossipConfig> = { intervalMs: 1e9, jitter: 0, digestFanout: 0 }

/** Events after which the test gives up on a table that does not come to rest. */
const MOST_EVENTS = 100_000

export interface Message {
  readonly from: string
  readonly to: string
  readonly text: string
  /** When it left. */
  readonly at: number
}

/** The outcome of a send: it succeeds at once, fails at once, or never ends. */
export type Fate = 'sent' | 'failed' | 'hangs'

export interface SeatOptions {
  readonly config?: Partial<GossipConfig>
  readonly maxMessageBytes?: number
  readonly limits?: Limits
  readonly doc?: Y.Doc
  readonly random?: () => number
}

export class Member {
  readonly address: string
  readonly doc: Y.Doc
  readonly replica: Replica
  readonly gossip: Gossip
  /** Effects other than sends. */
  readonly effects: GossipEffect[] = []

  constructor(address: string, writer: number, options: SeatOptions) {
    const { config, maxMessageBytes = 4 * 2 ** 20, limits, random = seeded(writer) } = options
    this.address = address
    this.doc = options.doc ?? docOf(writer)
    this.replica = new Replica(this.doc, nodePlatform, limits ? { limits } : {})
    this.gossip = new Gossip({
      self: address,
      swarm: SWARM,
      platform: nodePlatform,
      random,
      maxMessageBytes,
      config: { ...QUIET, ...config },
      ...(limits && { limits }),
    })
    this.gossip.open(DOC, this.replica)
  }

  get map(): Y.Map<unknown> {
    return this.doc.getMap('map')
  }
}

export class Table {
  now = 1_700_000_000_000
  readonly members = new Map<string, Member>()
  /** Messages that were sent and not delivered, oldest first. */
  readonly post: Message[] = []
  /** All messages that were sent. */
  readonly log: Message[] = []
  fate: (from: string, to: string) => Fate = () => 'sent'
  readonly #options: SeatOptions

  /** `options` are for all members. */
  constructor(options: SeatOptions = {}) {
    this.#options = options
  }

  /** Adds a member that knows no peer. */
  add(address: string, options: SeatOptions = {}): Member {
    const config = { ...this.#options.config, ...options.config }
    const all = { ...this.#options, ...options, config }
    const member = new Member(address, this.members.size + 1, all)
    this.members.set(address, member)
    this.handle(member, { type: 'wake' }) // its first round, which has no targets
    return member
  }

  /** Adds members that know each other and have sent nothing yet. */
  seat<const T extends readonly string[]>(...addresses: T): { [K in keyof T]: Member } {
    for (const address of addresses) this.add(address)
    this.introduce(addresses)
    return addresses.map((address) => this.get(address)) as { [K in keyof T]: Member }
  }

  /** Makes them known to each other without a message. */
  introduce(addresses: readonly string[]): void {
    for (const a of addresses) for (const b of addresses) this.get(a).gossip.peers.add(b, 'given')
  }

  get(address: string): Member {
    const member = this.members.get(address)
    if (!member) throw new TypeError(`no "${address}" at the table`)
    return member
  }

  /** Feeds an event to the member. What it sends lies on the table, has failed, or hangs. */
  handle(member: Member, event: GossipEvent): Message[] {
    const left: Message[] = []
    const events: GossipEvent[] = [event]
    for (let next = events.shift(); next; next = events.shift()) {
      for (const effect of member.gossip.handle(next, this.now)) {
        if (effect.type !== 'send') {
          member.effects.push(effect)
          continue
        }
        const { to, text } = effect
        const message = { from: member.address, to, text, at: this.now }
        left.push(message)
        this.log.push(message)
        const fate = this.fate(member.address, to)
        if (fate === 'sent') this.post.push(message)
        if (fate !== 'hangs') events.push({ type: fate, to })
      }
    }
    return left
  }

  change(member: Member): Message[] {
    return this.handle(member, { type: 'changed' })
  }

  round(member: Member): Message[] {
    return this.handle(member, { type: 'round' })
  }

  /** Delivers a message; one to an unknown address is lost. Returns the messages sent in reaction. */
  deliver({ from, to, text }: Pick<Message, 'from' | 'to' | 'text'>): Message[] {
    const member = this.members.get(to)
    return member ? this.handle(member, { type: 'message', from, text }) : []
  }

  /** Delivers until the table is empty; messages for which `drop` is true are lost. Returns all of them. */
  settle(drop: (message: Message) => boolean = () => false): Message[] {
    const seen: Message[] = []
    for (let next = this.post.shift(); next; next = this.post.shift()) {
      if (seen.push(next) > MOST_EVENTS) throw new Error('the table does not come to rest')
      if (!drop(next)) this.deliver(next)
    }
    return seen
  }

  /** Advances time, wakes each member that is due, and delivers what it sends. Returns these messages. */
  advance(milliseconds: number, drop?: (message: Message) => boolean): Message[] {
    const end = this.now + milliseconds
    const seen = this.settle(drop)
    for (let events = 0; ; events++) {
      if (events > MOST_EVENTS) throw new Error(`still waking at ${this.now}: a member spins`)
      let first: Member | undefined
      for (const member of this.members.values()) {
        if (!first || member.gossip.wakeAt < first.gossip.wakeAt) first = member
      }
      if (!first || first.gossip.wakeAt > end) break
      this.now = Math.max(this.now, first.gossip.wakeAt)
      this.handle(first, { type: 'wake' })
      seen.push(...this.settle(drop))
    }
    this.now = end
    return seen
  }
}

/** The decoded message. */
export const readMessage = ({ text }: Pick<Message, 'text'>): Push => decodePush(text, SWARM)

/** The part of a message about the document. */
export const stateIn = (message: Pick<Message, 'text'>, document = DOC): DocState => {
  const state = readMessage(message).state.get(document)
  if (!state) throw new Error(`nothing about "${document}" in ${message.text.slice(0, 200)}`)
  return state
}

/**
 * The kinds of things a message says about the document, sorted: `answer,digest,update`. The digest
 * of the content goes with that of the state, and is left out here.
 */
export const kindOf = (message: Pick<Message, 'text'>): string =>
  Object.keys(stateIn(message))
    .filter((field) => field !== 'content')
    .sort()
    .join()

interface Ids {
  readonly structs: ReadonlySet<string>
  readonly deletes: ReadonlySet<string>
}

/** The structs and deletes that a message carries, as `writer:clock` each. */
export const carriedBy = (message: Pick<Message, 'text'>): Ids => {
  const { update } = stateIn(message)
  if (!update) return { structs: new Set(), deletes: new Set() }
  return idsOf(inspectUpdate(new Y.Doc(), unpackUpdate(update, nodePlatform), LIMITS).delta)
}

/** The structs and deletes of a document. */
export const idsIn = (doc: Y.Doc): Ids => {
  const { sv, ds } = Y.snapshot(doc)
  const structs = new Map([...sv].map(([writer, to]) => [writer, { from: 0, to }]))
  return idsOf({ structs, deletes: ds })
}

/** The ids in `all` that are not in `known`, sorted. */
export const without = (all: ReadonlySet<string>, known: ReadonlySet<string>): string[] =>
  [...all].filter((id) => !known.has(id)).sort()

/** UTF-8 bytes of messages. */
export const bytesOf = (messages: readonly Pick<Message, 'text'>[]): number =>
  messages.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)

/** The text of a push from an address that is not at the table. */
export const pushText = (
  state: Record<string, DocState>,
  { swarm = SWARM, sender = 'x', members = [] as readonly string[] } = {},
): string =>
  encodePush({
    version: 1,
    state: new Map(Object.entries(state)),
    sender,
    timestamp: 1_700_000_000,
    swarm,
    members,
  })

/** An update of a whole document, packed. */
export const packedState = (doc: Y.Doc): NonNullable<DocState['update']> => {
  const replica = new Replica(doc, nodePlatform)
  try {
    const known = { clocks: new Map<number, number>(), deletes: undefined }
    return packUpdate(replica.encode(replica.lacking(known)), nodePlatform)
  } finally {
    replica.destroy()
  }
}

/** Text that does not deflate: hex digits from a seed. */
export const noise = (length: number, seed = 1): string => {
  const random = seeded(seed)
  return Array.from({ length }, () => Math.floor(random() * 36).toString(36)).join('')
}
