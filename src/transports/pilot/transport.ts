/**
 * Carries messages between Pilot Protocol daemons: it sends by running `pilotctl`, and receives by
 * watching the inbox folder of the daemon. The daemon's tunnel proves the address of a node, so `from`
 * is reliable.
 *
 * ```ts
 * const transport = new PilotTransport({ swarm: 'kv' })
 * await transport.open({ receive, accepts, onProblem })
 * await transport.send(await transport.resolve('agent7'), text)
 * ```
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Failure, isFailure, toFailure } from '../../errors.ts'
import { safeHooks } from '../delivery.ts'
import { Lifecycle, type Opening } from '../lifecycle.ts'
import type { Transport, TransportHooks } from '../transport.ts'
import { AdaptiveTimeout } from './adaptive-timeout.ts'
import { backboneAddress, formatAddress, isNodeId } from './address.ts'
import {
  isAcknowledged,
  type NodeInfo,
  readAcknowledgedBytes,
  readMembers,
  readNode,
  readTrusted,
} from './answers.ts'
import { Claim, InboxTaken } from './claim.ts'
import * as commands from './commands.ts'
import { Discovery, hasTag } from './discovery.ts'
import { Inbox } from './inbox.ts'
import { Pilotctl } from './pilotctl.ts'
import { type Abilities, needsHelp, readAbilities } from './version.ts'

/**
 * Milliseconds for a call, and for a short message with its connection. A live peer takes 20 to 50;
 * a dead one takes all of them.
 */
const DEFAULT_TIMEOUT_MS = 3000

/** Milliseconds up to which the timeout grows on a slow host. A guess: a longer one would not help. */
const MAX_TIMEOUT_MS = 10_000

/** Milliseconds between two polls of the inbox. A poll lists the folder; the watcher sees most messages earlier. */
const DEFAULT_POLL_MS = 5000

/**
 * Extra milliseconds for each MiB of a message. A guess for 10 Mbit/s; receivers before 1.13.10 are
 * sent the message twice.
 */
const TIMEOUT_PER_MIB_MS = 2000

/** Milliseconds that pilotctl has after its own timeout to report it, before it is killed. */
const KILL_MARGIN_MS = 1000

/** Tags that pilotctl sets at most. */
const MAX_TAGS = 3

const MIB = 1024 * 1024

export interface PilotTransportOptions {
  /** The path or name of the program; default `pilotctl`. */
  readonly pilotctl?: string | undefined
  readonly swarm: string
  /** A Pilot network whose members all belong to the swarm. */
  readonly network?: number | undefined
  /** The inbox folder; default `$HOME/.pilot/inbox`, as for pilotctl. */
  readonly inbox?: string | undefined
  /** Milliseconds between two polls of the inbox; default 5000. */
  readonly pollMs?: number | undefined
  /** Milliseconds for one call, more for long messages; default 3000. */
  readonly timeoutMs?: number | undefined
  /** Added to the environment of pilotctl: HOME, PILOT_SOCKET, PILOT_REGISTRY. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Tag this node, so that nodes which trust it find it; default true. */
  readonly tag?: boolean | undefined
  /** The data folder of the agent, shown to programs that find the inbox in use. */
  readonly data?: string | undefined
}

/** What the transport has while it is open. */
interface Open {
  readonly inbox: Inbox
  readonly discovery: Discovery
}

const checkPositive = (name: string, value: number): number => {
  if (Number.isFinite(value) && value > 0) return value
  throw new Failure('invalid_argument', `${name} is ${value}`, {
    hint: 'give a number of milliseconds above 0',
  })
}

export class PilotTransport implements Transport {
  readonly kind = 'pilot'
  readonly swarm: string
  readonly #program: Pick<PilotTransportOptions, 'pilotctl' | 'env'>
  readonly #network: number | undefined
  readonly #inboxDir: string
  readonly #pollMs: number
  readonly #timeoutMs: number
  readonly #mustTag: boolean
  readonly #tags: readonly [string, string]
  readonly #lifecycle = new Lifecycle('the pilot transport')
  /** Runs the calls, from the first one until `close`, also before the transport is open. */
  #pilotctl: Pilotctl | undefined
  #open: Open | undefined
  #address = ''
  #abilities: Abilities = readAbilities('')
  #hooks: TransportHooks | undefined
  #isDown = false
  /** May pilotctl have been replaced since its abilities were read? */
  #isStale = false
  #refreshing: Promise<void> | undefined
  readonly #timeout: AdaptiveTimeout
  readonly #claim: Claim

  /** Throws `invalid_argument` for a swarm name that cannot be a tag, and for invalid times. */
  constructor(options: PilotTransportOptions) {
    const { swarm, network, env = {}, tag = true } = options
    this.#pollMs = checkPositive('pollMs', options.pollMs ?? DEFAULT_POLL_MS)
    this.#timeoutMs = checkPositive('timeoutMs', options.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    this.#timeout = new AdaptiveTimeout(this.#timeoutMs, MAX_TIMEOUT_MS)
    this.#mustTag = tag
    this.#tags = commands.swarmTags(swarm)
    this.swarm = swarm
    const home = env.HOME ?? process.env.HOME ?? ''
    this.#inboxDir = options.inbox ?? join(home === '' ? homedir() : home, '.pilot', 'inbox')
    this.#claim = new Claim({ inbox: this.#inboxDir, swarm, data: options.data })
    this.#program = { pilotctl: options.pilotctl, env }
    this.#network = network
  }

