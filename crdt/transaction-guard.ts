/**
 * Keeps a document's transactions whole, whatever its listeners do. Yjs calls them in the middle
 * of its work: one that throws keeps the others from being called, and leaves the transaction open
 * or its clean-up unfinished for good, after which no transaction of the document is told any more.
 * So the document's events are emitted here: each listener is called, and what they threw is thrown
 * once the transaction is over, out of the call that made the change, as Yjs throws what observers
 * of its types do. One guard a document, for all who want one.
 *
 * ```js
 * const guard = guardTransactions(doc, { onEnding: (transaction) => {} })
 * const thrown = []
 * guard.collect(thrown, () => Y.applyUpdate(doc, update))   // nothing that listeners throw comes out
 * guard.end()
 * ```
 */
import * as Y from 'yjs'
import { checkOwnDoc } from './own-doc.ts'

export interface TransactionUser {
  /**
   * What the transaction itself does is done: nobody has been told of it yet, so that it can still
   * be changed.
   */
  readonly onEnding?: (transaction: Y.Transaction) => void
  /** The first transaction of several begins, or one alone. */
  readonly onBegin?: () => void
  /** Told of what listeners threw and no caller is there to be thrown at. */
  readonly onThrown?: (error: unknown) => void
}

export interface GuardedTransactions {
  /**
   * Runs a transaction; what listeners throw, at once or while something is mended, is added to
   * `thrown`. What observers of types throw comes out of it, as ever.
   */
  collect(thrown: unknown[], run: () => void): void
  /** Runs a transaction of which no caller knows: whatever is thrown, `onThrown` is told. */
  run(run: () => void): void
  /**
   * Ends transactions that Yjs has left open: because a listener threw before this guard began, or
   * because Yjs itself failed. To be called where none can be running: never in a listener.
   */
  recover(): void
  /** Guards no more. */
  end(): void
}

/** The events that Yjs emits in the course of a transaction. */
const EVENTS: ReadonlySet<string> = new Set([
  'beforeAllTransactions',
  'beforeTransaction',
  'beforeObserverCalls',
  'afterTransaction',
  'afterTransactionCleanup',
  'update',
  'updateV2',
  'subdocs',
  'afterAllTransactions',
])

const BEGINNING: ReadonlySet<string> = new Set(['beforeAllTransactions', 'beforeTransaction'])

/** How far the clean-up of a transaction got, among its own notes (`Transaction.meta`). */
const STAGE = Symbol('stage')

type Listener = (...args: readonly unknown[]) => void
type Emit = (name: string, args: readonly unknown[]) => void

const attempt = (run: () => void, thrown: unknown[]): void => {
  try {
    run()
  } catch (error) {
    thrown.push(error)
  }
}

class Guard {
  readonly #doc: Y.Doc
  /** How the document emits by itself. */
  readonly #before: Emit
  readonly #users = new Set<TransactionUser>()
  #thrown: unknown[] = []
  /** Where to put what is thrown; absent: it is thrown at the end. */
  #sink: unknown[] | undefined

  constructor(doc: Y.Doc) {
    this.#doc = doc
    this.#before = doc.emit as Emit
    doc.emit = this.#emit as Y.Doc['emit']
  }

