/**
 * The hash tree over the clocks of one writer. A leaf covers 64 clocks, an inner node 16 nodes of
 * the level below. A node has two hashes: the *state* (which of its clocks are deleted) and the
 * *content* (what is left in the others). A change to a clock changes only the nodes above it.
 *
 * ```ts
 * const tree = new WriterTree(source)
 * tree.touch({ from: 10, to: 12 })        // clocks that were added or deleted
 * tree.state()
 * tree.content({ leaves: 100 })
 * ```
 */

import type { LongValues } from './canon.ts'
import { firstRunAfter, type Run } from './delete-index.ts'
import type { ClockRun } from './delta.ts'

/**
 * Clocks of a leaf. All of them are serialized again when one of them changes: 10 us. Smaller leaves
 * take more memory: 500 bytes each.
 */
export const LEAF = 64

/** Nodes below an inner node: 16 short hashes are one call of SHA-256. */
export const FANOUT = 16

/** Bytes of a hash: 128 bits, so that a collision takes 2^64 tries. */
export const HASH_BYTES = 16

export const ALIVE = 0
export const DEAD = 1
const MIXED = 2

/** All clocks alive, all deleted, or a hash (in a leaf: the mask) that says which. */
export type NodeState = typeof ALIVE | typeof DEAD | Uint8Array

/** Of a node without content: nothing is left in it. */
export const EMPTY: Uint8Array = new Uint8Array(HASH_BYTES)

/** Counts down the leaves that may still be hashed. */
export interface Budget {
  leaves: number
}

/** Where the tree gets what it hashes. */
export interface TreeSource {
  readonly hash: (bytes: Uint8Array) => Uint8Array
  /** How far the writer has come. */
  readonly clock: () => number
  /** The deleted runs of the writer. */
  readonly runs: () => readonly Run[]
  /** The serialized content of a range of clocks; undefined if nothing is left in it. */
  readonly serialize: (range: ClockRun, longValues: LongValues) => Uint8Array | undefined
}

type Nodes = Map<number, Uint8Array>

/** Clocks of a node of that level. */
export const spanOf = (level: number): number => LEAF * FANOUT ** level

/** The level of the root: the lowest that covers all clocks. */
export const heightOf = (clock: number): number => {
  let level = 0
  while (spanOf(level) < clock) level++
  return level
}

/** Removes the nodes of one level that cover clocks from `from` up to `to`. */
const dropNodes = (nodes: Nodes | undefined, span: number, { from, to }: ClockRun): void => {
  if (!nodes || nodes.size === 0) return
  const first = Math.floor(from / span)
  const last = Math.floor((to - 1) / span)
  if (last - first < nodes.size) for (let i = first; i <= last; i++) nodes.delete(i)
  else for (const index of nodes.keys()) if (index >= first && index <= last) nodes.delete(index)
}

export class WriterTree {
  readonly #source: TreeSource
  /** By level: index → hash. Nodes that are all alive or all deleted are not kept. */
  readonly #states: Nodes[] = []
  readonly #contents: Nodes[] = []
  readonly #longValues: LongValues = new Map()

  constructor(source: TreeSource) {
    this.#source = source
  }