  get address(): string {
    return this.#address
  }

  get maxMessageBytes(): number {
    return this.#abilities.maxMessageBytes
  }

  /**
   * Asks the daemon for its address, tags the node, and starts to watch the inbox. Rejects with
   * `not_running` without a daemon and with `not_found` without the program, and may then be called
   * again. The inbox folder may be created later.
   */
  open(given: TransportHooks): Promise<void> {
    const hooks = safeHooks(given)
    return this.#lifecycle.open(async (opening) => {
      try {
        const [info, abilities] = await Promise.all([
          this.#ask(commands.info()),
          this.#findAbilities(),
        ])
        if (opening.isOver) throw this.#lifecycle.closed()
        const self = readNode(info)
        this.#abilities = abilities
        this.#hooks = hooks
        await this.#claimInbox()
        if (this.#mustTag) await this.#tag(self, opening)
        if (opening.isOver) throw this.#lifecycle.closed()
        this.#address = self.address
        const { swarm } = this
        const discovery = new Discovery({
          ask: (args) => this.#ask(args),
          swarm,
          network: this.#network,
        })
        const inbox = new Inbox(
          { dir: this.#inboxDir, pollMs: this.#pollMs },
          { ...hooks, onProblem: (problem) => this.#report(problem) },
        )
        this.#open = { inbox, discovery }
        inbox.start()
      } catch (error) {
        await this.#release()
        throw toFailure(error)
      }
    })
  }

  /**
   * Sends `text` to the daemon at `to` and waits for its acknowledgement. Takes at most `timeoutMs`,
   * 2 s for each MiB, 1 s to kill pilotctl, and 10 s in the queue if more than 16 calls run. After a
   * Failure with code `timeout`, the message may still have arrived.
   */
  async send(to: string, text: string): Promise<void> {
    this.#mustBeOpen()
    if (this.#isStale) await this.#refresh()
    const acknowledged = await this.#sendOnce(to, text)
    if (acknowledged === undefined || acknowledged === Buffer.byteLength(text)) return
    // pilotctl may have been replaced by a version that reads the message from another place.
    await this.#refresh()
    const again = await this.#sendOnce(to, text)
    if (again === undefined || again === Buffer.byteLength(text)) return
    throw new Failure(
      'internal',
      `${to} acknowledged ${again} of ${Buffer.byteLength(text)} bytes, by pilotctl ${this.#abilities.version}`,
      { hint: 'check which pilotctl this is: pilotctl --json version', isLocal: true },
    )
  }

  /** Resolves to the number of acknowledged bytes, if the answer contains it. */
  async #sendOnce(to: string, text: string): Promise<number | undefined> {
    this.#mustBeOpen()
    const bytes = Buffer.byteLength(text)
    const { stdin, maxMessageBytes, version } = this.#abilities
    if (bytes > maxMessageBytes)
      throw new Failure(
        'too_large',
        `the message has ${bytes} bytes; pilotctl ${version} carries at most ${maxMessageBytes}`,
        { hint: 'send it in parts', isLocal: true },
      )
    if (text === '' || (!stdin && text.includes('\0')))
      throw new Failure(
        'invalid_argument',
        'pilotctl cannot send an empty message or a NUL character',
        {
          hint: 'encode the message as JSON',
        },
      )
    const timeoutMs = this.#timeout.ms + (bytes / MIB) * TIMEOUT_PER_MIB_MS
    const args = commands.sendMessage({ to, timeoutMs, payload: stdin ? undefined : text })
    const began = performance.now()
    const data = await this.#ask(args, timeoutMs + KILL_MARGIN_MS, stdin ? text : undefined)
    if (isAcknowledged(data)) {
      this.#timeout.took(performance.now() - began - (bytes / MIB) * TIMEOUT_PER_MIB_MS)
      return readAcknowledgedBytes(data)
    }
    throw new Failure('timeout', `${to} did not acknowledge the message`, {
      hint: 'send it again: a second copy does no harm',
    })
  }

  async discover(): Promise<readonly string[]> {
    const { discovery } = this.#mustBeOpen()
    // Called once a minute: nothing else shows that a newer pilotctl carries longer messages.
    await this.#refresh()
    const found = await discovery.find()
    return found.filter((address) => address !== this.#address)
  }

  /**
   * Without `network`: the nodes that the daemon trusts, and the members of the transport's network,
   * which the user has named as those of the swarm.
   */
  async trusted(network?: number): Promise<readonly string[]> {
    this.#mustBeOpen()
    if (network !== undefined) return this.#members(network)
    const own = this.#network
    const [nodes, members] = await Promise.all([
      this.#ask(commands.trust()),
      own === undefined ? [] : this.#members(own),
    ])
    return [...readTrusted(nodes).map(formatAddress), ...members]
  }

  async #members(network: number): Promise<readonly string[]> {
    return readMembers(await this.#ask(commands.networkMembers(network)))
  }

  /** Looks up a node id or a hostname in the registry. An address is returned as it is. */
  async resolve(name: string): Promise<string> {
    this.#mustBeOpen()
    const address = backboneAddress(name)
    if (address !== undefined) return address
    const nodeId = /^\d+$/.test(name) ? Number(name) : undefined
    const args = isNodeId(nodeId) ? commands.lookup(nodeId) : commands.find(name)
    return readNode(await this.#ask(args)).address
  }

  close(): Promise<void> {
    const [pilotctl, open] = [this.#pilotctl, this.#open]
    this.#pilotctl = undefined
    this.#open = undefined
    this.#hooks = undefined
    return this.#lifecycle.close(async () => {
      await Promise.all([pilotctl?.close(), open?.inbox.close()])
      await this.#release()
    })
  }

  /** A folder without room for a lock is reported, but does not stop the transport. */
  async #claimInbox(): Promise<void> {
    try {
      await this.#claim.take()
    } catch (error) {
      if (error instanceof InboxTaken) throw error
      const { code, message } = toFailure(error)
      const text = `a second agent of the swarm at this daemon cannot be detected: ${message}`
      this.#report(new Failure(code, text, { hint: 'check who owns the folder above the inbox' }))
    }
  }

  /** Ignores errors: a lock that cannot be read, or whose folder is gone, blocks no other agent. */
  async #release(): Promise<void> {
    await this.#claim.release().catch(() => undefined)
  }

