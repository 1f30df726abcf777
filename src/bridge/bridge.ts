/**
 * A y-websocket server over an agent's rooms: editors that speak y-websocket join the swarm
 * through it. It listens on this host alone, unless it is told otherwise and given a token.
 *
 * ```js
 * const bridge = new Bridge({ rooms: { open: (name) => agent.openRoom(name) }, port: 1234 })
 * const { url } = await bridge.listen()
 * new WebsocketProvider(url, 'notes', doc)      // in an editor
 * await bridge.close()
 * ```
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { Failure, toFailure } from '../errors.ts'
import { Access, type Denial } from './access.ts'
import { Connection } from './connection.ts'
import { PERMANENT } from './frames.ts'
import { answerPlain, deny, listenFailure } from './http.ts'
import { Hub, type ServedRooms } from './hub.ts'
import { type BridgeLimits, bridgeLimits } from './limits.ts'
import { Shared } from './shared.ts'

/** Connections beyond the clients: handshakes under way. Each costs a descriptor and a few KB. */
const MAX_HANDSHAKES = 512

/** Bytes of a request's headers. */
const HEADER_BYTES = 16 * 1024

/** Milliseconds between two looks for handshakes that take too long. */
const LOOK_MS = 1_000

/** Parts of a message; browsers cut long ones into parts of 64 KiB and more. Each costs an object. */
const MAX_FRAGMENTS = 4_096

/** Chunks of a message; of a full-size one on a slow network they have some 1,400 bytes. */
const MAX_CHUNKS = 64 * 1_024

export interface BridgeOptions {
  readonly rooms: ServedRooms
  /** 0: any that is free. */
  readonly port: number
  /** Where to listen; default 127.0.0.1. Any but a loopback address wants a token. */
  readonly host?: string
  /** What clients must give as `?token=` or `Authorization: Bearer`. */
  readonly token?: string
  /** Of pages that may connect, besides those of this host; like `https://app.example`. */
  readonly origins?: readonly string[]
  /** Clients see what changes and cannot change it; default false. */
  readonly readOnly?: boolean
  readonly limits?: Partial<BridgeLimits>
  /** Told of trouble: refused updates, rooms that cannot be opened. Hostile clients can make it often. */
  readonly onProblem?: (failure: Failure) => void
}

export interface BridgeStats {
  readonly clients: number
  /** Rooms with clients. */
  readonly rooms: number
  readonly framesIn: number
  readonly bytesIn: number
  readonly framesOut: number
  readonly bytesOut: number
  /** What clients said of others' awareness, or could not say of their own. */
  readonly ignoredAwareness: number
  /** Bytes of clients' messages that are not complete or not yet handled. */
  readonly heldBytes: number
  /** Refused handshakes by HTTP status. */
  readonly refused: Readonly<Record<string, number>>
  /** Connections that were closed by us, by reason. */
  readonly cut: Readonly<Record<string, number>>
}

interface OpenRoom {
  readonly opening: Promise<Hub>
  clients: number
}

export class Bridge {
  readonly #options: BridgeOptions
  readonly #host: string
  readonly #access: Access
  readonly #shared: Shared
  readonly #server
  readonly #webSockets: WebSocketServer
  readonly #connections = new Set<Connection>()
  readonly #sockets = new Set<Socket>()
  readonly #rooms = new Map<string, OpenRoom>()
  /** Rooms that are being given back. */
  readonly #parting = new Set<Promise<void>>()
  #heartbeat: NodeJS.Timeout | undefined
  #listening: Promise<{ port: number; url: string }> | undefined
  #closing: Promise<void> | undefined