  add(user: TransactionUser): GuardedTransactions {
    this.#users.add(user)
    return {
      collect: (thrown, run) => this.#collect(thrown, run),
      run: (run) => {
        const thrown: unknown[] = []
        attempt(() => this.#collect(thrown, run), thrown)
        this.#report(thrown)
      },
      recover: () => this.#report(this.#recover()),
      end: () => this.#remove(user),
    }
  }

  #remove(user: TransactionUser): void {
    this.#users.delete(user)
    // What listeners of a transaction that runs have thrown is still to be thrown.
    if (this.#doc._transactionCleanups.length === 0) this.#endUnused()
  }

  #endUnused(): void {
    if (this.#users.size > 0 || guards.get(this.#doc) !== this) return
    guards.delete(this.#doc)
    if (this.#doc.emit !== (this.#emit as Y.Doc['emit'])) return // another has taken the place
    Reflect.deleteProperty(this.#doc, 'emit')
    if (this.#doc.emit !== this.#before) this.#doc.emit = this.#before as Y.Doc['emit']
  }

  /** In the place of the document's `emit`. */
  readonly #emit: Emit = (name, args) => {
    if (!EVENTS.has(name)) {
      const thrown = this.#notify(name, args)
      if (thrown.length > 0) throw thrown[0]
      return
    }
    if (name === 'beforeAllTransactions') this.#each(({ onBegin }) => onBegin?.())
    if (name === 'beforeObserverCalls' || name === 'afterTransactionCleanup') {
      const transaction = args[0] as Y.Transaction
      transaction.meta.set(STAGE, name)
      if (name === 'beforeObserverCalls') this.#each(({ onEnding }) => onEnding?.(transaction))
    }
    this.#thrown.push(...this.#notify(name, args))
    if (name === 'afterAllTransactions') {
      this.#endUnused()
      this.#release(this.#sink)
    }
    // A listener has taken the transaction away, so that Yjs has nothing to go on with.
    else if (BEGINNING.has(name) && this.#doc._transaction === null) this.#release()
  }

  /** Calls all listeners, and returns what they threw. */
  #notify(name: string, args: readonly unknown[]): unknown[] {
    const thrown: unknown[] = []
    // A document of a program's own class may emit in a way of its own.
    if (this.#before !== (Y.Doc.prototype.emit as Emit)) {
      attempt(() => this.#before.call(this.#doc, name, args), thrown)
      return thrown
    }
    const listeners = this.#doc._observers.get(name)
    if (listeners)
      for (const listener of [...listeners] as Listener[]) attempt(() => listener(...args), thrown)
    return thrown
  }

  #each(call: (user: TransactionUser) => void): void {
    for (const user of this.#users) attempt(() => call(user), this.#thrown)
  }

  #report(thrown: readonly unknown[]): void {
    for (const error of thrown) for (const { onThrown } of this.#users) onThrown?.(error)
  }

  /** All is over: only now may anything be thrown into Yjs, unless there is a `sink` for it. */
  #release(sink?: unknown[]): void {
    const thrown = this.#thrown
    this.#thrown = []
    if (sink) sink.push(...thrown)
    else if (thrown.length > 0) throw thrown[0]
  }

  #collect(thrown: unknown[], run: () => void): void {
    const before = this.#sink
    const isOutermost = this.#doc._transactionCleanups.length === 0
    this.#sink = thrown
    try {
      run()
    } finally {
      // Nothing runs any more that was begun in here: what is left is left for good.
      if (isOutermost) thrown.push(...this.#recover())
      this.#sink = before
    }
  }

  /** Returns what listeners threw meanwhile. */
  #recover(): unknown[] {
    const doc = this.#doc
    const thrown: unknown[] = []
    const before = this.#sink
    this.#sink = thrown
    while (doc._transactionCleanups.length > 0 || doc._transaction !== null) {
      const left = doc._transactionCleanups
      doc._transactionCleanups = []
      doc._transaction = null
      const unended: Y.Transaction[] = []
      for (const transaction of left) {
        if (stageOf(transaction) === 'open') unended.push(transaction)
        else if (stageOf(transaction) === 'untold') attempt(() => emitUpdate(transaction), thrown)
      }
      attempt(() => endAll(doc, unended), thrown)
    }
    thrown.push(...this.#thrown)
    this.#thrown = []
    this.#sink = before
    return thrown
  }
}

/**
 * `open`: its clean-up has not begun. `untold`: it failed before it told what was changed. `told`:
 * all have been told.
 */
const stageOf = ({ meta, afterState }: Y.Transaction): 'open' | 'untold' | 'told' => {
  const stage = meta.get(STAGE)
  if (stage === 'afterTransactionCleanup') return 'told'
  return stage === undefined && afterState.size === 0 ? 'open' : 'untold'
}

/** Has Yjs clean up these transactions, whose functions have ended, oldest first. */
const endAll = (doc: Y.Doc, transactions: readonly Y.Transaction[]): void => {
  const [first] = transactions
  if (!first) return
  Y.transact(doc, () => {
    // Yjs cleans up all that are listed when the one that ends is the first of them.
    doc._transactionCleanups.unshift(...transactions)
    doc._transaction = first
  })
}

/** What Yjs would have told next. */
const emitUpdate = (transaction: Y.Transaction): void => {
  const { doc, origin, beforeState } = transaction
  doc.emit('afterTransactionCleanup', [transaction, doc])
  const update = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(beforeState))
  doc.emit('update', [update, origin, doc, transaction])
  if (doc._observers.has('updateV2')) {
    doc.emit('updateV2', [Y.convertUpdateFormatV1ToV2(update), origin, doc, transaction])
  }
}

const guards = new WeakMap<Y.Doc, Guard>()

/**
 * Guards the transactions of a document until `end` is called. Throws a ForeignDocError for one of
 * another copy of Yjs.
 */
export const guardTransactions = (doc: Y.Doc, user: TransactionUser = {}): GuardedTransactions => {
  const known = guards.get(doc)
  if (known) return known.add(user)
  checkOwnDoc(doc)
  const guard = new Guard(doc)
  guards.set(doc, guard)
  return guard.add(user)
}
