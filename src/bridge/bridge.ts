/**
 * A y-websocket server for the rooms of an agent: editors that use y-websocket join the swarm
 * through it. It listens on loopback; any other address needs a token.
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

/** Maximum of handshakes at a time, besides the clients. Each costs a descriptor and a few KB. */
const MAX_HANDSHAKES = 512

/** Maximum of bytes of a request's headers. */
const HEADER_BYTES = 16 * 1024

/** Milliseconds between two checks for handshakes that take too long. */
const LOOK_MS = 1_000

/** Maximum of fragments of a message. Browsers send at least 64 KiB in each. Each costs an object. */
const MAX_FRAGMENTS = 4_096

/** Maximum of chunks of a message. On a slow network each has some 1,400 bytes. */
const MAX_CHUNKS = 64 * 1_024

export interface BridgeOptions {
  readonly rooms: ServedRooms
  /** 0: any free port. */
  readonly port: number
  /** The address to listen on; default 127.0.0.1. Any but a loopback address needs a token. */
  readonly host?: string
  /** Clients must send it as `?token=` or `Authorization: Bearer`. Default: none. */
  readonly token?: string
  /** Origins whose pages may connect, besides those of this host; like `https://app.example`. */
  readonly origins?: readonly string[]
  /** Do clients see changes, but not make any? Default false. */
  readonly readOnly?: boolean
  readonly limits?: Partial<BridgeLimits>
  /** Called for problems such as a refused update or a room that cannot be opened. Hostile clients can cause many. */
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
  /** Awareness states from clients that were refused. */
  readonly ignoredAwareness: number
  /** Bytes of clients' messages that are not complete or not handled yet. */
  readonly heldBytes: number
  /** Refused handshakes by HTTP status. */
  readonly refused: Readonly<Record<string, number>>
  /** Connections that the bridge closed, by reason. */
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
  /** Rooms that are being closed. */
  readonly #leaving = new Set<Promise<void>>()
  #heartbeat: NodeJS.Timeout | undefined
  #listening: Promise<{ port: number; url: string }> | undefined
  #closing: Promise<void> | undefined

  /** Throws a TypeError for invalid options, and a Failure if a token is missing. */
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
      // A few bytes could inflate to a whole frame, each connection would hold its own windows, and a
      // frame would be compressed once for each client. On loopback it would save nothing.
      perMessageDeflate: false,
    }
    this.#webSockets = new WebSocketServer(settings)
  }

  /**
   * Starts to listen. The url ends without a slash. Rejects with a Failure: `already_exists` if the
   * port is in use, `permission_denied`, `invalid_argument` for an address of another host.
   */
  listen(): Promise<{ port: number; url: string }> {
    if (this.#closing) throw new TypeError('the bridge is closed: create a new one')
    this.#listening ??= this.#listen()
    return this.#listening
  }

  /** Closes all connections and stops listening. Resolves when both is done. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** The counters since the start, and the clients and rooms of now. */
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
    this.#server.closeAllConnections() // only handshakes: upgraded connections do not count
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, this.#shared.limits.closeMs)
    await isClosed
    clearTimeout(timer)
    await Promise.all(this.#leaving)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const checked = this.#closing ? CLOSING : this.#access.check(request)
    const denial = 'room' in checked ? this.#full(checked.room) : checked
    if (denial) {
      this.#shared.count(this.#shared.refused, String(denial.status))
      deny(socket, denial)
    } else if ('room' in checked) {
      this.#webSockets.handleUpgrade(request, socket, head, (ws) =>
        this.#connect(ws, request.socket, checked.room),
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

  #connect(ws: WebSocket, socket: Socket, name: string): void {
    const room = this.#rooms.get(name) ?? { opening: this.#open(name), clients: 0 }
    this.#rooms.set(name, room)
    room.clients++
    const connection = new Connection(ws, socket, this.#shared, {
      room: name,
      onEnd: () => {
        this.#connections.delete(connection)
        room.clients--
        if (room.clients === 0) this.#release(name, room)
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

  #release(name: string, { opening }: OpenRoom): void {
    this.#rooms.delete(name)
    const leaving = opening
      .then(
        (hub) => hub.close(),
        () => undefined, // reported when its clients were refused
      )
      .catch((error) => this.#shared.onProblem(toFailure(error)))
      .finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
  }

  async #open(name: string): Promise<Hub> {
    return new Hub(await this.#options.rooms.open(name))
  }

  /** Closes the client that holds the most bytes, not the one that came last. */
  #cutLargest(): void {
    const [first, ...others] = this.#connections
    if (!first) return
    let largest = first
    for (const other of others) if (other.held > largest.held) largest = other
    largest.close(1013, 'too much is being sent: connect again', 'crowded')
  }
}

/** Codes for which another try would fail in the same way. */
const NEVER: ReadonlySet<string> = new Set(['invalid_argument', 'not_found', 'permission_denied'])

const CLOSING: Denial = { status: 503, code: 'closed', message: 'the bridge is closing' }

const full = (what: string): Denial => ({
  status: 503,
  code: 'connection_failed',
  message: `${what}, and no more: try again later`,
})
