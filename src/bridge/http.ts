/**
 * The answers in plain HTTP: to requests that are not for a WebSocket, and to denied ones.
 *
 * ```js
 * createServer(answerPlain).on('upgrade', (request, socket) => deny(socket, denial))
 * ```
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Failure, toFailure } from '../errors.ts'
import type { Denial } from './access.ts'

const ABOUT = `This is a bridge of pilot-gossip: a y-websocket server.
Connect a WebsocketProvider to ws://HOST:PORT with the name of a room.
`

/** The Failure for an error of `listen`. */
export const listenFailure = (
  error: NodeJS.ErrnoException,
  host: string,
  port: number,
): Failure => {
  const fail = (code: Failure['code'], message: string, hint: string): Failure =>
    new Failure(code, message, { hint, cause: error })
  if (error.code === 'EADDRINUSE') {
    return fail('already_exists', `port ${port} of "${host}" is in use`, 'choose another, or 0')
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    const hint = 'listen on 127.0.0.1 or on an address of this host'
    return fail('invalid_argument', `"${host}" is not an address of this host`, hint)
  }
  return toFailure(error)
}

const describe = ({ code, message }: Pick<Denial, 'code' | 'message'>): string =>
  `${JSON.stringify({ status: 'error', code, message })}\n`

/** Answers an upgrade with an error and ends the socket. */
export const deny = (socket: Duplex, denial: Denial): void => {
  const body = describe(denial)
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(
    [
      `HTTP/1.1 ${denial.status} ${STATUS_CODES[denial.status]}`,
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...(denial.status === 401 ? ['WWW-Authenticate: Bearer'] : []),
      '',
      body,
    ].join('\r\n'),
  )
}

/** Answers a request that is not for a WebSocket. The root is a page about the bridge. */
export const answerPlain = (request: IncomingMessage, response: ServerResponse): void => {
  response.setHeader('Connection', 'close')
  if (request.url === '/' && (request.method === 'GET' || request.method === 'HEAD')) {
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' }).end(ABOUT)
    return
  }
  const message = 'this is a y-websocket server: connect to it with a WebSocket'
  response
    .writeHead(426, { 'Content-Type': 'application/json', Upgrade: 'websocket' })
    .end(describe({ code: 'invalid_argument', message }))
}
