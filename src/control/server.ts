/**
 * The socket of a running agent. It makes sure that one agent alone works on a data folder,
 * and that no client, however rude, costs it more than a bounded share of memory and time.
 *
 * ```ts
 * const server = new ControlServer({ dir: '/var/lib/kv', handle: (request) => ({ got: request }) })
 * await server.open() // already_exists while another agent has the folder
 * await server.close()
 * ```
 */
import { chmod, realpath, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { Failure, isFailure, toFailure } from '../errors.ts'
import { Lock } from '../transports/lock.ts'
import { ControlClient } from './client.ts'
import { folderFailure, makeFolder, socketPath } from './folder.ts'
import { Lines } from './lines.ts'
import {
  decodeRequest,
  encodeAnswer,
  encodeFailure,
  type Fields,
  MAX_REQUEST_BYTES,
  type Request,
} from './protocol.ts'

/** Connections. Each may cost up to a request and an answer of memory; further ones are closed at once. */
const MAX_CLIENTS = 256

/** Milliseconds after which a client that neither asks nor reads is let go. Those that watch may be idle. */
const IDLE_MS = 30_000

/** Bytes that wait for a client that watches and does not read: it is let go beyond them. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/** Milliseconds that a client whose line was too long has to finish it and to read why. */
const REFUSED_MS = 5_000

/** An answer that does not end: the first line, then what `start` tells until the end it returns is called. */
export class Subscription {
  readonly first: Fields
  readonly start: (tell: (data: Fields) => void) => () => void

  constructor(first: Fields, start: Subscription['start']) {
    this.first = first
    this.start = start
  }
}

/** What it throws is answered as an error. */
export type Handle = (request: Request) => Fields | Subscription | Promise<Fields | Subscription>

export interface ControlServerOptions {
  readonly dir: string
  readonly handle: Handle
  /** Told of trouble that no client waits for: no file left for a further connection. */
  readonly onProblem?: (problem: Failure) => void
}

export class ControlServer {
  readonly #dir: string
  readonly #options: ControlServerOptions
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #lock: Lock | undefined

  constructor(options: ControlServerOptions) {
    this.#dir = options.dir
    this.#options = options
  }

  /**
   * Makes the folder, takes it and listens. Rejects with `already_exists` while another
   * agent lives on it; what a killed one left is taken over.
   */
  async open(): Promise<void> {
    await makeFolder('the data folder', this.#dir, 0o700)
    try {
      const lock = new Lock(join(await realpath(this.#dir), 'agent.lock'))
      await lock.hold()
      this.#lock = lock
      // The lock knows the processes of this host alone; an agent in a container answers here.
      if (await new ControlClient(this.#dir).isRunning()) throw this.#taken()
      await this.#listen(await socketPath(this.#dir))
    } catch (error) {
      await this.close()
      if (isFailure(error, 'already_exists')) throw this.#taken()
      throw isFailure(error) ? error : folderFailure('the data folder', this.#dir, error)
    }
  }

  /** Lets the clients go and takes no new ones; the folder stays ours until `close`. */
  async stopListening(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }

  /** Stops to listen and gives the folder to others; may be called twice. */
  async close(): Promise<void> {
    await this.stopListening()
    const lock = this.#lock
    this.#lock = undefined
    await lock?.release()
  }

  async #listen(path: string): Promise<void> {
    await rm(path, { force: true })
    // Half open: a client may say that it sends no more, and still wait for its answer.
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#welcome(socket))
    server.maxConnections = MAX_CLIENTS
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, () => {
        server.off('error', reject)
        resolve()
      })
    })
    server.on('error', (error) => this.#options.onProblem?.(toFailure(error)))
    this.#server = server
    await chmod(path, 0o600)
  }

  #welcome(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    serve(socket, this.#options.handle)
  }

  #taken(): Failure {
    return new Failure('already_exists', `an agent runs on "${this.#dir}" already`, {
      hint: 'stop it, or give this one another folder with --data DIR',
    })
  }
}

/** Answers one client's requests, one after another, until it goes. */
const serve = (socket: Socket, handle: Handle): void => {
  const lines = new Lines(MAX_REQUEST_BYTES)
  let isBusy = false
  let isEnded = false
  let endWatch: (() => void) | undefined

  const letGo = (): void => void socket.destroy()

  /** Resolves when the client has taken the line, or is gone. */
  const write = (line: string): Promise<void> =>
    new Promise((resolve) => {
      if (socket.destroyed) return resolve()
      socket.write(line, () => resolve())
    })

  const watch = ({ first, start }: Subscription): void => {
    socket.setTimeout(0)
    socket.resume() // only to see it go: what it says now is passed over
    void write(encodeAnswer(first))
    endWatch = start((data) => {
      if (socket.destroyed) return
      socket.write(encodeAnswer(data))
      if (socket.writableLength > MAX_WAITING_BYTES) letGo()
    })
    if (socket.destroyed || isEnded) stopWatch()
  }

  const stopWatch = (): void => {
    endWatch?.()
    endWatch = undefined
    letGo()
  }

  const answer = async (line: string): Promise<void> => {
    let told: string
    try {
      const result = await handle(decodeRequest(line))
      if (result instanceof Subscription) return watch(result)
      told = encodeAnswer(result)
    } catch (error) {
      told = encodeFailure(toFailure(error))
    }
    await write(told)
  }

  const work = async (): Promise<void> => {
    if (isBusy) return
    isBusy = true
    socket.pause()
    while (!socket.destroyed && endWatch === undefined) {
      let line: string | undefined
      try {
        line = lines.shift()
      } catch (error) {
        await write(encodeFailure(toFailure(error)))
        continue
      }
      if (line === undefined) break
      await answer(line)
    }
    isBusy = false
    if (endWatch === undefined) socket.resume()
    if (isEnded && endWatch === undefined) socket.end(letGo)
  }

  const refuse = (error: unknown): void => {
    socket.off('data', take)
    socket.resume() // what follows is thrown away, so that the client is not stuck before it reads this
    socket.end(encodeFailure(toFailure(error)))
    setTimeout(letGo, REFUSED_MS).unref()
  }

  const take = (chunk: Buffer): void => {
    if (endWatch !== undefined) return
    try {
      lines.push(chunk)
      void work()
    } catch (error) {
      refuse(error)
    }
  }

  socket.on('data', take)
  socket.on('end', () => {
    isEnded = true
    if (endWatch !== undefined) stopWatch()
    else if (!isBusy) socket.end(letGo)
  })
  socket.setTimeout(IDLE_MS, letGo)
  // A client that is killed resets the connection: nobody is left to tell, and `close` follows.
  socket.on('error', () => undefined)
  socket.on('close', () => {
    if (endWatch !== undefined) stopWatch()
  })
}
