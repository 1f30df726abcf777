/**
 * The digests of a document's history, kept up to date from its changes. A digest costs what
 * has changed since the last one, not what the document holds.
 *
 * - The *state* says what is known: how far each writer has come, and which of its clocks are
 *   deleted. Replicas with one state lack nothing of each other.
 * - The *content* says what that is. It differs if two replicas hold different things under one
 *   writer and clock, because two copies have written under one id, or a peer has lied.
 *
 * Both are roots of one hash tree (`writer-trie.ts`, `writer-tree.ts`) and do not depend on how Yjs
 * has split or merged its structs, nor on the order in which changes came.
 *
 * ```js
 * const history = new History(doc, platform)
 * doc.on('afterTransaction', (transaction) => history.add(deltaOfTransaction(transaction)))
 * history.state        // 'yoG0LxqDsWkyTQc1ZxQpDA'
 * history.content()    // the same way; undefined while it is being computed
 * ```
 */
import { toBase64 } from 'lib0/buffer'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { Canon, rootNames } from './canon.ts'
import { DeleteIndex, type Run } from './delete-index.ts'
import type { DeleteSet } from './deletes.ts'
import type { ClockRun, Clocks, Delta } from './delta.ts'
import { hexOf } from './fingerprint.ts'
import type { Platform } from './platform.ts'
import { structsOf } from './structs.ts'
import { EMPTY, HASH_BYTES, WriterTree } from './writer-tree.ts'
import { WriterTrie } from './writer-trie.ts'
import { writers } from './yjs-inner.ts'

/** 16 bytes as base64 without padding. */
export const STATE_PATTERN: RegExp = /^[A-Za-z0-9+/]{22}$/

/**
 * Leaves (of 64 clocks) that one call of `content` hashes: some 20 ms. A document that has just been
 * loaded needs a call for each 12,800 clocks; with a call in each round, a million takes six minutes.
 */
const LEAVES_PER_CALL = 200

const textOf = (hash: Uint8Array): string => toBase64(hash).slice(0, 22)

/** The parts of a history that peers compare. */
export interface HistoryTrees {
  readonly trie: WriterTrie
  readonly writers: () => Iterable<number>
  readonly treeOf: (writer: number) => WriterTree
  readonly clockOf: (writer: number) => number
  readonly runsOf: (writer: number) => readonly Run[]
}

const hashWith =
  (platform: Platform) =>
  (bytes: Uint8Array): Uint8Array =>
    platform.sha256(bytes).slice(0, HASH_BYTES)

/** The state digest of a document with these clocks and deletes. */
export const digestState = (clocks: Clocks, deletes: DeleteSet, platform: Platform): string => {
  const hash = hashWith(platform)
  const index = new DeleteIndex(deletes)
  const trie = new WriterTrie({
    hash,
    state: (writer) => {
      const clock = clocks.get(writer) ?? 0
      const tree = new WriterTree({
        hash,
        clock: () => clock,
        runs: () => index.runsOf(writer),
        serialize: () => undefined,
      })
      return stateOf(tree, clock)
    },
    content: () => undefined,
  })
  for (const writer of clocks.keys()) trie.add(writer)
  return textOf(trie.state())
}

const stateOf = (tree: WriterTree, clock: number): Uint8Array =>
  encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, clock)
    encoding.writeUint8Array(encoder, tree.state())
  })

export class History {
  readonly #doc: Y.Doc
  readonly #hash: (bytes: Uint8Array) => Uint8Array
  readonly #trees = new Map<number, WriterTree>()
  readonly #trie: WriterTrie
  readonly #deletes: DeleteIndex
  /** Names of root types; computed anew if a transaction may have added one. */
  #names: Map<unknown, string> | undefined
  readonly #clocks = new Map<number, number>()
  #version = 0

