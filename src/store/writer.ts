/**
 * Writer ids (Yjs calls them client ids), and how one is chosen. An id is the number of a node and an
 * incarnation, so every entry names its writer. It has 53 bits, the maximum of a JavaScript integer.
 *
 * ```ts
 * nodeOf(writerId(51_966, 7)) // 51966
 * ```
 *
 * Two documents that write under one id diverge forever, and Yjs does not report it. So an id is used
 * again only if everything published under it is on disk here.
 */

/** One more than the largest node number: 32 bits, as in a Pilot address. */
export const NODES: number = 2 ** 32

/** One more than the largest incarnation: the other 21 bits. 0 is never used. */
export const INCARNATIONS: number = 2 ** 21

/** Writer → clock. */
type Clocks = ReadonlyMap<number, number>

/** Returns a whole number from 0 up to, but not including, `end`. */
export type RandomBelow = (end: number) => number

/** The writer of a data folder, as it is stored. */
export interface WriterRecord {
  readonly node: number
  readonly incarnation: number
  /** The highest own clock that may have been published. */
  readonly published: number
}

/**
 * `same`: the id is used again, since everything published is here. All others are reasons for a new
 * incarnation. `first`: the folder has none. `unreadable`: its record is damaged. `moved`: it belonged
 * to another node. `lost`: some published data, or data that may be readable later, could not be
 * read. `copied`: the folder is a copy or was restored from one. `taken`: a peer has more of this
 * writer than we do.
 */
export type WriterReason = 'same' | 'first' | 'unreadable' | 'moved' | 'lost' | 'copied' | 'taken'

/** Throws a TypeError for a node that has not 32 bits, or an incarnation that is not from 1 to 2^21 - 1. */
export const writerId = (node: number, incarnation: number): number => {
  if (!Number.isInteger(node) || node < 0 || node >= NODES) {
    throw new TypeError(`a node's number has 32 bits, not ${node}`)
  }
  if (!Number.isInteger(incarnation) || incarnation < 1 || incarnation >= INCARNATIONS) {
    throw new TypeError(`an incarnation is from 1 to ${INCARNATIONS - 1}, not ${incarnation}`)
  }
  return node * INCARNATIONS + incarnation
}

export const nodeOf = (writer: number): number => Math.floor(writer / INCARNATIONS)

export const incarnationOf = (writer: number): number => writer % INCARNATIONS

/** May `node`, whose document on disk has these clocks, use the id of the folder again? */
export const judgeWriter = (
  record: WriterRecord,
  node: number,
  clocks: Clocks,
): 'same' | 'moved' | 'lost' => {
  if (record.node !== node) return 'moved'
  const onDisk = clocks.get(writerId(node, record.incarnation)) ?? 0
  return onDisk >= record.published ? 'same' : 'lost'
}

/**
 * An incarnation of the node that neither the document nor the folder has seen. It is random rather
 * than counted: a folder that was deleted or restored from a copy does not know its last count, and
 * would reuse an incarnation that peers have seen (odds at random: 1 in 2^21).
 */
export const nextIncarnation = (
  node: number,
  clocks: Clocks,
  before: WriterRecord | undefined,
  random: RandomBelow,
): number => {
  const isUsed = (incarnation: number): boolean =>
    incarnation === 0 ||
    (before?.node === node && before.incarnation === incarnation) ||
    clocks.has(writerId(node, incarnation))
  const start = random(INCARNATIONS)
  for (let step = 0; step < INCARNATIONS; step++) {
    const incarnation = (start + step) % INCARNATIONS
    if (!isUsed(incarnation)) return incarnation
  }
  throw new RangeError(`node ${node} has used all ${INCARNATIONS - 1} incarnations`)
}
