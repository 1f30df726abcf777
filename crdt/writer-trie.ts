/**
 * The hash tree over all writers of a document: a trie over a mix of their ids, so its shape depends
 * only on who has written. A leaf holds up to 16 writers. The hash of each writer comes from its
 * `WriterTree`; a change of one writer changes only the nodes above it.
 *
 * ```ts
 * const trie = new WriterTrie(source)
 * trie.add(writer)
 * trie.touch(writer)
 * trie.state()                  // 16 bytes
 * trie.content({ leaves: 100 }) // 16 bytes; undefined when the budget has run out
 * ```
 */
import * as encoding from 'lib0/encoding'
import { firstIndex, mixBits } from './search.ts'
import { type Budget, EMPTY } from './writer-tree.ts'

/** Writers of a leaf: all of them are hashed again when one of them changes. */
const MAX_WRITERS = 16

const BITS = 4
export const CHILDREN: number = 2 ** BITS

/** Levels of the trie. Writers that share all bits of the mix share one leaf, however many they are. */
export const MAX_DEPTH: number = 32 / BITS

/** Where the trie gets the hashes of writers. */
export interface WriterHashes {
  readonly hash: (bytes: Uint8Array) => Uint8Array
  /** How far the writer has come, and what of it is deleted. */
  readonly state: (writer: number) => Uint8Array
  /** What is left of it; undefined when the budget has run out. */
  readonly content: (writer: number, budget: Budget) => Uint8Array | undefined
}

/** A node as peers compare it: one of the two. */
export interface TrieView {
  /** Child → its state; undefined if it has no writer. */
  readonly hashes?: readonly (Uint8Array | undefined)[]
  readonly writers?: readonly number[]
}

interface Node {
  count: number
  /** Of a leaf, sorted. */
  writers: number[] | undefined
  children: (Node | undefined)[]
  state: Uint8Array | undefined
  content: Uint8Array | undefined
}

const createLeaf = (): Node => ({
  count: 0,
  writers: [],
  children: [],
  state: undefined,
  content: undefined,
})

/** Spreads ids, which count up, over 32 bits. */
export const mixOf = (writer: number): number =>
  mixBits((writer % 2 ** 32) ^ Math.imul(Math.floor(writer / 2 ** 32), 0x9e3779b1))

const childOf = (writer: number, depth: number): number =>
  (mixOf(writer) >>> (32 - BITS * (depth + 1))) & (CHILDREN - 1)

const isUnder = (writer: number, depth: number, prefix: number): boolean =>
  Math.floor(mixOf(writer) / 2 ** (32 - BITS * depth)) === prefix

/** Index of the first number that is not below `value`. */
const lowerBound = (sorted: readonly number[], value: number): number =>
  firstIndex(sorted.length, (at) => sorted[at]! >= value)

export class WriterTrie {
  readonly #hashes: WriterHashes
  readonly #root = createLeaf()

  constructor(hashes: WriterHashes) {
    this.#hashes = hashes
  }

  /** How many writers there are. */
  get size(): number {
    return this.#root.count
  }

  /** Adds a writer that is not there yet. */
  add(writer: number): void {
    let node = this.#root
    for (let depth = 0; ; depth++) {
      node.count++
      node.state = undefined
      node.content = undefined
      if (node.writers) {
        node.writers.splice(lowerBound(node.writers, writer), 0, writer)
        if (node.count > MAX_WRITERS && depth < MAX_DEPTH) split(node, depth)
        return
      }
      node = childAt(node, childOf(writer, depth))
    }
  }

  /** The writer has written or something of it was deleted. */
  touch(writer: number): void {
    let node: Node | undefined = this.#root
    for (let depth = 0; node; depth++) {
      node.state = undefined
      node.content = undefined
      node = node.writers ? undefined : node.children[childOf(writer, depth)]
    }
  }

  state(): Uint8Array {
    return this.#stateOf(this.#root)
  }

  /** `EMPTY` if nothing is left of any writer. */
  content(budget: Budget): Uint8Array | undefined {
    return this.#contentOf(this.#root, budget)
  }

  /**
   * The node for all writers whose mix begins with those nibbles: the hashes of its children, or all
   * writers of a leaf or of no node.
   */
  view(depth: number, prefix: number): TrieView {
    let node: Node | undefined = this.#root
    for (let level = 0; level < depth && node?.writers === undefined && node; level++)
      node = node.children[Math.floor(prefix / CHILDREN ** (depth - level - 1)) % CHILDREN]
    if (node === undefined) return { writers: [] }
    if (node.writers) return { writers: node.writers.filter((one) => isUnder(one, depth, prefix)) }
    return { hashes: node.children.map((child) => child && this.#stateOf(child)) }
  }

  /** All writers whose mix begins with those nibbles. */
  *writersUnder(depth: number, prefix: number): Generator<number> {
    const { writers } = this.view(depth, prefix)
    if (writers) yield* writers
    else
      for (let i = 0; i < CHILDREN; i++) yield* this.writersUnder(depth + 1, prefix * CHILDREN + i)
  }

  #stateOf(node: Node): Uint8Array {
    if (node.state) return node.state
    const encoder = encoding.createEncoder()
    if (node.writers) {
      for (const writer of node.writers) {
        encoding.writeVarUint(encoder, writer)
        encoding.writeVarUint8Array(encoder, this.#hashes.state(writer))
      }
    } else {
      for (const [i, child] of node.children.entries()) {
        if (!child) continue
        encoding.writeUint8(encoder, i)
        encoding.writeUint8Array(encoder, this.#stateOf(child))
      }
    }
    node.state = this.#hashes.hash(encoding.toUint8Array(encoder))
    return node.state
  }

  #contentOf(node: Node, budget: Budget): Uint8Array | undefined {
    if (node.content) return node.content
    const encoder = encoding.createEncoder()
    const parts = node.writers ?? node.children
    for (const [i, part] of parts.entries()) {
      if (part === undefined) continue
      const isWriter = typeof part === 'number'
      const hash = isWriter ? this.#hashes.content(part, budget) : this.#contentOf(part, budget)
      if (!hash) return undefined
      if (hash === EMPTY) continue
      encoding.writeVarUint(encoder, isWriter ? part : i)
      encoding.writeUint8Array(encoder, hash)
    }
    const bytes = encoding.toUint8Array(encoder)
    node.content = bytes.length === 0 ? EMPTY : this.#hashes.hash(bytes)
    return node.content
  }
}

const childAt = (node: Node, index: number): Node => {
  let child = node.children[index]
  if (!child) {
    child = createLeaf()
    node.children[index] = child
  }
  return child
}

/** Turns a leaf into an inner node. */
const split = (node: Node, depth: number): void => {
  const writers = node.writers ?? []
  node.writers = undefined
  node.children = new Array<Node | undefined>(CHILDREN).fill(undefined)
  for (const writer of writers) {
    const child = childAt(node, childOf(writer, depth))
    child.writers!.push(writer)
    child.count++
  }
  for (const child of node.children)
    if (child && child.count > MAX_WRITERS && depth + 1 < MAX_DEPTH) split(child, depth + 1)
}