  /** Walks all structs once. */
  constructor(doc: Y.Doc, platform: Platform) {
    this.#doc = doc
    this.#hash = hashWith(platform)
    this.#deletes = DeleteIndex.of(doc)
    this.#trie = new WriterTrie({
      hash: this.#hash,
      state: (writer) => stateOf(this.#treeOf(writer), this.#clockOf(writer)),
      content: (writer, budget) => this.#treeOf(writer).content(budget),
    })
    for (const writer of writers(doc)) {
      const clock = Y.getState(doc.store, writer)
      this.#trie.add(writer)
      this.#clocks.set(writer, clock)
      this.#version += clock
    }
  }

  /** All deletes. The set changes with the next transaction, so it must not be kept. */
  get deletes(): DeleteSet {
    return this.#deletes.set
  }

  /** Writer → how far it has come. The map changes with the next transaction. */
  get clocks(): Clocks {
    return this.#clocks
  }

  /** Sum of all clocks. */
  get version(): number {
    return this.#version
  }

  /** The digest of the state: 22 characters. */
  get state(): string {
    return textOf(this.#trie.state())
  }

  /** The digest of the content: 22 characters. Undefined: it takes further calls. */
  content(maxLeaves = LEAVES_PER_CALL): string | undefined {
    const hash = this.#trie.content({ leaves: maxLeaves })
    return hash && textOf(hash)
  }

  /** Views of the tree for a comparison with a peer's (see `ranges.ts`). */
  get trees(): HistoryTrees {
    return {
      trie: this.#trie,
      writers: () => this.#clocks.keys(),
      treeOf: (writer) => this.#treeOf(writer),
      clockOf: (writer) => this.#clockOf(writer),
      runsOf: (writer) => this.#deletes.runsOf(writer),
    }
  }

  /** Runs of deletes of all writers. */
  get deleteRuns(): number {
    return this.#deletes.runs
  }

  /**
   * Writer → hash of what is left of it, 16 hex digits, without writers of whom nothing is left.
   * Undefined: it takes further calls.
   */
  writers(maxLeaves = LEAVES_PER_CALL): Map<number, string> | undefined {
    const budget = { leaves: maxLeaves }
    const hashes = new Map<number, string>()
    for (const writer of this.#clocks.keys()) {
      const hash = this.#treeOf(writer).content(budget)
      if (!hash) return undefined
      if (hash !== EMPTY) hashes.set(writer, hexOf(hash))
    }
    return hashes
  }

  /** Adds a change of the document. Takes time for each struct that was added or deleted. */
  add({ structs, deletes }: Delta): void {
    for (const [writer, { to }] of structs) {
      const from = this.#clocks.get(writer) ?? 0
      if (to > from) this.#added(writer, { from, to })
    }
    for (const [writer, runs] of deletes.clients) {
      for (const { clock, len } of runs) this.#deleted(writer, { from: clock, to: clock + len })
    }
  }

  #added(writer: number, run: ClockRun): void {
    if (run.from === 0) this.#trie.add(writer)
    this.#clocks.set(writer, run.to)
    this.#touch(writer, run)
    this.#version += run.to - run.from
    // Structs that arrive deleted are not always among the deletes.
    for (const { id, length, deleted } of structsOf(this.#doc, writer, run)) {
      if (!deleted) continue
      const from = Math.max(run.from, id.clock)
      this.#deletes.add(writer, from, Math.min(run.to, id.clock + length) - from)
    }
  }

  #deleted(writer: number, run: ClockRun): void {
    this.#deletes.add(writer, run.from, run.to - run.from)
    this.#touch(writer, run)
  }

  #touch(writer: number, run: ClockRun): void {
    this.#names = undefined
    this.#treeOf(writer).touch(run)
    this.#trie.touch(writer)
  }

  #clockOf(writer: number): number {
    return this.#clocks.get(writer) ?? 0
  }

  #treeOf(writer: number): WriterTree {
    let tree = this.#trees.get(writer)
    if (!tree) {
      tree = new WriterTree({
        hash: this.#hash,
        clock: () => this.#clockOf(writer),
        runs: () => this.#deletes.runsOf(writer),
        serialize: (range, longValues) => {
          this.#names ??= rootNames(this.#doc)
          const canon = new Canon(this.#names, this.#hash, longValues)
          for (const struct of structsOf(this.#doc, writer, range)) canon.add(struct, range)
          return canon.end()
        },
      })
      this.#trees.set(writer, tree)
    }
    return tree
  }
}
