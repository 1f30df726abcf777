/**
 * One client of the bridge. Its messages are handled one by one, as fast as its budgets allow, and
 * the bytes that wait for it to read them are bounded.
 *
 * ```js
 * const connection = new Connection(ws, socket, shared, { room: 'notes', onEnd, onCrowded })
 * connection.start(hub)     // until then its messages wait
 * connection.beat()         // called regularly: cuts a client that is gone
 * ```
 */
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { Rejection } from '../../crdt/index.ts'
import { Failure, systemCodeOf, toFailure } from '../errors.ts'
import { attempt } from '../listeners.ts'
import type { AwarenessGuard } from './awareness-guard.ts'
import { ALIVE_FRAME, BadFrame, deniedFrame, PERMANENT, readFrame } from './frames.ts'
import type { Broadcast, Hub, HubClient } from './hub.ts'
import { Pace } from './pace.ts'
import type { Shared } from './shared.ts'

/** Bytes that a chunk of an incomplete message costs besides its content. */
const CHUNK_COST = 256

/** Milliseconds for which one client's messages are handled in a row, before others have their turn. */
const SLICE_MS = 20

/** Heartbeats without a sign of life after which a client is cut. */
const MAX_MISSED = 3

/** Bytes of a reason that a close frame can carry. */
const REASON_BYTES = 123

/** Shortens the reason to what a close frame can carry. Drops a character that would be cut in two. */
const fitReason = (reason: string): string =>
  new TextDecoder().decode(Buffer.from(reason).subarray(0, REASON_BYTES), { stream: true })

export interface ConnectionOptions {
  readonly room: string
  /** Called once, when the connection has ended. */
  readonly onEnd: () => void
  /** Called if all clients together have sent more than may be held. */
  readonly onCrowded: () => void
}

export class Connection implements HubClient {
  readonly #ws: WebSocket
  readonly #socket: Socket
  readonly #shared: Shared
  readonly #options: ConnectionOptions
  readonly #pace: Pace
  #hub: Hub | undefined
  #guard: AwarenessGuard | undefined
  #inbox: Uint8Array[] = []
  /** Bytes of the message that is not complete. */
  #partial = 0
  /** Bytes in the inbox. */
  #queued = 0
  /** Bytes of an answer to sync step 1 that is not flushed. */
  #answering = 0
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  #isDenied = false
  #hasFlushed = false
  #isAlive = true
  #missed = 0

