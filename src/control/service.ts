/**
 * Carries out the requests that come through an agent's socket. What it acknowledges is on disk;
 * clients that write at the same time share one flush.
 *
 * ```ts
 * const server = new ControlServer({ dir, handle: serveAgent(agent, ready, { onStop: stop }) })
 * ```
 */
import type { Agent } from '../agent/agent.ts'
import { Failure } from '../errors.ts'
import {
  appendEntry,
  CLAIMS_MAP,
  type ClaimState,
  checkConditions,
  checkSelection,
  checkUnlost,
  DEFAULT_MAP,
  deleteEntries,
  deleteEntry,
  type EntryChange,
  expireEntry,
  expiryOf,
  hasEntry,
  historyOf,
  incrementEntry,
  observeEntries,
  persistEntry,
  readEntry,
  readPath,
  releaseClaim,
  renewClaim,
  type Selection,
  selectKeys,
  settledClaim,
  toArgumentFailure,
  versionOf,
  writeEntry,
  writePath,
} from '../maps/index.ts'
import { packageVersion } from '../package-version.ts'
import { quote } from '../quote.ts'
import type { Relay } from '../transports/relay.ts'
import { type Answer, type Channel, Farewell, type Handle, Rows, Subscription } from './answers.ts'
import type { Command, Request, RequestOf } from './commands.ts'
import { exportRows, keyRows } from './export-rows.ts'
import { guestChannel } from './guest-channel.ts'
import { mergeHistory } from './history.ts'
import { HistoryLog } from './history-log.ts'
import { Parts } from './parts.ts'
import { parsePastTime } from './past-time.ts'
import { type Fields, PROTOCOL } from './protocol.ts'
import { putEntries } from './put.ts'
import { reachPeer } from './reach-peer.ts'
import { Writers } from './writers.ts'

/** The number of changes in an answer to `history`, the newest ones: a key may have been overwritten a million times. */
const MAX_HISTORY = 1_000

/** Keys in an answer to `restore`: the numbers are those of all. */
const MAX_RESTORED = 1_000

/** Milliseconds of a claim if nothing is said. */
const CLAIM_MS = 30_000

/** Milliseconds: clients give up when an answer takes much longer. */
const MAX_SETTLE_MS = 10_000

/** Commands that change something. */
type Changing =
  | 'claim'
  | 'renew'
  | 'release'
  | 'set'
  | 'expire'
  | 'persist'
  | 'delete'
  | 'increment'
  | 'append'
  | 'put'
  | 'restore'
  | 'stop'

/** Commands that only read, answered at once. */
type Reading = Exclude<Command, Changing | 'peers' | 'points' | 'join'>

export interface ServiceOptions {
  /** Called to stop the agent, once the client that asked has its answer. Without it `stop` is refused. */
  readonly onStop?: () => void
  /** The agent's transport, if further programs may join the swarm through it. */
  readonly relay?: Relay
}

const shownClaim = ({ holder, fence, until }: ClaimState): Fields => ({
  holder,
  fence,
  until: new Date(until).toISOString(),
})

const selectionOf = ({ prefix, glob, cursor, limit }: Selection): Selection => ({
  ...(prefix !== undefined && { prefix }),
  ...(glob !== undefined && { glob }),
  ...(cursor !== undefined && { cursor }),
  ...(limit !== undefined && { limit }),
})

/** Answers with `agent`, whose document is loaded. */
class Service {
  readonly #agent: Agent
  readonly #options: ServiceOptions
  readonly #writers: Writers
  readonly #log: HistoryLog
  readonly #parts = new Parts()

  constructor(agent: Agent, options: ServiceOptions) {
    this.#agent = agent
    this.#options = options
    this.#writers = new Writers(agent)
    this.#log = new HistoryLog(agent.doc)
  }

  /** Rejects with a Failure for a request that cannot be carried out. */
  async answer(request: Request): Promise<Answer> {
    try {
      return await this.#answer(request)
    } catch (error) {
      throw toArgumentFailure(error)
    }
  }

