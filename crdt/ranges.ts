/**
 * Finds what two replicas lack of each other without a vector of all writers. Each message has some
 * nodes of the sender's hash tree (see `history.ts`); the receiver compares them with its own, and
 * replies with the nodes below those that differ. So the difference is found in as many messages as
 * the tree has levels, of some hundred bytes each. No side remembers anything.
 *
 * ```js
 * const ranges = new Ranges(history.trees, platform, salt)
 * send(ranges.root())
 * const { reply, lacks } = ranges.compare(theirs)
 * ```
 *
 * Hashes are cut to 4 bytes, and mixed with a salt that the first sender draws, so that a collision
 * can be neither prepared nor repeated.
 */
import { DeleteIndex, firstRunAfter } from './delete-index.ts'
import type { ClockRun, Delta } from './delta.ts'
import type { HistoryTrees } from './history.ts'
import type { Platform } from './platform.ts'
import { ALIVE, DEAD, FANOUT, heightOf, LEAF, maskOf, spanOf } from './writer-tree.ts'

/** Writers up to which the first message lists all of them: 15 bytes each. */
const MAX_WRITERS_AT_ONCE = 64

/** How far a writer is known, and a hash of which of its clocks are deleted. */
export interface WriterState {
  readonly clock: number
  readonly state: number
}

/** A node of the trie of writers with the hashes of its children. */
export interface ChildrenRange {
  readonly type: 'children'
  readonly depth: number
  readonly prefix: number
  readonly hashes: readonly (number | undefined)[]
}

/** Writers below a node of the trie: all of them or, in a reply, those that the sender lacks. */
export interface WritersRange {
  readonly type: 'writers'
  readonly depth: number
  readonly prefix: number
  readonly writers: ReadonlyMap<number, WriterState>
  readonly isReply: boolean
}

/** A node of a writer's tree, of its clocks below `clock`, with the states of its children. */
export interface ClocksRange {
  readonly type: 'clocks'
  readonly writer: number
  readonly clock: number
  readonly level: number
  readonly index: number
  /** 0: no clock is deleted; 1: all are; else a hash, from 2 on. */
  readonly states: readonly number[]
}

/** A leaf of a writer's tree: which of its clocks are deleted. */
export interface MaskRange {
  readonly type: 'mask'
  readonly writer: number
  readonly clock: number
  readonly index: number
  readonly mask: Uint8Array
  readonly isReply: boolean
}

export type Range = ChildrenRange | WritersRange | ClocksRange | MaskRange

export interface Comparison {
  /** What to send back; empty if the sender has nothing that we lack. */
  readonly reply: readonly Range[]
  /** What the sender lacks, as far as these ranges show. */
  readonly lacks: Delta
}

export class Ranges {
  readonly #trees: HistoryTrees
  readonly #hash: (bytes: Uint8Array) => number
  #reply: Range[] = []
  #structs = new Map<number, ClockRun>()
  #deletes = new DeleteIndex()

