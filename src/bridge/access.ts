/**
 * Decides who may connect. Every page in a browser of this host can open a WebSocket to it, so the
 * origin of the page must be allowed. A page whose domain was pointed at this host (DNS rebinding)
 * sends that domain as the host. Programs send no origin; a token keeps them out.
 *
 * ```js
 * const access = new Access({ host: '127.0.0.1', origins: ['https://app.example'], token: 's3cret' })
 * access.check(request)      // the room, or { status: 403, code: 'permission_denied', message: … }
 * ```
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { LIMITS } from '../../crdt/index.ts'
import { Failure, type FailureCode } from '../errors.ts'
import { quote } from '../quote.ts'

export interface Denial {
  /** The HTTP status. */
  readonly status: 400 | 401 | 403 | 426 | 503
  readonly code: FailureCode
  readonly message: string
}

export interface AccessOptions {
  /** The host that the bridge listens on. */
  readonly host: string
  readonly origins?: readonly string[] | undefined
  readonly token?: string | undefined
}

/** The parts of a request that are checked. */
export type Request = Pick<IncomingMessage, 'url' | 'headers'>

const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i

/** `name:port`, `1.2.3.4:port`, `[::1]:port`; the port may be missing. */
const HOST = /^(?:\[([\da-f:.]+)\]|([a-z\d._-]+))(?::\d{1,5})?$/i

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

export const isLoopback = (host: string): boolean => LOOPBACK.test(host.toLowerCase())

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::' || host === ''

const denied = (message: string): Denial => ({ status: 403, code: 'permission_denied', message })

/** Maximum of characters from a request that an answer quotes. */
const MAX_QUOTED = 100

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Throws a Failure (invalid_argument) for an origin that no browser sends. */
const checkOrigin = (origin: string): string => {
  if (origin === 'null' || /^[a-z][a-z\d+.-]*:\/\/[^/?#\s]+$/i.test(origin)) {
    return origin.toLowerCase()
  }
  throw new Failure('invalid_argument', `"${origin}" is not an origin`, {
    hint: 'write it as https://app.example:8443',
  })
}

export class Access {
  readonly #hosts: ReadonlySet<string>
  readonly #isWildcard: boolean
  readonly #origins: ReadonlySet<string>
  readonly #token: Buffer | undefined

  /**
   * Throws a TypeError for an empty token. Throws a Failure (invalid_argument) for an invalid origin,
   * or if other hosts could connect without a token.
   */
  constructor({ host, origins = [], token }: AccessOptions) {
    if (token === '') throw new TypeError('the token is empty: leave it out, or set one')
    if (token === undefined && !isLoopback(host)) {
      throw new Failure('invalid_argument', `on "${host}" the bridge is open to other hosts`, {
        hint: 'set a token, or listen on 127.0.0.1',
      })
    }
    this.#isWildcard = isWildcard(host)
    this.#origins = new Set(origins.map(checkOrigin))
    // A proxy that passes the host on sends that of the page.
    const pages = [...this.#origins].map((origin) => HOST.exec(origin.replace(/^.*:\/\//, '')))
    this.#hosts = new Set([host.toLowerCase(), ...pages.flatMap((match) => match?.[2] ?? [])])
    this.#token = token === undefined ? undefined : digest(token)
  }

  /** Returns the requested room, or why it is denied. */
  check(request: Request): { readonly room: string } | Denial {
    const { url = '', headers } = request
    const query = url.indexOf('?')
    const path = query < 0 ? url : url.slice(0, query)
    return (
      this.#checkHost(headers.host ?? '') ??
      this.#checkOrigin(headers.origin) ??
      this.#checkToken(headers.authorization, query < 0 ? '' : url.slice(query + 1)) ??
      readRoom(path)
    )
  }

  #checkHost(header: string): Denial | undefined {
    const match = HOST.exec(header)
    const host = (match?.[1] ?? match?.[2] ?? '').toLowerCase()
    if (isLoopback(host) || this.#hosts.has(host)) return undefined
    // DNS rebinding needs a domain, so any address is safe.
    if (this.#isWildcard && isIP(host) !== 0) return undefined
    return denied(
      `host ${quote(header, MAX_QUOTED)} is not this bridge: use the address it listens on`,
    )
  }

  #checkOrigin(origin: string | undefined): Denial | undefined {
    if (origin === undefined || LOOPBACK_ORIGIN.test(origin)) return undefined
    if (this.#origins.has(origin.toLowerCase())) return undefined
    return denied(
      `pages of ${quote(origin, MAX_QUOTED)} may not connect: list the origin to allow it`,
    )
  }

  #checkToken(authorization: string | undefined, query: string): Denial | undefined {
    if (this.#token === undefined) return undefined
    const bearer = /^bearer +(.*)$/i.exec(authorization ?? '')?.[1]
    const token = bearer ?? new URLSearchParams(query).get('token')
    // Digests have one length, so the comparison does not leak that of the token.
    if (token !== null && timingSafeEqual(digest(token), this.#token)) return undefined
    return {
      status: 401,
      code: 'permission_denied',
      message: `${token === null ? 'no' : 'a wrong'} token: give it as ?token=… or Authorization: Bearer …`,
    }
  }
}

const badRoom = (message: string): Denial => ({ status: 400, code: 'invalid_argument', message })

const readRoom = (path: string): { readonly room: string } | Denial => {
  let room: string
  try {
    room = decodeURIComponent(path.slice(1))
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    return badRoom(`path ${quote(path, MAX_QUOTED)} is not percent-encoded UTF-8`)
  }
  if (!path.startsWith('/') || room === '') return badRoom('the path names no room: use /ROOM')
  if (room.length > LIMITS.nameLength) {
    return badRoom(`the room's name has ${room.length} characters, at most ${LIMITS.nameLength}`)
  }
  return { room }
}
