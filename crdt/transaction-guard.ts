/**
 * Keeps a document's transactions whole, whatever its listeners do. Yjs calls listeners in the
 * middle of its work: one that throws keeps the others from being called, and leaves the
 * transaction open or its clean-up unfinished for good. After that no transaction of the document
 * is reported any more.
 *
 * The guard emits the document's events itself. It calls each listener, and throws their errors
 * when the transaction is over, out of the call that made the change, as Yjs throws the errors of
 * type observers. All users of a document share one guard.
 *
 * ```js
 * const guard = guardTransactions(doc, { onEnding: (transaction) => {} })
 * const thrown = []
 * guard.collect(thrown, () => Y.applyUpdate(doc, update))   // catches what listeners throw
 * guard.end()
 * ```
 */
import * as Y from 'yjs'
import { checkOwnDoc } from './own-doc.ts'
import * as yjsInner from './yjs-inner.ts'

export interface TransactionUser {
  /**
   * The function of the transaction has ended, and no listener was called yet: the transaction can
   * still be changed.
   */
  readonly onEnding?: (transaction: Y.Transaction) => void
  /** A transaction begins, or the first of several nested ones. */
  readonly onBegin?: () => void
  /** Called with errors of listeners that no caller can catch. */
  readonly onThrown?: (error: unknown) => void
}

export interface GuardedTransactions {
  /**
   * Runs a transaction. Errors of listeners are added to `thrown`, also those of transactions that
   * are recovered. Errors of type observers are thrown, as by Yjs.
   */
  collect(thrown: unknown[], run: () => void): void
  /** Runs a transaction that has no caller: `onThrown` gets all errors. */
  run(run: () => void): void
  /**
   * Ends transactions that Yjs has left open, because a listener threw before this guard began or
   * because Yjs itself failed. Must be called when none can be running: never in a listener.
   */
  recover(): void
  /** Stops guarding. */
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

/** Key in `Transaction.meta`: how far the clean-up of a transaction has come. */
const STAGE = Symbol('stage')

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
  /** The document's own `emit`. */
  readonly #before: Emit
  readonly #users = new Set<TransactionUser>()
  #thrown: unknown[] = []
  /** Takes errors; if absent, the first is thrown when the transaction is over. */
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
    // A transaction that is running may have collected errors that are still to be thrown.
    if (yjsInner.openTransactions(this.#doc).length === 0) this.#endUnused()
  }

  #endUnused(): void {
    if (this.#users.size > 0 || guards.get(this.#doc) !== this) return
    guards.delete(this.#doc)
    if (this.#doc.emit !== (this.#emit as Y.Doc['emit'])) return // another wrapper has replaced it
    Reflect.deleteProperty(this.#doc, 'emit')
    if (this.#doc.emit !== this.#before) this.#doc.emit = this.#before as Y.Doc['emit']
  }

  /** Replaces the document's `emit`. */
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
    // A listener has removed the transaction, so Yjs cannot go on with it.
    else if (BEGINNING.has(name) && yjsInner.runningTransaction(this.#doc) === null) this.#release()
  }

  /** Calls all listeners, and returns what they threw. */
  #notify(name: string, args: readonly unknown[]): unknown[] {
    const thrown: unknown[] = []
    // A program's own class of document may emit in its own way.
    if (this.#before !== (Y.Doc.prototype.emit as Emit)) {
      attempt(() => this.#before.call(this.#doc, name, args), thrown)
      return thrown
    }
    for (const listener of yjsInner.listenersOf(this.#doc, name))
      attempt(() => listener(...args), thrown)
    return thrown
  }

  #each(call: (user: TransactionUser) => void): void {
    for (const user of this.#users) attempt(() => call(user), this.#thrown)
  }

  #report(thrown: readonly unknown[]): void {
    for (const error of thrown) for (const { onThrown } of this.#users) onThrown?.(error)
  }

  /** The transaction is over: only now may an error be thrown into Yjs, unless `sink` takes it. */
  #release(sink?: unknown[]): void {
    const thrown = this.#thrown
    this.#thrown = []
    if (sink) sink.push(...thrown)
    else if (thrown.length > 0) throw thrown[0]
  }

  #collect(thrown: unknown[], run: () => void): void {
    const before = this.#sink
    const isOutermost = yjsInner.openTransactions(this.#doc).length === 0
    this.#sink = thrown
    try {
      run()
    } finally {
      // Nothing that began in here is running any more, so what is left open stays open.
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
    while (yjsInner.isInTransaction(doc)) {
      const unended: Y.Transaction[] = []
      for (const transaction of yjsInner.dropTransactions(doc)) {
        if (stageOf(transaction) === 'open') unended.push(transaction)
        else if (stageOf(transaction) === 'unreported')
          attempt(() => emitUpdate(transaction), thrown)
      }
      attempt(() => yjsInner.endTransactions(doc, unended), thrown)
    }
    thrown.push(...this.#thrown)
    this.#thrown = []
    this.#sink = before
    return thrown
  }
}

/**
 * `open`: its clean-up has not begun. `unreported`: it failed before listeners got the change.
 * `reported`: all listeners were called.
 */
const stageOf = ({ meta, afterState }: Y.Transaction): 'open' | 'unreported' | 'reported' => {
  const stage = meta.get(STAGE)
  if (stage === 'afterTransactionCleanup') return 'reported'
  return stage === undefined && afterState.size === 0 ? 'open' : 'unreported'
}

/** Emits what Yjs would have emitted next. */
const emitUpdate = (transaction: Y.Transaction): void => {
  const { doc, origin, beforeState } = transaction
  doc.emit('afterTransactionCleanup', [transaction, doc])
  const update = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(beforeState))
  doc.emit('update', [update, origin, doc, transaction])
  if (yjsInner.hasListeners(doc, 'updateV2')) {
    doc.emit('updateV2', [Y.convertUpdateFormatV1ToV2(update), origin, doc, transaction])
  }
}

const guards = new WeakMap<Y.Doc, Guard>()

/**
 * Guards the transactions of a document until `end` is called. Throws a ForeignDocError if the
 * document belongs to another copy of Yjs.
 */
export const guardTransactions = (doc: Y.Doc, user: TransactionUser = {}): GuardedTransactions => {
  const known = guards.get(doc)
  if (known) return known.add(user)
  checkOwnDoc(doc)
  const guard = new Guard(doc)
  guards.set(doc, guard)
  return guard.add(user)
}