  constructor(trees: HistoryTrees, platform: Platform, salt: number) {
    this.#trees = trees
    this.#hash = (bytes) => {
      const salted = new Uint8Array(bytes.length + 4)
      const view = new DataView(salted.buffer)
      view.setUint32(0, salt, true)
      salted.set(bytes, 4)
      const hash = platform.sha256(salted)
      return new DataView(hash.buffer, hash.byteOffset).getUint32(0, true)
    }
  }

  /** What to send first. With few writers that is all of them, which spares some messages. */
  root(): Range {
    const { trie, writers } = this.#trees
    if (trie.size <= MAX_WRITERS_AT_ONCE) return this.#listOf(0, 0, writers())
    return this.#viewOf(0, 0)
  }

  /** Compares a peer's ranges with ours. */
  compare(ranges: readonly Range[]): Comparison {
    this.#reply = []
    this.#structs = new Map()
    this.#deletes = new DeleteIndex()
    for (const range of ranges) this.#compareOne(range)
    return { reply: this.#reply, lacks: { structs: this.#structs, deletes: this.#deletes.set } }
  }

  #compareOne(range: Range): void {
    if (range.type === 'children') this.#compareChildren(range)
    else if (range.type === 'writers') this.#compareWriters(range)
    else if (range.type === 'clocks') this.#compareClocks(range)
    else this.#compareMask(range)
  }

  /** Our own range for a node of the trie. */
  #viewOf(depth: number, prefix: number): Range {
    const { hashes, writers = [] } = this.#trees.trie.view(depth, prefix)
    if (hashes) {
      const cut = hashes.map((hash) => hash && this.#hash(hash))
      return { type: 'children', depth, prefix, hashes: cut }
    }
    return this.#listOf(depth, prefix, writers)
  }

  #listOf(depth: number, prefix: number, writers: Iterable<number>): WritersRange {
    const states = new Map<number, WriterState>()
    for (const writer of writers) states.set(writer, this.#stateOf(writer))
    return { type: 'writers', depth, prefix, writers: states, isReply: false }
  }

  #stateOf(writer: number): WriterState {
    const { clockOf, treeOf } = this.#trees
    const clock = clockOf(writer)
    return { clock, state: clock === 0 ? 0 : this.#hash(treeOf(writer).state()) }
  }

  #compareChildren({ depth, prefix, hashes: theirs }: ChildrenRange): void {
    const ours = this.#viewOf(depth, prefix)
    if (ours.type !== 'children') {
      this.#reply.push(ours)
      return
    }
    for (const [i, hash] of ours.hashes.entries())
      if (hash !== theirs[i]) this.#reply.push(this.#viewOf(depth + 1, prefix * FANOUT + i))
  }

  #compareWriters({ depth, prefix, writers, isReply }: WritersRange): void {
    const lacking = new Map<number, WriterState>()
    for (const [writer, theirs] of writers) {
      if (theirs.clock <= this.#trees.clockOf(writer)) this.#compareWriter(writer, theirs)
      else lacking.set(writer, this.#stateOf(writer))
    }
    // A reply lists only what its sender lacks; otherwise who is not listed is unknown there.
    if (isReply) return
    for (const writer of this.#trees.trie.writersUnder(depth, prefix))
      if (!writers.has(writer)) this.#compareWriter(writer, { clock: 0, state: 0 })
    if (lacking.size > 0)
      this.#reply.push({ type: 'writers', depth, prefix, writers: lacking, isReply: true })
  }

  /** A writer of whom the peer knows no more than we do. */
  #compareWriter(writer: number, { clock, state }: WriterState): void {
    const { clockOf, treeOf } = this.#trees
    const to = clockOf(writer)
    if (to > clock) {
      this.#structs.set(writer, { from: clock, to })
      this.#addDeletes(writer, clock, to)
    }
    if (clock === 0 || state === this.#hash(treeOf(writer).state(clock))) return
    this.#reply.push(this.#clocksOf(writer, clock, heightOf(clock), 0))
  }

  /** Our own range for a node of a writer's tree. */
  #clocksOf(writer: number, clock: number, level: number, index: number): Range {
    const tree = this.#trees.treeOf(writer)
    if (level === 0) return this.#maskOf(writer, clock, index, false)
    const states: number[] = []
    for (let i = 0; i < FANOUT; i++) {
      const child = index * FANOUT + i
      if (child * spanOf(level - 1) >= clock) break
      const state = tree.nodeState(level - 1, child, clock)
      states.push(typeof state === 'number' ? state : 2 + this.#hash(state))
    }
    return { type: 'clocks', writer, clock, level, index, states }
  }

  #maskOf(writer: number, clock: number, index: number, isReply: boolean): MaskRange {
    const from = index * LEAF
    const mask = maskOf(this.#trees.runsOf(writer), from, Math.min(from + LEAF, clock))
    return { type: 'mask', writer, clock, index, mask, isReply }
  }

  #compareClocks({ writer, clock, level, index, states: theirs }: ClocksRange): void {
    if (clock > this.#trees.clockOf(writer)) return
    const ours = this.#clocksOf(writer, clock, level, index)
    if (ours.type !== 'clocks') return
    const span = spanOf(level - 1)
    for (const [i, state] of ours.states.entries()) {
      if (state === theirs[i]) continue
      const child = index * FANOUT + i
      const from = child * span
      if (theirs[i] === ALIVE || state === DEAD)
        this.#addDeletes(writer, from, Math.min(from + span, clock))
      else this.#reply.push(this.#clocksOf(writer, clock, level - 1, child))
    }
  }

  #compareMask({ writer, clock, index, mask: theirs, isReply }: MaskRange): void {
    if (clock > this.#trees.clockOf(writer)) return
    const ours = this.#maskOf(writer, clock, index, true)
    let isLacking = false
    for (let bit = 0; bit < LEAF; bit++) {
      const isOurs = isSet(ours.mask, bit)
      const isTheirs = isSet(theirs, bit)
      if (isOurs && !isTheirs) this.#deletes.add(writer, index * LEAF + bit, 1)
      if (isTheirs && !isOurs) isLacking = true
    }
    if (isLacking && !isReply) this.#reply.push(ours)
  }

  /** Adds our deletes of those clocks to what the peer lacks. */
  #addDeletes(writer: number, from: number, to: number): void {
    const runs = this.#trees.runsOf(writer)
    for (let i = firstRunAfter(runs, from); i < runs.length && runs[i]!.clock < to; i++) {
      const start = Math.max(from, runs[i]!.clock)
      this.#deletes.add(writer, start, Math.min(to, runs[i]!.clock + runs[i]!.len) - start)
    }
  }
}

const isSet = (mask: Uint8Array, bit: number): boolean => (mask[bit >> 3]! & (1 << (bit & 7))) !== 0
