/**
 * What the bench asks of an engine: replicas of a map that write, tell and receive. An engine is
 * one file in `engines/` and one line in `engines/index.ts`; whoever compares another library
 * writes these five methods and gets every workload, the checks and the lost writes. A sixth,
 * `delete`, adds the deletes. A library that is slow to load is loaded by the first `create`.
 *
 * ```ts
 * const time = createTime()
 * const [a, b] = [engine.create(1, time), engine.create(2, time)]
 * a.set([['k', { n: 1 }]])
 * b.receive(a.takeChanges())
 * b.read()      // Map { 'k' => { n: 1 } }
 * ```
 */
import type { Json } from '../../crdt/index.ts'

export type Value = Json
export type Entry = readonly [key: string, value: Value]

/** As it leaves the process: text counts in UTF-8 bytes. */
export type Message = string | Uint8Array

export interface EngineReplica {
  /** Writes here, in one go. */
  set(entries: readonly Entry[]): void
  /** All there is, for a peer that has nothing. Leaves what `takeChanges` will tell as it is. */
  encodeState(): Message
  /** What was set here since it was called last; an engine that knows no deltas says all there is. */
  takeChanges(): Message
  /** The shortest message that shows a peer with the same state that nothing is new; only where the engine has one. */
  encodeDigest?(): Message
  /** Takes these keys out here, in one go, and tells so; only where the engine can say that a key is gone. */
  delete?(keys: readonly string[]): void
  /** Forgets which messages it has merged, not what was in them; only where the engine keeps count of that. */
  forget?(): void
  /** From message to map, everything that the engine needs for it: this is what is timed. */
  receive(message: Message): void
  /** The map as the program that uses it would see it. */
  read(): ReadonlyMap<string, Value>
  /** What `run` receives becomes one transaction; only where the engine has such. */
  transact?(run: () => void): void
  /** Gives back memory that the collector does not see. The replica is not used afterwards. */
  free?(): void
}

export interface Engine {
  /** Short: a column of the table. */
  readonly name: string
  /** What its messages are, in a few words. */
  readonly about: string
  /** Must replicas that have told each other everything be equal? If so, a run in which they differ fails. */
  readonly converges: boolean
  /** Do other processes do its work? Their time is not in this one's, so elapsed time is taken. */
  readonly isElapsed?: boolean
  /** The engine whose rule it runs by other means: by that one its lost writes are counted. */
  readonly rule?: Engine
  /** Why it cannot take part on this machine, in a few words; undefined where it can. */
  missing?(): string | undefined
  /**
   * An empty replica. `now` is its clock, in Unix milliseconds, for an engine that looks at one.
   * Its messages depend on `writer`, `now` and what is done to it, and on nothing else.
   */
  create(writer: number, now: () => number): EngineReplica
}

export const freeAll = (replicas: readonly EngineReplica[]): void => {
  for (const replica of replicas) replica.free?.()
}

export const bytesOf = (message: Message): number =>
  typeof message === 'string' ? Buffer.byteLength(message) : message.length

/** The text of a message of an engine that speaks text. */
export const textOf = (message: Message): string => {
  if (typeof message !== 'string') throw new TypeError('this engine receives text, not bytes')
  return message
}

/** The bytes of a message of an engine that speaks bytes. */
export const binaryOf = (message: Message): Uint8Array => {
  if (typeof message === 'string') throw new TypeError('this engine receives bytes, not text')
  return message
}
