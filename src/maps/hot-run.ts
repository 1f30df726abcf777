/**
 * Hot elements of one writer that are neighbours, as this document holds them. After each
 * transaction Yjs joins neighbours, and copies both: a run that grew without bound would cost its
 * length at each append, and again when an element in it is deleted. A run of ours is not joined
 * beyond a bound. What is written, sent and stored stays the same.
 *
 * ```js
 * boundRun(item, content)                         // Yjs joins it with others up to the bound
 * cutRun(transaction, { client, clock, length })  // one that is too long
 * ```
 */
import * as Y from 'yjs'

/**
 * Elements. A longer run copies more at each write; shorter ones take more structs (of some 200
 * bytes each), and a document without this index joins them when it loads, which costs the square
 * of their number.
 */
export const MAX_RUN = 128

class Run extends Y.ContentAny {
  override mergeWith(right: Y.ContentAny): boolean {
    return this.arr.length + right.arr.length <= MAX_RUN && super.mergeWith(right)
  }

  override splice(offset: number): Run {
    const right = new Run(this.arr.slice(offset))
    this.arr = this.arr.slice(0, offset)
    return right
  }
}

/** Keeps Yjs from joining the item, which holds elements, with others beyond the bound. */
export const boundRun = (item: Y.Item, content: Y.ContentAny): void => {
  if (!(content instanceof Run)) item.content = new Run(content.arr)
}

/** Clocks of one writer. */
export interface RunPlace {
  readonly client: number
  readonly clock: number
  readonly length: number
}

/** Cuts the items at these clocks. By halves, as each cut copies all that it cuts. */
export const cutRun = (transaction: Y.Transaction, { client, clock, length }: RunPlace): void => {
  if (length <= MAX_RUN) return
  const half = Math.floor(length / 2)
  Y.getItemCleanStart(transaction, Y.createID(client, clock + half))
  cutRun(transaction, { client, clock, length: half })
  cutRun(transaction, { client, clock: clock + half, length: length - half })
}
