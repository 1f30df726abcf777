/**
 * A client that types. It sends what a y-websocket client would send, and keeps what it receives
 * undecoded until the end: with a hundred clients in one process, merging each update at each client
 * would cost more than any of the servers, and the latency would be that of the bench.
 *
 * ```ts
 * const typist = new Typist(0, writers, server)
 * await typist.ready
 * typist.type('x')
 * typist.document().getText('text').toString()
 * ```
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { Failure } from '../../src/errors.ts'
import type { Server } from './servers.ts'

const SYNC = 0
const AUTH = 2
/** What Hocuspocus answers a sync step 1 with. */
const SYNC_REPLY = 4

const STEP_1 = 0
const UPDATE = 2

/** The name of the text that all type into. */
export const TEXT = 'text'

/** The keystrokes of all typists. */
export interface Keystrokes {
  /** The number of a typist by its writer id. */
  readonly writers: Map<number, number>
  /** `performance.now()` of each keystroke, by typist. */
  readonly times: number[][]
  /** Called with the milliseconds from a keystroke until another client received it. */
  onSeen(ms: number): void
}

export class Typist {
  readonly ready: Promise<void>
  /** Messages that carried an update. */
  received = 0
  /** Keystrokes that were received, by typist. */
  readonly seen: number[] = []
  readonly #at: number
  readonly #keystrokes: Keystrokes
  readonly #document: string | undefined
  readonly #ws: WebSocket
  readonly #doc = new Y.Doc()
  readonly #updates: Uint8Array[] = []
  #onReady: () => void = () => undefined
  /** Why the connection ended; undefined while it is open. */
  #ended: Failure | undefined

  constructor(at: number, keystrokes: Keystrokes, { url, document }: Server) {
    this.#at = at
    this.#keystrokes = keystrokes
    this.#document = document
    keystrokes.writers.set(this.#doc.clientID, at)
    keystrokes.times[at] = []
    this.#doc.on('update', (update) => this.#send(SYNC, UPDATE, update))
    this.#ws = new WebSocket(url)
    this.ready = new Promise((resolve, reject) => {
      this.#onReady = resolve
      this.#ws.on('error', reject)
      this.#ws.on('close', (code, reason) => {
        const message = `client ${at} was disconnected: ${code} ${reason}`
        this.#ended = new Failure('connection_failed', message)
        reject(this.#ended)
      })
    })
    this.ready.catch(() => undefined) // `check` reports a later end
    this.#ws.on('open', () => this.#open())
    this.#ws.on('message', (data: Buffer) => this.#take(data))
  }

  /** Throws a Failure (connection_failed) if the server has ended the connection. */
  check(): void {
    if (this.#ended) throw this.#ended
  }

  /** Inserts a character at the end of what it has typed. */
  type(character: string): void {
    this.#keystrokes.times[this.#at]!.push(performance.now())
    const text = this.#doc.getText(TEXT)
    text.insert(text.length, character)
  }

  /** All that it has typed and received, as a document. */
  document(): Y.Doc {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Y.mergeUpdates([Y.encodeStateAsUpdate(this.#doc), ...this.#updates]))
    return doc
  }

  close(): void {
    this.#ws.terminate()
    this.#doc.destroy()
  }

  #open(): void {
    if (this.#document !== undefined) {
      const encoder = this.#begin()
      encoding.writeVarUint(encoder, AUTH)
      encoding.writeVarUint(encoder, 0)
      encoding.writeVarString(encoder, 'token')
      this.#ws.send(encoding.toUint8Array(encoder))
    }
    this.#send(SYNC, STEP_1, Y.encodeStateVector(this.#doc))
  }

  #begin(): encoding.Encoder {
    const encoder = encoding.createEncoder()
    if (this.#document !== undefined) encoding.writeVarString(encoder, this.#document)
    return encoder
  }

  #send(type: number, step: number, bytes: Uint8Array): void {
    const encoder = this.#begin()
    encoding.writeVarUint(encoder, type)
    encoding.writeVarUint(encoder, step)
    encoding.writeVarUint8Array(encoder, bytes)
    this.#ws.send(encoding.toUint8Array(encoder))
  }

  #take(data: Buffer): void {
    const now = performance.now()
    const decoder = decoding.createDecoder(data)
    if (this.#document !== undefined) decoding.readVarString(decoder)
    const type = decoding.readVarUint(decoder)
    if (type !== SYNC && type !== SYNC_REPLY) return
    const step = decoding.readVarUint(decoder)
    const bytes = decoding.readVarUint8Array(decoder)
    if (step === STEP_1) {
      this.#send(SYNC, 1, Y.encodeStateAsUpdate(this.#doc, bytes))
      return
    }
    if (step === UPDATE) this.#see(bytes, now)
    this.#updates.push(new Uint8Array(bytes)) // a copy: the view keeps the socket's buffer alive
    this.#onReady()
  }

  #see(update: Uint8Array, now: number): void {
    const { writers, times, onSeen } = this.#keystrokes
    this.received++
    for (const [id, end] of Y.parseUpdateMeta(update).to) {
      const writer = writers.get(id)
      if (writer === undefined || writer === this.#at) continue
      const before = this.seen[writer] ?? 0
      for (let clock = before; clock < end; clock++) onSeen(now - times[writer]![clock]!)
      this.seen[writer] = Math.max(before, end)
    }
  }
}
