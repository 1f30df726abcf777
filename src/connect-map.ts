/**
 * The map of an agent that runs in another process of this host. It loads no Yjs and starts no agent.
 * A write is on the agent's disk when its promise resolves; a call takes a few milliseconds.
 *
 * ```ts
 * const tasks = await connectMap<Task>({ swarm: 'kv' })
 * await tasks.set('7', { owner: 'a', done: false })
 * await tasks.increment('count')
 * const end = await tasks.observe(({ key, value }) => {})
 * tasks.close()
 * ```
 */
import type { Json } from '../crdt/index.ts'
import type { AgentStatus } from './agent/status.ts'
import type { RequestOf } from './control/commands.ts'
import type { Entry } from './control/entry.ts'
import { defaultFolder } from './control/folder.ts'
import { type Fields, PROTOCOL } from './control/protocol.ts'
import { Session } from './control/session.ts'
import { deferred } from './deferred.ts'
import { Failure, isFailure } from './errors.ts'
import type { Keepable } from './maps/keepable.ts'
import type { ObserveOptions } from './maps/observe.ts'
import type { Selection } from './maps/selection.ts'
import type { SetOptions } from './maps/shared-map.ts'
import { late, type Signal, type UntilOptions } from './maps/until.ts'

/** The default map. The same as `DEFAULT_MAP`, whose module would load Yjs. */
const MAP = 'state'

export interface ConnectMapOptions {
  /** The agent's swarm. Without `data`: the agent that `pilot-gossip run --swarm NAME` started. */
  readonly swarm?: string
  /** The agent's data folder. */
  readonly data?: string
  /** The map's name; default `state`. */
  readonly map?: string
  /** Write hot entries, for keys that are overwritten often; default false. */
  readonly hot?: boolean
}

export interface ConnectedMapChange<T> {
  readonly key: string
  readonly action: 'set' | 'delete'
  /** The new value; absent for `delete`. */
  readonly value?: T
  /** The previous value; absent if there was none. */
  readonly old?: T
  /** The writer id of the new value; absent if another agent deleted the key. */
  readonly writer?: number
  /** The agent that wrote it, if it is known. */
  readonly node?: string
}

/** The fields that are not undefined. */
const given = <T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never

type ItemOf<T> = T extends readonly (infer Item)[] ? Item : never

export class ConnectedMap<T extends Keepable<T> = Json> {
  readonly name: string
  readonly #session: Session
  readonly #common: { readonly map: string; readonly swarm?: string }
  readonly #writing: { readonly hot?: boolean }

  private constructor(session: Session, { swarm, map = MAP, hot }: ConnectMapOptions) {
    this.name = map
    this.#session = session
    this.#common = { map, ...(swarm !== undefined && { swarm }) }
    this.#writing = hot === undefined ? {} : { hot }
  }

  /** The same as `connectMap`. */
  static async open<T extends Keepable<T> = Json>(
    options: ConnectMapOptions,
  ): Promise<ConnectedMap<T>> {
    const { swarm, data } = options
    if (swarm === undefined && data === undefined) {
      throw new Failure('invalid_argument', 'connectMap needs a swarm or a data folder', {
        hint: "write connectMap({ swarm: 'NAME' })",
      })
    }
    const session = new Session(data ?? defaultFolder(swarm as string, process.env))
    const ofSwarm = swarm === undefined ? {} : { swarm }
    try {
      await session.ask({ command: 'hello', protocol: PROTOCOL, ...ofSwarm })
    } catch (error) {
      session.close()
      throw error
    }
    return new ConnectedMap<T>(session, options)
  }

