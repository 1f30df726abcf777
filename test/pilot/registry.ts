/**
 * A stand-in for the registry with which daemons register: in memory, on loopback, with as many
 * message types as a test swarm needs (see directory.ts). A message is a 4-byte big-endian length
 * and one JSON object; each request gets one answer on the same connection, in order.
 *
 * It verifies no signatures and stores nothing: do not run it for others.
 *
 * ```ts
 * const registry = await startRegistry()
 * spawn('pilot-daemon', ['-registry', registry.address])
 * ```
 */
import { createServer, type Socket } from 'node:net'
import { Directory, type Message, type RegistryNode } from './directory.ts'

/** Bytes of one request. Daemons send hundreds; a longer length is garbage, not a message. */
const MAX_REQUEST = 64 * 1024
/** Connections at once. A swarm of 20 keeps about 20 open; more than this is a bug. */
const MAX_CONNECTIONS = 1024

export interface Registry {
  /** `ip:port`, as daemons take it */
  readonly address: string
  readonly port: number
  readonly nodes: ReadonlyMap<number, RegistryNode>
  /** how often each message type without an answer here was requested */
  readonly unknown: ReadonlyMap<string, number>
  close(): Promise<void>
}

export interface RegistryOptions {
  /** default 127.0.0.1 */
  readonly host?: string
  /** default 0: any free port */
  readonly port?: number
  /** called with each request and its answer */
  readonly onMessage?: (request: Message, answer: Message) => void
}

const parse = (body: Buffer): Message => {
  const value: unknown = JSON.parse(body.toString('utf8'))
  if (typeof value !== 'object' || value === null) throw new Error('a request is a JSON object')
  return value as Message
}

const frame = (answer: Message): Buffer => {
  const body = Buffer.from(JSON.stringify(answer))
  const head = Buffer.alloc(4)
  head.writeUInt32BE(body.length)
  return Buffer.concat([head, body])
}

/** Starts to listen. Rejects with the system's error (EADDRINUSE) if it cannot. */
export const startRegistry = async (options: RegistryOptions = {}): Promise<Registry> => {
  const { host = '127.0.0.1', port = 0, onMessage } = options
  const directory = new Directory()
  const sockets = new Set<Socket>()

  const reply = (body: Buffer): Message => {
    let request: Message = {}
    let answer: Message
    try {
      request = parse(body)
      answer = directory.answer(request)
    } catch (error) {
      answer = { type: 'error', error: (error as Error).message }
    }
    onMessage?.(request, answer)
    return answer
  }

  const serve = (socket: Socket): void => {
    let waiting: Buffer = Buffer.alloc(0)
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // A daemon that was killed resets its connection; the close event follows.
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk])
      while (waiting.length >= 4) {
        const length = waiting.readUInt32BE(0)
        if (length > MAX_REQUEST) {
          socket.destroy()
          return
        }
        if (waiting.length < 4 + length) return
        socket.write(frame(reply(waiting.subarray(4, 4 + length))))
        waiting = waiting.subarray(4 + length)
      }
    })
  }

  const server = createServer(serve)
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, resolve)
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the registry has no port')

  let closed: Promise<void> | undefined
  return {
    address: `${host}:${bound.port}`,
    port: bound.port,
    nodes: directory.nodes,
    unknown: directory.unknown,
    close: () => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
      return closed
    },
  }
}