  /** Clocks were added or deleted. Takes time for each node above them that is kept. */
  touch(run: ClockRun): void {
    for (let level = 0; level < this.#states.length || level < this.#contents.length; level++) {
      dropNodes(this.#states[level], spanOf(level), run)
      dropNodes(this.#contents[level], spanOf(level), run)
    }
    dropNodes(this.#longValues, 1, run)
  }

  /**
   * Which clocks below `clock` (default: all) are deleted: a byte for the kind, and a hash if they
   * are mixed.
   */
  state(clock = this.#source.clock()): Uint8Array {
    const state = this.nodeState(heightOf(clock), 0, clock)
    return typeof state === 'number' ? Uint8Array.of(state) : Uint8Array.of(MIXED, ...state)
  }

  /** The hash of what is left; undefined when the budget has run out. */
  content(budget: Budget): Uint8Array | undefined {
    const clock = this.#source.clock()
    return this.#contentOf(heightOf(clock), 0, clock, budget)
  }

  /** The state of a node, of its clocks below `clock`. */
  nodeState(level: number, index: number, clock: number): NodeState {
    const span = spanOf(level)
    const from = index * span
    const to = Math.min(from + span, clock)
    const runs = this.#source.runs()
    const first = runs[firstRunAfter(runs, from)]
    if (!first || first.clock >= to) return ALIVE
    if (first.clock <= from && first.clock + first.len >= to) return DEAD
    // A node that `clock` cuts is another one.
    const isKept = to === Math.min(from + span, this.#source.clock())
    const nodes = nodesAt(this.#states, level)
    let hash = isKept ? nodes.get(index) : undefined
    if (!hash) {
      hash = level === 0 ? maskOf(runs, from, to) : this.#hashStates(level - 1, index, clock)
      if (isKept) nodes.set(index, hash)
    }
    return hash
  }

  #hashStates(level: number, parent: number, clock: number): Uint8Array {
    const bytes: number[] = []
    const span = spanOf(level)
    for (let i = 0; i < FANOUT; i++) {
      const index = parent * FANOUT + i
      if (index * span >= clock) break
      const state = this.nodeState(level, index, clock)
      if (typeof state === 'number') bytes.push(state)
      else bytes.push(MIXED, ...state)
    }
    return this.#source.hash(Uint8Array.from(bytes))
  }

  #contentOf(level: number, index: number, clock: number, budget: Budget): Uint8Array | undefined {
    const nodes = nodesAt(this.#contents, level)
    const known = nodes.get(index)
    if (known) return known
    const span = spanOf(level)
    const from = index * span
    const to = Math.min(from + span, clock)
    const runs = this.#source.runs()
    const first = runs[firstRunAfter(runs, from)]
    if (first && first.clock <= from && first.clock + first.len >= to) return EMPTY
    const made =
      level === 0
        ? this.#hashLeaf({ from, to }, budget)
        : this.#hashContents(level - 1, index, clock, budget)
    if (made) nodes.set(index, made)
    return made
  }

  #hashLeaf(range: ClockRun, budget: Budget): Uint8Array | undefined {
    if (budget.leaves <= 0) return undefined
    budget.leaves--
    const bytes = this.#source.serialize(range, this.#longValues)
    return bytes ? this.#source.hash(bytes) : EMPTY
  }

  #hashContents(
    level: number,
    parent: number,
    clock: number,
    budget: Budget,
  ): Uint8Array | undefined {
    const span = spanOf(level)
    const bytes = new Uint8Array(FANOUT * HASH_BYTES)
    let isEmpty = true
    for (let i = 0; i < FANOUT; i++) {
      const index = parent * FANOUT + i
      if (index * span >= clock) break
      const hash = this.#contentOf(level, index, clock, budget)
      if (!hash) return undefined
      if (hash !== EMPTY) isEmpty = false
      bytes.set(hash, i * HASH_BYTES)
    }
    return isEmpty ? EMPTY : this.#source.hash(bytes)
  }
}

const nodesAt = (levels: Nodes[], level: number): Nodes => {
  while (levels.length <= level) levels.push(new Map())
  return levels[level]!
}

/** One bit for each clock of a leaf, set if it is deleted. */
export const maskOf = (runs: readonly Run[], from: number, to: number): Uint8Array => {
  const mask = new Uint8Array(LEAF / 8)
  for (let r = firstRunAfter(runs, from); r < runs.length && runs[r]!.clock < to; r++) {
    const end = Math.min(to, runs[r]!.clock + runs[r]!.len)
    for (let clock = Math.max(from, runs[r]!.clock); clock < end; clock++) {
      const bit = clock - from
      mask[bit >> 3]! |= 1 << (bit & 7)
    }
  }
  return mask
}
