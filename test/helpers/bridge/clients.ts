/**
 * Clients of the bridge: that of y-websocket, one that sends raw frames, and one over plain TCP that
 * does not read after the handshake.
 *
 * ```ts
 * const { provider, doc } = editor(url, 'notes')
 * const client = await RawClient.connect(`${url}/notes`)
 * client.send(0, 0, 1, 0)
 * ```
 */
import { connect, type Socket } from 'node:net'
import * as decoding from 'lib0/decoding'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

/** The unmodified y-websocket client. */
export const editor = (
  url: string,
  room: string,
  options: { readonly params?: Record<string, string>; readonly doc?: Y.Doc } = {},
) => {
  const doc = options.doc ?? new Y.Doc()
  const provider = new WebsocketProvider(url, room, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
    maxBackoffTime: 200,
    ...(options.params && { params: options.params }),
  })
  return {
    doc,
    provider,
    close: () => {
      provider.destroy()
      doc.destroy()
    },
  }
}

export interface Closing {
  readonly code: number
  readonly reason: string
}

export class RawClient {
  readonly ws: WebSocket
  readonly frames: Uint8Array[] = []
  closing: Closing | undefined
  readonly closed: Promise<Closing>

  constructor(ws: WebSocket) {
    this.ws = ws
    ws.on('message', (data: Buffer) => this.frames.push(new Uint8Array(data)))
    ws.on('error', () => undefined) // 'close' follows
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        this.closing = { code, reason: reason.toString() }
        resolve(this.closing)
      })
    })
  }

  /** Resolves when it is open. */
  static async connect(url: string, headers: Record<string, string> = {}): Promise<RawClient> {
    const client = new RawClient(new WebSocket(url, { headers }))
    await new Promise<void>((resolve, reject) => {
      client.ws.once('open', resolve)
      client.ws.once('error', reject)
    })
    return client
  }

  send(...parts: readonly (number | Uint8Array)[]): void {
    this.ws.send(Buffer.concat(parts.map((p) => (typeof p === 'number' ? Buffer.of(p) : p))))
  }

  /** Received frames that start with these bytes. */
  of(...start: readonly number[]): Uint8Array[] {
    return this.frames.filter((frame) => start.every((byte, index) => frame[index] === byte))
  }

  /** The received updates and answers as a document. */
  document(): Y.Doc {
    const doc = new Y.Doc()
    for (const frame of this.frames) {
      if (frame[0] !== 0 || frame[1] === 0) continue
      const decoder = decoding.createDecoder(frame.subarray(2))
      Y.applyUpdate(doc, decoding.readVarUint8Array(decoder))
    }
    return doc
  }
}

/** The bytes with their length in front. */
export const sized = (bytes: Uint8Array): Uint8Array => {
  const head: number[] = []
  let left = bytes.length
  for (; left > 127; left = Math.floor(left / 128)) head.push((left % 128) + 128)
  return Buffer.concat([Buffer.from([...head, left]), bytes])
}

/** Upgrades over plain TCP. After the handshake nothing is read until `resume`. */
export const deafClient = async (port: number, room: string): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined) // the bridge is to cut it
  socket.write(
    [
      `GET /${room} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      '',
      '',
    ].join('\r\n'),
  )
  await new Promise<void>((resolve, reject) => {
    socket.once('data', (chunk) => {
      socket.pause()
      if (chunk.toString('latin1').startsWith('HTTP/1.1 101')) resolve()
      else reject(new Error(chunk.toString('latin1')))
    })
  })
  return socket
}
