/**
 * One real `pilot-daemon` with a home of its own, on loopback, with everything switched off that
 * would use the internet. swarm.ts decides where it runs.
 *
 * ```ts
 * const node = new Daemon('1.18.0', place)
 * await node.start()
 * ```
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Caller, pilotctl, until } from './call.ts'
import { type Programs, programs } from './programs.ts'
import type { Registry } from './registry.ts'

/** Milliseconds that a daemon has to exit by itself before it is killed; some take 3,000. */
const STOP_TIMEOUT = 5_000
/** Bytes of a Unix socket's path that Linux accepts. */
const MAX_SOCKET_PATH = 107

/** Pass `env` instead of `process.env`, not in addition to it. */
export interface Node extends Caller {
  readonly version: string
  /** its hostname in the swarm: `n1-1-18-0` */
  readonly name: string
  readonly home: string
  readonly socket: string
  /** 10; known once it has started */
  readonly nodeId: number
  /** `0:0000.0000.000A` */
  readonly address: string
  /** the folder into which the daemon writes received messages */
  readonly inbox: string
  readonly running: boolean
  /** the id of the daemon's process while it runs */
  readonly pid: number | undefined
  /** Stops the daemon cleanly. May be called when it is down. */
  stop(): Promise<void>
  /** Starts it again, with the same identity. */
  start(): Promise<void>
  /** Kills the daemon, as a crash would. */
  kill(): Promise<void>
  /** everything that the daemon has printed so far */
  log(): string
}

const children = new Set<ChildProcess>()
/** Folders to remove if the process ends before their swarm is closed. */
export const folders = new Set<string>()

/** The last resort if the process ends without `close`: removes everything. */
const sweep = (): void => {
  for (const child of children) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}
const onSignal = (signal: NodeJS.Signals): void => {
  sweep()
  process.off(signal, onSignal)
  // Others may wait for the signal too (play.ts does); without any, it ends the process.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
}
let armed = false
/** From here on, no end of the process except SIGKILL leaves a daemon or a folder behind. */
export const arm = (): void => {
  if (armed) return
  armed = true
  process.on('exit', sweep)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
}

/** Before 1.13 there is nothing to switch off, and an unknown flag ends the daemon. */
const quietFlags = (version: string): string[] => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isQuiet = major === 1 && minor < 13
  return isQuiet ? [] : ['-telemetry-url=', '-motd-feed-url=', '-no-skillinject']
}

export interface Place {
  readonly name: string
  readonly folder: string
  readonly registry: Registry
  /** `ip:port` of the daemon */
  readonly endpoint: string
  /** `ip:port` of the beacon */
  readonly beacon: string
  /** `ip:port` at which nothing answers */
  readonly closed: string
  readonly isPublic: boolean
}

export class Daemon implements Node {
  readonly version: string
  readonly name: string
  readonly home: string
  readonly socket: string
  readonly pilotctl: string
  readonly env: Readonly<Record<string, string>>
  readonly inbox: string
  nodeId = 0
  address = ''
  readonly #programs: Programs
  readonly #place: Place
  readonly #logFile: string
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()

  constructor(version: string, place: Place) {
    this.#programs = programs(version)
    this.#place = place
    this.version = version
    this.name = place.name
    this.home = join(place.folder, place.name)
    this.socket = join(this.home, 'pilot.sock')
    this.inbox = join(this.home, '.pilot', 'inbox')
    this.pilotctl = this.#programs.pilotctl
    this.env = {
      HOME: this.home,
      PATH: `${dirname(this.pilotctl)}:${process.env.PATH ?? '/usr/bin:/bin'}`,
      PILOT_SOCKET: this.socket,
      PILOT_REGISTRY: place.registry.address,
      PILOT_APPSTORE_CATALOG_URL: `http://${place.closed}/`,
    }
    this.#logFile = join(this.home, 'daemon.log')
    if (Buffer.byteLength(this.socket) > MAX_SOCKET_PATH)
      throw new Error(`"${this.socket}" is too long for a socket: choose a shorter base folder`)
    mkdirSync(join(this.home, '.pilot'), { recursive: true, mode: 0o700 })
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  log(): string {
    return readFileSync(this.#logFile, 'utf8')
  }

  async start(): Promise<void> {
    if (this.running) return
    this.#spawn()
    try {
      await until(`daemon ${this.name} to answer`, () => this.#look())
    } catch (error) {
      await this.kill()
      const tail = this.log().slice(-2000)
      throw new Error(`${(error as Error).message}; it says:\n${tail}`, { cause: error })
    }
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (!child) return
    const impatient = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT)
    child.kill('SIGTERM')
    await this.#ended
    clearTimeout(impatient)
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  #spawn(): void {
    const { registry, beacon, endpoint, isPublic } = this.#place
    const args = ['-registry', registry.address, '-beacon', beacon]
    args.push('-listen', endpoint, '-endpoint', endpoint, '-socket', this.socket)
    args.push('-identity', join(this.home, '.pilot', 'identity.json'))
    args.push('-hostname', this.name, '-email', 'agent@example.test', '-trust-auto-approve')
    if (isPublic) args.push('-public')
    args.push(...quietFlags(this.version))

    const log = openSync(this.#logFile, 'a')
    const stdio = ['ignore' as const, log, log]
    const child = spawn(this.#programs.daemon, args, { cwd: this.home, env: this.env, stdio })
    closeSync(log)
    children.add(child)
    this.#child = child
    this.#ended = new Promise((resolve) => {
      const onEnd = (): void => {
        children.delete(child)
        this.#child = undefined
        resolve()
      }
      child.once('exit', onEnd)
      child.once('error', onEnd)
    })
  }

  /** `true` once the daemon answers and the registry knows how the node wants to be found. */
  async #look(): Promise<true | undefined> {
    if (!this.running) throw new Error(`daemon ${this.name} ended`)
    const answer = await pilotctl(this, 'info')
    if (answer.status === 'error') return undefined
    const { node_id: nodeId, address } = answer.data as { node_id: number; address: string }
    const known = this.#place.registry.nodes.get(nodeId)
    const isKnown = known?.hostname === this.name && known.isPublic === this.#place.isPublic
    if (!isKnown) return undefined
    this.nodeId = nodeId
    this.address = address
    return true
  }
}
