/**
 * Writer ids (Yjs calls them client ids) and the choice among them. An id is a node's number and
 * an incarnation, so every entry names its writer; 53 bits, what a JavaScript number can hold.
 *
 * ```ts
 * nodeOf(writerId(51_966, 7)) // 51966
 * ```
 *
 * Two documents that write under one id diverge for ever, without a word from Yjs. So an id is
 * used again only while everything published under it is on disk here.
 */

/** One more than the largest node number: 32 bits, as in a Pilot address. */
export const NODES: number = 2 ** 32

/** One more than the largest incarnation: the 21 bits that are left. 0 is not given out. */
export const INCARNATIONS: number = 2 ** 21

/** Writer -> clock. */
type Clocks = ReadonlyMap<number, number>

/** A whole number from 0 up to, but not including, `end`. */
export type RandomBelow = (end: number) => number

/** What a data folder remembers of its writer. */
export interface WriterRecord {
  readonly node: number
  readonly incarnation: number
  /** The highest own clock that may have been published. */
  readonly published: number
}

/**
 * `same`: everything published is here. A new incarnation, because: `first`: the folder has none,
 * `unreadable`: what it has is damaged, `moved`: it belonged to another node, `lost`: less can be
 * read than was published, or than may be read one day, `copied`: the folder is a copy, or was
 * restored from one, `taken`: a peer has more of this writer than we do.
 */
export type WriterReason = 'same' | 'first' | 'unreadable' | 'moved' | 'lost' | 'copied' | 'taken'

/** Throws a TypeError for a node that is not of 32 bits, or an incarnation not of 1 to 2^21 - 1. */
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

/** May the folder's id be used again by `node`, whose document on disk has these clocks? */
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
 * An incarnation of the node that neither the document nor the folder has seen. It is drawn by
 * lot, not counted: a folder that was deleted or restored from a copy does not know how far it
 * had counted, and would take again what peers have seen (odds by lot: 1 in 2^21).
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
