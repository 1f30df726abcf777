/**
 * Finds the place of a new item in its list, or among the values of its key, as Yjs does, in less
 * time. Yjs walks over all values of a key for each that refers to no earlier one, so n of them
 * cost n² steps (80,000, which deflate to 3 kB: 40 s), and it fills two sets while it compares an
 * item with those of concurrent writers.
 *
 * What is left grows with the product of what two writers insert at one place without knowing of
 * each other. It is counted, and bounded.
 *
 * ```js
 * const places = new Places(transaction, LIMITS.comparisons)
 * places.integrate(item)      // instead of item.integrate(transaction, 0)
 * ```
 */
import * as Y from 'yjs'
import { Rejection } from './rejection.ts'
import * as yjsInner from './yjs-inner.ts'

type Type = NonNullable<ReturnType<Y.Doc['share']['get']>>

const contains = ({ id, length }: Y.Item, { client, clock }: Y.ID): boolean =>
  id.client === client && id.clock <= clock && clock < id.clock + length

/** The items that a search has passed, numbered from 1. Built only if it is needed. */
class Passed {
  readonly #numbers = new Map<unknown, number>()
  #next: Y.Item | null

  constructor(first: Y.Item | null) {
    this.#next = first
  }

  /** The number of the item with that id, among the first `count`. */
  numberOf(store: Y.Doc['store'], id: Y.ID, count: number): number | undefined {
    while (this.#next !== null && this.#numbers.size < count) {
      this.#numbers.set(this.#next, this.#numbers.size + 1)
      this.#next = this.#next.right
    }
    return this.#numbers.get(Y.getItem(store, id))
  }
}

/** Comparisons that the updates of a transaction have taken. */
const taken = new WeakMap<Y.Transaction, number>()

/**
 * Each update of a batch may take this part of what all may, even after a hostile one has taken all:
 * an honest update needs next to none.
 */
const OWN_SHARE = 1 / 100

/** How many items an update may still be compared with. */
class Budget {
  readonly #transaction: Y.Transaction
  #left: number

  constructor(transaction: Y.Transaction, max: number) {
    this.#transaction = transaction
    this.#left = Math.max(max - (taken.get(transaction) ?? 0), max * OWN_SHARE)
  }

  /** Throws a Rejection if that many are too many. */
  take(count: number): void {
    this.#left -= count
    taken.set(this.#transaction, (taken.get(this.#transaction) ?? 0) + count)
    if (this.#left < 0) {
      throw new Rejection('too_costly', 'too many comparisons with concurrent items at one place')
    }
  }
}

/** Items that are compared between two looks at the budget. */
const STRIDE = 1_024

/**
 * The item after which `item` belongs; null: it comes first. The rule is that of `Item.integrate`
 * in Yjs, where an item that has been passed is in the set `itemsBeforeOrigin`, and in
 * `conflictingItems` if it was passed after `left` was found.
 */
const findLeft = (
  store: Y.Doc['store'],
  item: Y.Item,
  first: Y.Item | null,
  budget: Budget,
): Y.Item | null => {
  const { origin, rightOrigin, right } = item
  let { left } = item
  let o = left === null ? first : left.right
  const passed = new Passed(o)
  let count = 0
  let countAtLeft = 0
  for (; o !== null && o !== right; o = o.right) {
    count++
    if (count % STRIDE === 0) budget.take(STRIDE)
    if (Y.compareIDs(origin, o.origin)) {
      if (o.id.client < item.id.client) {
        left = o
        countAtLeft = count
      } else if (Y.compareIDs(rightOrigin, o.rightOrigin)) break
    } else if (o.origin !== null) {
      // Mostly it follows the one before.
      const number =
        count > 1 && o.left !== null && contains(o.left, o.origin)
          ? count - 1
          : passed.numberOf(store, o.origin, count)
      if (number === undefined) break
      if (number <= countAtLeft) {
        left = o
        countAtLeft = count
      }
    } else break
  }
  budget.take(count % STRIDE)
  return left
}

/** Integrates items in one transaction. */
export class Places {
  readonly #transaction: Y.Transaction
  /** The first value of each key that was searched. */
  readonly #first = new Map<Type, Map<string, Y.Item>>()
  readonly #budget: Budget

  /** `max` is the number of comparisons that all updates of the transaction may take. */
  constructor(transaction: Y.Transaction, max: number) {
    this.#transaction = transaction
    this.#budget = new Budget(transaction, max)
  }

  /**
   * Integrates an item whose left and right are found (`getMissing`), and none of which is known.
   * Throws a Rejection (too_costly) if the budget is used up; what was integrated before stays.
   */
  integrate(item: Y.Item): void {
    const { parent, parentSub } = item
    // Below something that was collected, it is collected itself.
    if (!(parent instanceof Y.AbstractType)) {
      item.integrate(this.#transaction, 0)
      return
    }
    const { left, right } = item
    if (left !== null && left.right === right) {
      item.integrate(this.#transaction, 0)
      return
    }
    const first =
      parentSub === null ? yjsInner.firstItem(parent) : this.#firstValue(parent, parentSub)
    if (left !== null || right === null || right.left !== null)
      item.left = findLeft(this.#transaction.doc.store, item, first, this.#budget)
    item.right = item.left === null ? first : item.left.right
    if (item.left !== null || parentSub === null || first === null) {
      item.integrate(this.#transaction, 0)
      return
    }
    // Yjs walks from the last value to the first, unless it takes that for the last.
    yjsInner.withEntryItem(parent, parentSub, first, () => item.integrate(this.#transaction, 0))
  }

  /** Found from the last one at first; later ones lie directly before. */
  #firstValue(type: Type, key: string): Y.Item | null {
    const last = yjsInner.entryItem(type, key)
    if (last === undefined || last.left === null) return last ?? null
    const keys = this.#first.get(type) ?? new Map<string, Y.Item>()
    this.#first.set(type, keys)
    let first = keys.get(key) ?? last
    let count = 0
    for (; first.left !== null; first = first.left) count++
    this.#budget.take(count)
    keys.set(key, first)
    return first
  }
}