  async #answer(request: Request): Promise<Answer> {
    this.#check(request)
    switch (request.command) {
      case 'set':
        return this.#stored(this.#set(request))
      case 'delete':
        return this.#stored(this.#delete(request))
      case 'expire':
        return this.#stored(this.#expire(request))
      case 'persist':
        return this.#stored(this.#persist(request))
      case 'claim':
        return this.#claim(request)
      case 'renew':
      case 'release':
        return this.#stored(this.#changeClaim(request))
      case 'increment':
        return this.#stored(this.#increment(request))
      case 'append':
        return this.#stored(this.#append(request))
      case 'put':
        return this.#stored(this.#put(request))
      case 'restore':
        return this.#restore(request)
      case 'points':
        return this.#points(request)
      case 'stop':
        return this.#stop()
      case 'join':
        return this.#join(request)
      case 'peers':
        if (request.ask) await reachPeer(this.#agent)
        return this.#peers()
      default:
        return this.#read(request)
    }
  }

  #read(request: RequestOf<Reading>): Answer {
    const { doc } = this.#agent
    if (request.command === 'status') return { ...this.#agent.status() }
    if (request.command === 'hello') return this.#hello()
    const { map = DEFAULT_MAP } = request
    switch (request.command) {
      case 'get':
        return this.#get(request, map)
      case 'has':
        return { map, key: request.key, has: hasEntry(doc, map, request.key) }
      case 'list':
        return request.rows ? this.#rows(exportRows, request, map) : this.#list(request, map)
      case 'keys':
        return request.rows
          ? this.#rows(keyRows, request, map)
          : { map, ...selectKeys(doc, map, selectionOf(request)) }
      case 'export':
        return this.#export(request, map)
      case 'history':
        return this.#history(map, request.key)
      case 'watch':
        return this.#watch(request, map)
    }
  }