  constructor(ws: WebSocket, socket: Socket, shared: Shared, options: ConnectionOptions) {
    this.#ws = ws
    this.#socket = socket
    this.#shared = shared
    this.#options = options
    this.#pace = new Pace(shared.limits, shared.work)
    // Called before ws sees the chunk: then a message that it completes is not counted as partial.
    socket.prependListener('data', (chunk: Buffer) => {
      this.#isAlive = true
      if (!this.#isOver) this.#hold(this.#partial + chunk.length + CHUNK_COST, this.#queued)
    })
    ws.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary))
    ws.on('ping', () => this.#onPing())
    ws.on('error', (error) => this.#onError(error))
    ws.on('close', () => this.#end())
  }

  /** Bytes that the client has sent and that are not handled yet. */
  get held(): number {
    return this.#partial + this.#queued
  }

  /** Joins the room: sends sync step 1 and the awareness states, and handles waiting messages. */
  start(hub: Hub): void {
    if (this.#isOver) return
    this.#hub = hub
    this.#guard = hub.guard(this.#shared.limits)
    hub.join(this)
    // A client that may not write has nothing for us.
    if (!this.#isReadOnly(hub)) this.send(hub.step1())
    const states = hub.states()
    if (states) this.send(states)
    this.#drain()
  }

  /** Sends the frame, or cuts the client if too many bytes wait for it already. */
  send(frame: Uint8Array): void {
    if (this.#mayWrite()) this.#write(frame, this.#onFlushed)
  }

  /** The same for messages that are ready for the wire. `ws` has no queue of its own: nothing is compressed. */
  broadcast({ bytes, frames, frameBytes }: Broadcast): void {
    if (!this.#mayWrite() || this.#ws.readyState !== WebSocket.OPEN) return
    this.#shared.framesOut += frames
    this.#shared.bytesOut += frameBytes
    this.#socket.write(bytes, this.#onFlushed)
  }

  dismiss(): void {
    this.close(1001, 'the room was closed', 'room_closed')
  }

  /** Ends the connection with a close frame. `why` is the reason in the statistics. */
  close(code: number, reason: string, why: string): void {
    if (this.#isOver) return
    this.#shared.count(this.#shared.cut, why)
    if (why !== 'slow') this.#hub?.flush()
    this.#end()
    this.#ws.resume() // to read its answer
    this.#ws.close(code, fitReason(reason))
  }

  /** Cuts a client without a sign of life for three heartbeats, and pings the others. */
  beat(): void {
    if (this.#isOver) return
    const isStuck = this.#ws.bufferedAmount > 0 && !this.#hasFlushed
    // A paused client is not read, so it cannot show a sign of life.
    const isSilent = !this.#isAlive && !this.#ws.isPaused
    this.#missed = isStuck || isSilent ? this.#missed + 1 : 0
    if (this.#missed >= MAX_MISSED) {
      this.#shared.count(this.#shared.cut, 'silent')
      this.#end()
      this.#ws.terminate()
      return
    }
    this.#hasFlushed = false
    this.#isAlive = false
    this.#ws.ping()
    this.send(ALIVE_FRAME)
  }

  readonly #onFlushed = (): void => {
    this.#hasFlushed = true
  }

  #mayWrite(): boolean {
    if (this.#isOver) return false
    if (this.#ws.bufferedAmount - this.#answering <= this.#shared.limits.sendBytes) return true
    this.close(1013, 'too slow: connect again to sync', 'slow')
    return false
  }

  #write(frame: Uint8Array, onFlushed: (error?: Error | null) => void): void {
    this.#shared.framesOut++
    this.#shared.bytesOut += frame.length
    this.#ws.send(frame, onFlushed)
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isOver) return
    if (!isBinary) {
      this.close(1003, 'messages are binary', 'malformed')
      return
    }
    this.#inbox.push(data)
    this.#hold(0, this.#queued + data.length)
    this.#drain()
  }

  // ws answers by itself, and cuts a client that does not read the answers. The budget pays for it.
  #onPing(): void {
    if (this.#isOver) return
    this.#pace.frames.spend(1)
    this.#drain()
  }

  #onError(error: Error): void {
    const code = systemCodeOf(error)
    const isTooLarge = code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    if (!this.#isOver) {
      this.#shared.count(this.#shared.cut, isTooLarge ? 'too_large' : 'malformed')
    }
    this.#end() // ws has sent the close frame
  }

  #hold(partial: number, queued: number): void {
    this.#shared.heldBytes += partial + queued - this.held
    this.#partial = partial
    this.#queued = queued
    if (this.#shared.heldBytes > this.#shared.limits.heldBytes) this.#options.onCrowded()
  }

  /** Handles the waiting messages, and reads more only when none is left. */
  #drain(): void {
    const began = performance.now()
    let wait = this.#pace.waitMs()
    while (this.#inbox.length > 0 && this.#hub && this.#answering === 0 && wait === 0) {
      this.#handleNext(this.#hub)
      if (this.#isOver) return
      wait = this.#pace.waitMs()
      if (wait === 0 && performance.now() - began > SLICE_MS) wait = 1
    }
    if (this.#inbox.length === 0 && wait === 0) {
      this.#ws.resume()
      return
    }
    this.#ws.pause()
    if (wait === 0) return // `start` or the flushed answer continues
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#drain()
    }, wait)
  }

  #handleNext(hub: Hub): void {
    const bytes = this.#inbox.shift()
    if (bytes === undefined) return
    this.#hold(this.#partial, this.#queued - bytes.length)
    this.#shared.framesIn++
    this.#shared.bytesIn += bytes.length
    this.#pace.frames.spend(1)
    this.#pace.bytes.spend(bytes.length)
    const began = performance.now()
    try {
      this.#handle(hub, bytes)
    } catch (error) {
      this.#fail(error)
    }
    this.#pace.work(performance.now() - began)
  }

  #handle(hub: Hub, bytes: Uint8Array): void {
    const frame = readFrame(bytes)
    if (frame.type === 'step1') this.#answer(hub, frame.vector)
    else if (frame.type === 'update') this.#accept(hub, frame.update)
    else if (frame.type === 'awareness') this.#acceptAwareness(hub, frame.update)
    else {
      const states = hub.states()
      if (states === undefined) return
      this.#pace.bytes.spend(states.length)
      this.send(states)
    }
  }

  #answer(hub: Hub, vector: Uint8Array): void {
    const shared = this.#shared
    if (vector.length > shared.limits.vectorBytes) {
      this.close(1009, `a state vector of ${vector.length} bytes`, 'too_large')
      return
    }
    const frame = hub.step2(vector)
    if (shared.answerBytes > 0 && shared.answerBytes + frame.length > shared.limits.answerBytes) {
      this.close(1013, 'busy with other clients: connect again', 'busy')
      return
    }
    this.#pace.bytes.spend(frame.length)
    this.#answering = frame.length
    shared.answerBytes += frame.length
    // Also called, with an error, if the socket is gone.
    this.#write(frame, (error) => {
      shared.answerBytes -= frame.length
      this.#answering = 0
      this.#hasFlushed = true
      if (!error && !this.#isOver) this.#drain()
    })
  }

  #isReadOnly(hub: Hub): boolean {
    return this.#shared.readOnly || hub.isReadOnly
  }

  #accept(hub: Hub, update: Uint8Array): void {
    if (!this.#isReadOnly(hub)) {
      hub.accept(update, this)
      return
    }
    if (!this.#isDenied) this.send(deniedFrame('permission denied: this bridge is read-only'))
    this.#isDenied = true
  }

  #acceptAwareness(hub: Hub, bytes: Uint8Array): void {
    const checked = this.#guard?.check(bytes)
    if (!checked) return
    this.#shared.ignoredAwareness += checked.ignored
    const { update } = checked
    if (update) this.#watched(() => hub.acceptAwareness(update, this))
  }

  #fail(error: unknown): void {
    if (error instanceof BadFrame) {
      this.close(error.code, error.message, 'malformed')
    } else if (error instanceof Rejection) {
      const text = `a client's update of room "${this.#options.room}" was refused: ${error.message}`
      this.#shared.onProblem(new Failure('invalid_argument', text, { cause: error }))
      this.close(PERMANENT, error.reason, 'refused')
    } else {
      this.#shared.onProblem(toFailure(error))
      this.close(1011, 'a defect of the bridge, see its log', 'internal')
    }
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#inbox = []
    this.#hold(0, 0)
    this.#hub?.leave(this)
    this.#watched(() => this.#guard?.release(this))
    this.#options.onEnd()
  }

  /** Calls listeners of the program. An error of theirs must not end the process or cut the client. */
  #watched(run: () => void): void {
    attempt(run, (error) => this.#shared.onThrown(error))
  }
}