  /** Resolves to the value; undefined if there is none. */
  async get(key: string): Promise<T | undefined> {
    return (await this.#find({ command: 'get', ...this.#common, key }))?.value as T | undefined
  }

  /** Resolves to whether there is an entry of that key. */
  async has(key: string): Promise<boolean> {
    return (await this.#session.ask({ command: 'has', ...this.#common, key })).has === true
  }

  /** Names the last write of a key, for the condition `ifVersion`; undefined if there is no such key. */
  async versionOf(key: string): Promise<string | undefined> {
    const request = { command: 'get', ...this.#common, key, versioned: true } as const
    return (await this.#find(request))?.version as string | undefined
  }

  /**
   * Rejects, like all methods that write, with a Failure (invalid_argument) for an invalid key or value.
   * With conditions that do not hold it writes nothing and rejects with a Failure (conflict).
   */
  async set(key: string, value: T, { ttlMs, ...conditions }: SetOptions = {}): Promise<void> {
    if (JSON.stringify(value) === undefined) {
      throw new TypeError(`the value of "${key}" is ${typeof value}, which JSON cannot keep`)
    }
    const request = { command: 'set', ...this.#common, ...this.#writing, key, value } as const
    await this.#session.ask({ ...request, ...given({ ttl: ttlMs, ...conditions }) })
  }

  /** Writes many entries in one step. */
  async setAll(entries: Iterable<readonly [key: string, value: T]>): Promise<void> {
    const all = [...entries] as unknown as Entry[]
    await this.#session.ask({ command: 'put', ...this.#common, ...this.#writing, entries: all })
  }

  /** Resolves to whether there was such a key. */
  async delete(key: string): Promise<boolean> {
    return (await this.#find({ command: 'delete', ...this.#common, key })) !== undefined
  }

  /**
   * Calls `change` with the value, or with undefined if there is none, and writes its result; undefined
   * deletes the key. A write of another program between the read and the write is overwritten: use
   * `increment` and `append` if both must count.
   */
  async update(
    key: string,
    change: (value: T | undefined) => T | undefined,
  ): Promise<T | undefined> {
    const value = change(await this.get(key))
    if (value === undefined) await this.delete(key)
    else await this.set(key, value)
    return value
  }

  /** Adds to a number, which starts at 0, and resolves to the sum. Concurrent increments all count. */
  async increment(
    this: number extends T ? ConnectedMap<T> : never,
    key: string,
    by = 1,
  ): Promise<number> {
    const self = this as ConnectedMap<T>
    const request = { command: 'increment', ...self.#common, key, by } as const
    return Number((await self.#session.ask(request)).value)
  }

  /** Appends to an array, which starts empty, and resolves to its length. */
  async append(key: string, value: ItemOf<T>): Promise<number> {
    const request = { command: 'append', ...this.#common, key, value } as const
    return Number((await this.#session.ask(request)).length)
  }

  /** Deletes the entries of a prefix or pattern in one transaction, and resolves to their number. */
  async deleteAll(which: Pick<Selection, 'prefix' | 'glob'>): Promise<number> {
    const request = { command: 'delete', ...this.#common, ...given(which) } as const
    return Number((await this.#session.ask(request)).count)
  }

  /** The keys, sorted: all, or those that are selected. The cursor of a page is the last key of the page before. */
  async keys(selection: Selection = {}): Promise<string[]> {
    const request = { command: 'keys', ...this.#common, ...given(selection) } as const
    return (await this.#session.ask(request)).keys as string[]
  }

  /** The entries in order of their keys: all, or those that are selected. */
  async entries(selection: Selection = {}): Promise<[key: string, value: T][]> {
    const entries: [string, T][] = []
    const request = { command: 'list', rows: true, ...this.#common, ...given(selection) } as const
    for await (const rows of this.#session.rows(request)) {
      for (const [key, value] of rows) entries.push([key, value as T])
    }
    return entries
  }

  /** Calls `onChange` for each change after it has resolved. Call the function it resolves to to stop. */
  async observe(
    onChange: (change: ConnectedMapChange<T>) => void,
    { onEnd, ...which }: ObserveOptions & { readonly onEnd?: (reason: Failure) => void } = {},
  ): Promise<() => void> {
    return this.#watch(onChange, which, onEnd)
  }

  /**
   * Resolves when `isSo` returns or resolves to true. It is called at once and after each change of
   * this map. Rejects with a Failure (`timeout`, `closed` after `close`, `not_running` if the agent
   * ends), with the reason of `signal`, or with what `isSo` throws.
   */
  async until(
    isSo: (map: this) => boolean | Promise<boolean>,
    { timeout, signal }: UntilOptions = {},
  ): Promise<void> {
    const failed = deferred<never>()
    failed.promise.catch(() => undefined) // it may reject after the wait
    let changed = deferred<void>()
    const timer =
      timeout === undefined ? undefined : setTimeout(() => failed.reject(late(timeout)), timeout)
    const stopListening = onAbort(signal, failed.reject)
    const watching = this.#watch(() => changed.resolve(), {}, failed.reject)
    try {
      await Promise.race([watching, failed.promise])
      for (;;) {
        // Created before the look, so that a change during the look causes another one.
        changed = deferred()
        if (await Promise.race([isSo(this), failed.promise])) return
        await Promise.race([changed.promise, failed.promise])
      }
    } finally {
      clearTimeout(timer)
      stopListening()
      // Also if the watch has not started yet.
      watching.then(
        (end) => end(),
        () => undefined,
      )
    }
  }

  /** Another map of the same agent, over the same connection. `close` of either one closes both. */
  sibling<U extends Keepable<U> = Json>(
    map: string,
    { hot }: Pick<ConnectMapOptions, 'hot'> = {},
  ): ConnectedMap<U> {
    const { swarm } = this.#common
    return new ConnectedMap<U>(this.#session, {
      map,
      ...(swarm !== undefined && { swarm }),
      ...(hot !== undefined && { hot }),
    })
  }

  /** The status of the agent, with the fields of `pilot-gossip status --json`. */
  async status(): Promise<AgentStatus> {
    return (await this.#session.ask({ command: 'status' })) as unknown as AgentStatus
  }

  /** Ends all observers, all waits and the connection. */
  close(): void {
    this.#session.close()
  }

  /** The answer's data; undefined if there is no such key. */
  async #find(request: RequestOf<'get' | 'delete'>): Promise<Fields | undefined> {
    try {
      return await this.#session.ask(request)
    } catch (error) {
      if (isFailure(error, 'not_found')) return undefined
      throw error
    }
  }

  #watch(
    onChange: (change: ConnectedMapChange<T>) => void,
    which: ObserveOptions,
    onEnd?: (reason: Failure) => void,
  ): Promise<() => void> {
    const request = {
      command: 'watch',
      ...this.#common,
      ...given(which),
    } as const
    const take = (change: Fields): void => onChange(change as unknown as ConnectedMapChange<T>)
    return this.#session.watch(request, take, onEnd)
  }
}

/** Returns a function that removes the listener. */
const onAbort = (signal: Signal | undefined, fail: (reason: unknown) => void): (() => void) => {
  if (!signal) return () => undefined
  const abort = (): void => fail(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  return () => signal.removeEventListener('abort', abort)
}

/**
 * Connects to the map of the agent with that data folder or of that swarm. Rejects with a Failure:
 * `not_running` if no agent runs, `invalid_argument` if it is of another swarm, if neither option is
 * given, or if the agent speaks another version of the protocol.
 */
export const connectMap = <T extends Keepable<T> = Json>(
  options: ConnectMapOptions,
): Promise<ConnectedMap<T>> => ConnectedMap.open<T>(options)
