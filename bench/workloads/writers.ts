/**
 * Writers of one document, each with a replica of its own. Between two exchanges none knows what
 * the others write; after one all know everything.
 *
 * ```ts
 * const writers = new Writers(5)
 * writers.docs[0].getMap('state').set('k', 1)
 * await writers.exchange()
 * ```
 */
import { setImmediate } from 'node:timers/promises'
import * as Y from 'yjs'
import { useClock } from '../../src/maps/index.ts'
import { createTime } from './time.ts'

/** Of 53 bits, as agents have them: the bytes repeat them. */
const FIRST_ID = 3_000_000_000_000_001

/** Far from one another, as random ones are. */
const ID_STEP = 7_919_000_000

/** The origin of what came from another writer. */
const EXCHANGE = Symbol('bench exchange')

export class Writers {
  /** In ascending order of their ids. */
  readonly docs: readonly Y.Doc[]
  /** What each has to tell the others. */
  readonly #outboxes: Uint8Array[][]

  constructor(count: number) {
    const time = createTime()
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

  /** Everyone gets what the others wrote before the call, and then tidies up. */
  async exchange(): Promise<void> {
    const sent = this.#outboxes.map((outbox) => outbox.splice(0))
    this.docs.forEach((doc, receiver) => {
      Y.transact(
        doc,
        () => {
          sent.forEach((updates, sender) => {
            if (sender === receiver) return
            for (const update of updates) Y.applyUpdate(doc, update)
          })
        },
        EXCHANGE,
        false,
      )
    })
    // What lost is taken out after the transaction that brought what won.
    await setImmediate()
  }

  /** Exchanges until nobody has anything to tell. */
  async settle(): Promise<void> {
    do await this.exchange()
    while (this.#outboxes.some(({ length }) => length > 0))
  }
}