  #mustBeOpen(): Open {
    if (!this.#open) throw this.#lifecycle.closed()
    return this.#open
  }

  /** The program of the current opening. */
  #run(): Pilotctl {
    if (!this.#lifecycle.current) throw this.#lifecycle.closed()
    const { pilotctl: program, env } = this.#program
    this.#pilotctl ??= new Pilotctl({ program, env, isBusy: true })
    return this.#pilotctl
  }

  /** Reads the abilities again. Concurrent calls share one read. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#findAbilities()
      .then((abilities) => {
        this.#abilities = abilities
        this.#isStale = false
      })
      .finally(() => {
        this.#refreshing = undefined
      })
    return this.#refreshing
  }

  async #findAbilities(): Promise<Abilities> {
    const options = { timeoutMs: this.#timeoutMs }
    const version = (await this.#run().run(commands.version(), options)).stdout.trim()
    if (!needsHelp(version)) return readAbilities(version)
    const help = await this.#run().run(commands.sendHelp(), options)
    return readAbilities(version.slice(0, 40), help.stdout + help.stderr)
  }

  /** Makes one call, and notices when the daemon goes down or comes back. */
  async #ask(
    args: commands.Arguments,
    timeoutMs = this.#timeoutMs,
    input?: string,
  ): Promise<Readonly<Record<string, unknown>>> {
    try {
      const data = await this.#run().ask(args, { timeoutMs, input })
      this.#isDown = false
      return data
    } catch (error) {
      const failure = toFailure(error)
      if (isFailure(failure, 'not_running')) {
        if (!this.#isDown) this.#report(failure)
        this.#isDown = true
        // The daemon may come back in another version, with another pilotctl.
        this.#isStale = true
      }
      throw failure
    }
  }

  /**
   * Adds the tag of the swarm to those of the node, in a spelling that its registry accepts. The
   * swarm also works without the tag, but fewer agents discover this node.
   */
  async #tag({ nodeId }: NodeInfo, opening: Opening): Promise<void> {
    try {
      const { tags } = readNode(await this.#ask(commands.lookup(nodeId)))
      if (hasTag(tags, this.#tags)) return
      if (tags.length >= MAX_TAGS)
        throw new Failure(
          'invalid_argument',
          `the node has ${tags.length} tags: ${tags.join(' ')}`,
          {
            hint: `remove one of them: "${this.#tags[0]}" needs its place`,
          },
        )
      await this.#setTags(tags)
    } catch (error) {
      const { code, message, hint } = toFailure(error)
      if (opening.isOver) return
      const text = `the node could not be tagged "${this.#tags[0]}": ${message}`
      this.#report(new Failure(code, text, { hint, cause: error }))
    }
  }

  async #setTags(tags: readonly string[]): Promise<void> {
    const [preferred, plain] = this.#tags
    try {
      await this.#setAllTags([...tags, preferred])
    } catch (error) {
      if (isFailure(error, 'closed') || isFailure(error, 'not_running')) throw error
      await this.#setAllTags([...tags, plain])
    }
  }

  /** pilotctl 1.7.2 does not have `extras`; every later version has the command only there. */
  async #setAllTags(tags: readonly string[]): Promise<void> {
    try {
      await this.#ask(commands.setTags(tags, 'extras'))
    } catch (error) {
      if (!isFailure(error, 'invalid_argument')) throw error
      await this.#ask(commands.setTags(tags, 'core'))
    }
  }

  #report(problem: Failure): void {
    this.#hooks?.onProblem(problem)
  }
}
