/**
 * The socket of a running agent. It ensures that only one agent works on a data folder, and that
 * it has no more clients at a time than it can serve.
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
import { safeListener } from '../listeners.ts'
import type { Handle } from './answers.ts'
import { ControlClient } from './client.ts'
import { converse } from './conversation.ts'
import { folderFailure, forgetSocket, makeDataFolder, noteSocket, socketPath } from './folder.ts'
import { encodeFailure } from './protocol.ts'

/** Clients at a time. Each may cost the memory of a request and an answer. Further ones receive an error and are disconnected. */
const MAX_CLIENTS = 256

/** Further connections that receive that error; any more are closed at once. */
const MAX_REFUSED = 64

/** Milliseconds for a refused client to read the error. */
const REFUSED_MS = 5_000

export interface ControlServerOptions {
  readonly dir: string
  readonly handle: Handle
  /** Called for errors that no client waits for, such as too many open files. */
  readonly onProblem?: (problem: Failure) => void
}

export class ControlServer {
  readonly #dir: string
  readonly #options: ControlServerOptions
  readonly #sockets = new Set<Socket>()
  #clients = 0
  #server: Server | undefined
  #lock: Lock | undefined
  /** The socket file. */
  #socket: { readonly path: string; readonly id: FileId | undefined } | undefined
  /** The path of the socket, once that is noted. */
  #path: string | undefined

  constructor(options: ControlServerOptions) {
    this.#dir = options.dir
    const { onProblem } = options
    this.#options = onProblem ? { ...options, onProblem: safeListener(onProblem) } : options
  }

  /**
   * Makes the folder, locks it and listens. Rejects with `already_exists` while another agent runs
   * on it; it takes over what a killed agent left.
   */
  async open(): Promise<void> {
    await makeDataFolder(this.#dir)
    try {
      // A lock of its own: the one of the writer's identity is released while the socket is still
      // there, and an agent that started in between would lose its new socket.
      const lock = new Lock(join(await realpath(this.#dir), 'agent.lock'))
      await lock.hold()
      this.#lock = lock
      // The lock only knows processes of this host; an agent in a container answers here.
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

  /** Disconnects all clients and accepts no new ones; the folder stays locked until `close`. */
  async stopListening(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    for (const socket of this.#sockets) socket.destroy()
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    await Promise.all([closed, this.#removeSocket()])
  }

  /** Stops listening and releases the folder; may be called twice. */
  async close(): Promise<void> {
    await this.stopListening()
    const [lock, path] = [this.#lock, this.#path]
    this.#lock = undefined
    this.#path = undefined
    if (path !== undefined) await forgetSocket(this.#dir, path)
    await lock?.release()
  }

  /**
   * Listens under another name first: when node closes a server it removes the file of that name,
   * even if another agent has replaced it. So the file at `path` is removed here, if it is ours.
   */
  async #listen(path: string): Promise<void> {
    const made = `${path}~`
    await rm(made, { force: true })
    // Half open: a client may close its side and still wait for an answer.
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
  socket.resume() // drops its requests, so that the client gets to read the error
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