  #hello(): Fields {
    const { swarm, address: node } = this.#agent
    return { protocol: PROTOCOL, version: packageVersion(), swarm, node, pid: process.pid }
  }

  /** Unknown peers are accepted: they may start later. */
  #join({ peers = [] }: RequestOf<'join'>): Channel {
    const { relay } = this.#options
    if (!relay) {
      throw new Failure('invalid_argument', 'this agent admits no further program', {
        hint: 'start it with pilot-gossip run, or openMap with a data folder',
      })
    }
    const { access } = this.#agent.runtime
    // To name a peer is to list it, which is not for guests to do.
    const { runtime } = this.#agent
    const joined = access.accept === 'any' ? runtime.invite(peers) : runtime.introduce(peers)
    void joined.catch(() => undefined)
    return guestChannel(relay, access.readOnly)
  }

  #peers(): Fields {
    const { swarm, address: node } = this.#agent
    const { banned } = this.#agent
    return { swarm, node, peers: this.#agent.peers(), ...(banned.length > 0 && { banned }) }
  }

  /** The answer, once the writes before it are on disk. */
  async #stored(answer: Fields): Promise<Fields> {
    await this.#agent.flushed()
    return answer
  }

  #check({ swarm: wanted, protocol = PROTOCOL }: Request): void {
    if (protocol !== PROTOCOL) {
      throw new Failure(
        'invalid_argument',
        `the client uses protocol version ${protocol}, this agent version ${PROTOCOL}`,
        { hint: 'install client and agent of one version' },
      )
    }
    if (wanted === undefined || wanted === this.#agent.swarm) return
    throw new Failure(
      'invalid_argument',
      `the agent here belongs to the swarm "${this.#agent.swarm}", not of "${wanted}"`,
      { hint: `leave --swarm out, or name the folder of the other agent with --data DIR` },
    )
  }

  #value(map: string, key: string): unknown {
    const value = readEntry(this.#agent.doc, map, key)
    if (value !== undefined) return value
    throw new Failure('not_found', `no key ${quote(key)} in map ${quote(map)}`, {
      hint: 'run list to see all keys; a key that others wrote may be on its way',
    })
  }

  #part(map: string, key: string, path = ''): unknown {
    const part = readPath(this.#value(map, key), path)
    if (part !== undefined) return part
    throw new Failure('not_found', `nothing at ${quote(path)} in the value of ${quote(key)}`, {
      hint: 'run get without --path to see the whole value',
    })
  }

  #get({ key, path, versioned }: RequestOf<'get'>, map: string): Fields {
    const value = this.#part(map, key, path)
    const version = versioned && versionOf(this.#agent.doc, map, key)
    return {
      map,
      key,
      ...(path !== undefined && { path }),
      value,
      ...(version && { version }),
      ...this.#endOf(map, key),
    }
  }

  #list(request: RequestOf<'list'>, map: string): Fields {
    const { doc } = this.#agent
    const { keys, ...more } = selectKeys(doc, map, selectionOf(request))
    return {
      map,
      entries: Object.fromEntries(keys.map((key) => [key, readEntry(doc, map, key)])),
      ...more,
    }
  }

  /** The answer in rows, with the cursor of what the limit has cut off at its end. */
  #rows(rowsOf: typeof exportRows, request: RequestOf<'list' | 'keys'>, map: string): Rows {
    let cursor: string | undefined
    const onMore = (last: string): void => {
      cursor = last
    }
    const rows = rowsOf(this.#agent.doc, map, { selection: selectionOf(request), onMore })
    return new Rows(rows, () => ({ map, ...(cursor !== undefined && { cursor }) }))
  }

  #set(request: RequestOf<'set'>): Fields {
    const { map = DEFAULT_MAP, key, value, path, hot, ttl: ttlMs } = request
    const { ifAbsent, if: wanted, ifVersion } = request
    const { doc } = this.#agent
    checkConditions(doc, map, key, { ifAbsent, if: wanted, ifVersion })
    // A map writes whole values: of two clients that change parts of one at once, one wins.
    const whole = path === undefined ? value : writePath(readEntry(doc, map, key), path, value)
    if (path !== undefined) checkUnlost(doc, map, key, whole)
    writeEntry(doc, map, key, whole, { ...(hot !== undefined && { hot }), ttlMs })
    return { map, key, ...(path !== undefined && { path }), value, ...this.#endOf(map, key) }
  }

  #delete({ map = DEFAULT_MAP, key, path, prefix, glob }: RequestOf<'delete'>): Fields {
    const { doc } = this.#agent
    const isOne = key !== undefined
    if (isOne === (prefix !== undefined || glob !== undefined))
      throw new Failure('invalid_argument', 'delete needs a key, or a prefix or glob, and not both')
    if (!isOne) {
      const count = deleteEntries(doc, map, selectKeys(doc, map, { prefix, glob }).keys)
      return { map, ...(prefix === undefined ? { glob } : { prefix }), count }
    }
    const old = this.#part(map, key, path)
    if (path === undefined || path === '') {
      deleteEntry(doc, map, key)
      return { map, key, old }
    }
    const left = writePath(readEntry(doc, map, key), path, undefined)
    checkUnlost(doc, map, key, left)
    writeEntry(doc, map, key, left)
    return { map, key, path, old }
  }

  #expire({ map = DEFAULT_MAP, key, ttl }: RequestOf<'expire'>): Fields {
    const { doc } = this.#agent
    this.#value(map, key) // throws if there is none
    expireEntry(doc, map, key, ttl)
    return { map, key, ...this.#endOf(map, key) }
  }

  #persist({ map = DEFAULT_MAP, key }: RequestOf<'persist'>): Fields {
    this.#value(map, key) // throws if there is none
    return { map, key, hadEnd: persistEntry(this.#agent.doc, map, key) }
  }

  /** The answer, once the claim has settled, with the number of peers that have the same state by then. */
  async #claim(request: RequestOf<'claim'>): Promise<Fields> {
    const { map = CLAIMS_MAP, key, as: holder = this.#agent.address } = request
    const { for: forMs = CLAIM_MS, settle: settleMs } = request
    if (settleMs !== undefined && settleMs > MAX_SETTLE_MS)
      throw new Failure('invalid_argument', `a settling time of ${settleMs} ms is not usable`, {
        hint: `give at most ${MAX_SETTLE_MS} ms`,
      })
    const claim = await settledClaim(this.#agent.doc, map, key, { holder, forMs, settleMs })
    const acknowledged = this.#agent.peers().filter(({ inSync }) => inSync === true).length
    return this.#stored({ map, key, ...shownClaim(claim), acknowledged })
  }

  #changeClaim(request: RequestOf<'renew' | 'release'>): Fields {
    const { map = CLAIMS_MAP, key, as: holder = this.#agent.address } = request
    const { doc } = this.#agent
    if (request.command === 'release') {
      const { fence } = releaseClaim(doc, map, key, holder)
      return { map, key, holder, fence }
    }
    const { for: forMs = CLAIM_MS } = request
    return { map, key, ...shownClaim(renewClaim(doc, map, key, { holder, forMs })) }
  }

  /** When the entry ends, if it does. */
  #endOf(map: string, key: string): Fields {
    const at = expiryOf(this.#agent.doc, map, key)
    return at === undefined ? {} : { expiresAt: new Date(at).toISOString() }
  }

  #increment({ map = DEFAULT_MAP, key, by = 1 }: RequestOf<'increment'>): Fields {
    return { map, key, by, value: incrementEntry(this.#agent.doc, map, key, by) }
  }

  #append({ map = DEFAULT_MAP, key, value }: RequestOf<'append'>): Fields {
    return { map, key, value, length: appendEntry(this.#agent.doc, map, key, value) }
  }

  #put({ map = DEFAULT_MAP, entries, hot = false }: RequestOf<'put'>): Fields {
    putEntries(this.#agent.doc, map, entries, { hot, parts: this.#parts })
    return { map, count: entries.length }
  }

  async #points({ take = false }: RequestOf<'points'>): Promise<Fields> {
    if (take) await this.#agent.takePoint()
    const points = await this.#agent.points()
    const shown = points.map(({ at, bytes }) => ({ time: new Date(at).toISOString(), bytes }))
    return { points: shown.reverse() }
  }

  async #restore(request: RequestOf<'restore'>): Promise<Fields> {
    const { at, map, key, prefix, exact, dryRun } = request
    const time = parsePastTime(at, Date.now())
    const done = await this.#agent.restoreAt(time, { map, key, prefix, exact, dryRun })
    const written = done.written.slice(0, MAX_RESTORED)
    const deleted = done.deleted.slice(0, MAX_RESTORED - written.length)
    const all = done.written.length + done.deleted.length
    return {
      time: new Date(done.at).toISOString(),
      ...(dryRun && { isDryRun: true }),
      written: done.written.length,
      deleted: done.deleted.length,
      ...(done.flattened > 0 && { flattened: done.flattened }),
      keys: { written, deleted },
      left: all - written.length - deleted.length,
    }
  }

  #export(request: RequestOf<'export'>, map: string): Rows {
    const { kinds = false } = request
    let flattened = 0
    const onFlattened = (): void => void flattened++
    const options = { kinds, selection: selectionOf(request), onFlattened }
    return new Rows(exportRows(this.#agent.doc, map, options), () => ({
      map,
      ...(flattened > 0 && { flattened }),
    }))
  }

  #history(map: string, key: string): Fields {
    const all = mergeHistory(historyOf(this.#agent.doc, map, key), this.#log.of(map, key))
    const changes = all.slice(0, MAX_HISTORY).map((change) => this.#withNode(change))
    if (all.length > 0) return { map, key, changes, left: all.length - changes.length }
    throw new Failure('not_found', `nothing is known of key ${quote(key)} in map ${quote(map)}`, {
      hint: 'run list to see all keys',
    })
  }

  #watch(request: RequestOf<'watch'>, map: string): Subscription {
    const { key } = request
    const which = selectionOf(request)
    checkSelection(which)
    const first = { map, ...(key !== undefined && { key }), ...which, watching: true }
    return new Subscription(first, (emit) =>
      observeEntries(this.#agent.doc, map, (change) => emit(this.#changeOf(change)), {
        key,
        ...which,
      }),
    )
  }

  #changeOf({ map, key, action, value, old, writer, from }: EntryChange): Fields {
    return this.#withNode({
      map,
      key,
      action,
      ...(value !== undefined && { value }),
      ...(old !== undefined && { old }),
      ...(writer !== undefined && { writer }),
      ...(from !== undefined && { from }),
    })
  }

  #withNode<T extends { readonly writer?: number }>(change: T): T & { readonly node?: string } {
    const node = change.writer === undefined ? undefined : this.#writers.nodeOf(change.writer)
    return node === undefined ? change : { ...change, node }
  }

  #stop(): Farewell {
    const { onStop } = this.#options
    if (onStop) return new Farewell({ pid: process.pid, stopping: true }, onStop)
    throw new Failure(
      'invalid_argument',
      'this agent is part of a program, and stops when that does',
    )
  }
}

/** Handles requests with `agent` once `ready` has resolved: its document is loaded then. */
export const serveAgent = (
  agent: Agent,
  ready: Promise<unknown> = Promise.resolve(),
  options: ServiceOptions = {},
): Handle => {
  const service = ready.then(() => new Service(agent, options))
  // If the start fails, each request rejects with that.
  service.catch(() => undefined)
  return async (request) => (await service).answer(request)
}
