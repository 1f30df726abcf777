/**
 * The socket of a running agent. It makes sure that one agent alone works on a data folder,
 * and that there are no more clients at a time than it can bear.
 *
 * ```ts
 * const server = new ControlServer({ dir: '/var/lib/kv', handle: (request) => ({ got: request }) })
 * await server.open() // already_exists while another agent has the folder
 * await server.close()
 * ```
 */
import { chmod, realpath, rename, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { Failure, isFailure, toFailure } from '../errors.ts'
import { type FileId, fileIdOf, isSameFile } from '../fs/file-id.ts'
import { Lock } from '../fs/lock.ts'
import type { Handle } from './answers.ts'
import { ControlClient } from './client.ts'
import { converse } from './conversation.ts'
import { folderFailure, forgetSocket, makeFolder, noteSocket, socketPath } from './folder.ts'
import { encodeFailure } from './protocol.ts'

/** Clients at a time. Each may cost up to a request and an answer of memory; further ones are told so and let go. */
const MAX_CLIENTS = 256

/** Connections beyond those, to tell them so; still further ones are closed at once. */
const MAX_REFUSED = 64

/** Milliseconds that a refused client has to read why. */
const REFUSED_MS = 5_000

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
  #clients = 0
  #server: Server | undefined
  #lock: Lock | undefined
  /** The file at which clients connect. */
  #socket: { readonly path: string; readonly id: FileId | undefined } | undefined
  /** Where it listens, once that is noted. */
  #path: string | undefined

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
      // Not the writer identity's lock: that is given back while the socket is still there, and who
      // came in between would lose the socket it has just made.
      const lock = new Lock(join(await realpath(this.#dir), 'agent.lock'))
      await lock.hold()
      this.#lock = lock
      // The lock knows the processes of this host alone; an agent in a container answers here.
      if (await new ControlClient(this.#dir).isRunning()) throw this.#taken()
      const path = await socketPath(this.#dir)
      await this.#listen(path)
      await noteSocket(this.#dir, path)
      this.#path = path
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
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    await Promise.all([closed, this.#removeSocket()])
  }

  /** Stops to listen and gives the folder to others; may be called twice. */
  async close(): Promise<void> {
    await this.stopListening()
    const [lock, path] = [this.#lock, this.#path]
    this.#lock = undefined
    this.#path = undefined
    if (path !== undefined) await forgetSocket(this.#dir, path)
    await lock?.release()
  }

  /**
   * By another name first: node removes the file of that name when it closes, whoever's it is by
   * then. So what lies at `path` is removed by us, where it is ours.
   */
  async #listen(path: string): Promise<void> {
    const made = `${path}~`
    await rm(made, { force: true })
    // Half open: a client may say that it sends no more, and still wait for its answer.
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#welcome(socket))
    server.maxConnections = MAX_CLIENTS + MAX_REFUSED
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(made, () => {
        server.off('error', reject)
        resolve()
      })
    })
    server.on('error', (error) => this.#options.onProblem?.(toFailure(error)))
    this.#server = server
    await chmod(made, 0o600)
    await rename(made, path)
    this.#socket = { path, id: await fileIdOf(path) }
  }

  async #removeSocket(): Promise<void> {
    const { path, id } = this.#socket ?? {}
    this.#socket = undefined
    if (path === undefined || id === undefined) return
    const found = await fileIdOf(path)
    if (found && isSameFile(found, id)) await rm(path, { force: true })
  }

  #welcome(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    if (this.#clients >= MAX_CLIENTS) {
      refuse(socket)
      return
    }
    this.#clients++
    socket.on('close', () => this.#clients--)
    converse(socket, this.#options.handle)
  }

  #taken(): Failure {
    return new Failure('already_exists', `an agent runs on "${this.#dir}" already`, {
      hint: 'stop it, or give this one another folder with --data DIR',
    })
  }
}

const refuse = (socket: Socket): void => {
  socket.on('error', () => socket.destroy())
  socket.resume() // what it asks is thrown away, so that it is not stuck before it reads this
  socket.end(
    encodeFailure(
      new Failure(
        'connection_failed',
        `the agent already serves ${MAX_CLIENTS} clients, its maximum`,
        {
          hint: 'try again when another has its answer; each watch and each wait counts as one',
        },
      ),
    ),
  )
  socket.setTimeout(REFUSED_MS, () => socket.destroy())
}