  /** Throws a TypeError for options that cannot be meant; a Failure where a token is missing. */
  constructor(options: BridgeOptions) {
    const { host = '127.0.0.1', port, readOnly = false, onProblem = () => undefined } = options
    if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
      throw new TypeError(`port must be a whole number from 0 to 65535, not ${port}`)
    }
    this.#options = options
    this.#host = host
    this.#access = new Access({ host, origins: options.origins, token: options.token })
    const limits = bridgeLimits(options.limits)
    this.#shared = new Shared(limits, { readOnly, onProblem })
    this.#server = createServer(
      {
        headersTimeout: limits.handshakeMs,
        requestTimeout: limits.handshakeMs,
        keepAliveTimeout: limits.handshakeMs,
        connectionsCheckingInterval: LOOK_MS,
        maxHeaderSize: HEADER_BYTES,
      },
      answerPlain,
    )
    this.#server.maxConnections = limits.clients + MAX_HANDSHAKES
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    const settings = {
      noServer: true,
      clientTracking: false,
      maxPayload: limits.frameBytes,
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: MAX_CHUNKS,
      closeTimeout: limits.closeMs,
      // A few bytes inflate to a whole frame, each connection would hold its windows, and what is
      // sent to many would be compressed for each; on this host there is nothing to gain.
      perMessageDeflate: false,
    }
    this.#webSockets = new WebSocketServer(settings)
  }

  /**
   * Begins to listen; the url ends without a slash. Rejects with a Failure: `already_exists` for
   * a port in use, `permission_denied`, `invalid_argument` for a host that is not ours.
   */
  listen(): Promise<{ port: number; url: string }> {
    if (this.#closing) throw new TypeError('the bridge is closed: create a new one')
    this.#listening ??= this.#listen()
    return this.#listening
  }

  /** Tells all clients, lets them go and stops to listen; nothing of it is left. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** What it has done so far, and for whom it is open. */
  stats(): BridgeStats {
    const { framesIn, bytesIn, framesOut, bytesOut, ignoredAwareness, heldBytes } = this.#shared
    return {
      clients: this.#connections.size,
      rooms: this.#rooms.size,
      framesIn,
      bytesIn,
      framesOut,
      bytesOut,
      ignoredAwareness,
      heldBytes,
      refused: Object.fromEntries(this.#shared.refused),
      cut: Object.fromEntries(this.#shared.cut),
    }
  }

  async #listen(): Promise<{ port: number; url: string }> {
    const { port } = this.#options
    const server = this.#server
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(listenFailure(error, this.#host, port)))
      server.listen(port, this.#host, resolve)
    })
    server.removeAllListeners('error')
    server.on('error', (error) => this.#shared.onProblem(toFailure(error)))
    this.#heartbeat = setInterval(() => {
      for (const connection of [...this.#connections]) connection.beat()
    }, this.#shared.limits.heartbeatMs)
    const bound = (server.address() as AddressInfo).port
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host
    return { port: bound, url: `ws://${host}:${bound}` }
  }

  async #close(): Promise<void> {
    try {
      await this.#listening
    } catch (error) {
      if (error instanceof Failure) return // it never listened
      throw error
    }
    if (!this.#listening) return
    clearInterval(this.#heartbeat)
    const isClosed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const connection of [...this.#connections]) {
      connection.close(1001, 'the bridge is closing', 'closing')
    }
    this.#server.closeAllConnections() // those are handshakes; upgraded ones are not among them
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, this.#shared.limits.closeMs)
    await isClosed
    clearTimeout(timer)
    await Promise.all(this.#parting)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const asked = this.#closing ? CLOSING : this.#access.check(request)
    const denial = 'room' in asked ? this.#full(asked.room) : asked
    if (denial) {
      this.#shared.count(this.#shared.refused, String(denial.status))
      deny(socket, denial)
    } else if ('room' in asked) {
      this.#webSockets.handleUpgrade(request, socket, head, (ws) =>
        this.#welcome(ws, request.socket, asked.room),
      )
    }
  }

  #full(room: string): Denial | undefined {
    const { clients, clientsPerRoom, rooms } = this.#shared.limits
    const open = this.#rooms.get(room)
    if (this.#connections.size >= clients) return full(`the bridge serves ${clients} clients`)
    if (!open && this.#rooms.size >= rooms) return full(`the bridge serves ${rooms} rooms`)
    if (open && open.clients >= clientsPerRoom) {
      return full(`the room has ${clientsPerRoom} clients`)
    }
    return undefined
  }

  #welcome(ws: WebSocket, socket: Socket, name: string): void {
    const room = this.#rooms.get(name) ?? { opening: this.#open(name), clients: 0 }
    this.#rooms.set(name, room)
    room.clients++
    const connection = new Connection(ws, socket, this.#shared, {
      room: name,
      onOver: () => {
        this.#connections.delete(connection)
        room.clients--
        if (room.clients === 0) this.#giveBack(name, room)
      },
      onCrowded: () => this.#cutLargest(),
    })
    this.#connections.add(connection)
    room.opening
      .then((hub) => connection.start(hub))
      .catch((error) => {
        const failure = toFailure(error)
        this.#shared.onProblem(failure)
        const code = NEVER.has(failure.code) && !failure.isLocal ? PERMANENT : 1013
        connection.close(code, `${failure.code}: ${failure.message}`, 'room_refused')
      })
  }

  #giveBack(name: string, { opening }: OpenRoom): void {
    this.#rooms.delete(name)
    const parting = opening
      .then(
        (hub) => hub.close(),
        () => undefined, // its clients were told
      )
      .catch((error) => this.#shared.onProblem(toFailure(error)))
      .finally(() => this.#parting.delete(parting))
    this.#parting.add(parting)
  }

  async #open(name: string): Promise<Hub> {
    return new Hub(await this.#options.rooms.open(name))
  }

  /** Whoever holds most pays, not whoever came last. */
  #cutLargest(): void {
    const [first, ...others] = this.#connections
    if (!first) return
    let largest = first
    for (const other of others) if (other.held > largest.held) largest = other
    largest.close(1013, 'too much is being sent: connect again', 'crowded')
  }
}

/** Another try brings the same. */
const NEVER: ReadonlySet<string> = new Set(['invalid_argument', 'not_found', 'permission_denied'])

const CLOSING: Denial = { status: 503, code: 'closed', message: 'the bridge is closing' }

const full = (what: string): Denial => ({
  status: 503,
  code: 'connection_failed',
  message: `${what}, and no more: try again later`,
})
