/**
 * Writers of one document, each with a replica of its own, and the map that must come out. Between
 * two exchanges no writer knows what the others write; after an exchange every writer has everything.
 *
 * ```ts
 * const writers = new Writers(5, hot)
 * writers.write({ writer: 0, key: 'k', value: 1 })
 * await writers.exchange()
 * writers.expected      // Map { 'k' => 1 }
 * ```
 */
import { setImmediate } from 'node:timers/promises'
import * as Y from 'yjs'
import { useClock } from '../../src/maps/index.ts'
import type { Entries, Value } from '../engines/engine.ts'
import type { Layout, Write } from '../engines/layouts.ts'
import { createTime } from './time.ts'

/** Of 53 bits, like the ids of agents: they are part of the bytes. */
const FIRST_ID = 3_000_000_000_000_001

/** Far apart, like random ids. */
const ID_STEP = 7_919_000_000

/** The origin of what came from another writer. */
const EXCHANGE = Symbol('bench exchange')

export class Writers {
  /** In ascending order of their ids. */
  readonly docs: readonly Y.Doc[]
  readonly #layout: Layout
  /** Updates of each writer that the others lack. */
  readonly #outboxes: Uint8Array[][]
  readonly #expected = new Map<string, Value>()
  /** The winning write of each key since the last exchange. */
  readonly #rivals = new Map<string, Write>()

  constructor(count: number, layout: Layout) {
    const time = createTime()
    this.#layout = layout
    this.#outboxes = Array.from({ length: count }, () => [])
    this.docs = this.#outboxes.map((outbox, index) => {
      const doc = new Y.Doc()
      doc.clientID = FIRST_ID + index * ID_STEP
      useClock(doc, time)
      doc.on('update', (update: Uint8Array, origin: unknown) => {
        if (origin !== EXCHANGE) outbox.push(update)
      })
      return doc
    })
  }

  get expected(): Entries {
    return this.#expected
  }

  write({ writer, key, value }: Write): void {
    this.#layout.write(this.docs[writer]!, key, value)
  }

  /** Records writes that were concurrent, and then exchanged: of each key the layout's winner counts. */
  note(writes: readonly Write[]): void {
    for (const write of writes) {
      const rival = this.#rivals.get(write.key)
      if (rival && rival.writer !== write.writer && !this.#layout.laterWins(write, rival)) continue
      this.#rivals.set(write.key, write)
      this.#expected.set(write.key, write.value)
    }
    this.#rivals.clear()
  }

  /** Every writer receives what the others wrote before the call, and removes losing entries. */
  async exchange(): Promise<void> {
    const sent = this.#outboxes.map((outbox) => outbox.splice(0))
    this.docs.forEach((doc, receiver) => {
      const receive = () => {
        for (const [sender, updates] of sent.entries()) {
          if (sender === receiver) continue
          for (const update of updates) Y.applyUpdate(doc, update)
        }
      }
      Y.transact(doc, receive, EXCHANGE, false)
    })
    // A layout removes a losing entry after the transaction that brought the winner.
    await setImmediate()
  }

  /** Exchanges until no writer has anything to send. */
  async settle(): Promise<void> {
    do await this.exchange()
    while (this.#outboxes.some(({ length }) => length > 0))
  }
}
