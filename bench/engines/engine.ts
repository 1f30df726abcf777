/**
 * What the bench requires of an engine: replicas of a map that write, encode and receive. An engine
 * is one file in `engines/` and one line in `engines/index.ts`. Five methods give it every workload,
 * every check and the count of lost writes; `delete` adds the deletes, `createSequence` texts and lists. A library that is slow to
 * load is loaded by the first `create`.
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
export type Entries = ReadonlyMap<string, Value>

/** As it leaves the process: text counts in UTF-8 bytes. */
export type Message = string | Uint8Array

export interface EngineReplica {
  /** Writes all entries at once. */
  set(entries: readonly Entry[]): void
  /** The whole state, for an empty peer. Does not affect `takeChanges`. */
  encodeState(): Message
  /** What was written here since the last call. An engine without deltas returns its whole state. */
  takeChanges(): Message
  /** The shortest message that shows an equal peer that nothing is new, if the engine has one. */
  encodeDigest?(): Message
  /** Deletes all keys at once, if the engine can. */
  delete?(keys: readonly string[]): void
  /** Forgets which messages were merged, but not their content, if the engine keeps track of that. */
  forget?(): void
  /** Everything from message to map: this is what is timed. */
  receive(message: Message): void
  /** The map as a program would see it. */
  read(): Entries
  /** Makes everything that `run` receives one transaction, if the engine has transactions. */
  transact?(run: () => void): void
  /** Frees memory that the garbage collector does not see. The replica is not used afterwards. */
  free?(): void
}

/** A text and a list of numbers, which B1 and B2 of crdt-benchmarks edit. */
export interface SequenceReplica
  extends Pick<EngineReplica, 'encodeState' | 'takeChanges' | 'receive' | 'free'> {
  insertText(at: number, text: string): void
  deleteText(at: number, length: number): void
  insertNumbers(at: number, numbers: readonly number[]): void
  text(): string
  numbers(): readonly number[]
}

export interface Engine {
  /** Short: it heads a row. */
  readonly name: string
  readonly about: string
  /** Must replicas that exchanged everything be equal? If so, a run in which they differ fails. */
  readonly converges: boolean
  /** Do other processes do its work? Then elapsed time is measured, as this process's clock misses theirs. */
  readonly isElapsed?: boolean
  /** The engine with the same rule in this process: it stands in when lost writes are counted. */
  readonly rule?: Engine
  /** Why it cannot run on this machine; undefined if it can. */
  missing?(): string | undefined
  /**
   * An empty replica. `now` is its clock, in Unix milliseconds. Its messages depend on `writer`,
   * `now` and the calls it gets, and on nothing else.
   */
  create(writer: number, now: () => number): EngineReplica
  /** The same for a text and a list, if the engine has them. */
  createSequence?(writer: number): SequenceReplica
}

export const freeAll = (replicas: readonly EngineReplica[]): void => {
  for (const replica of replicas) replica.free?.()
}

export const bytesOf = (message: Message): number =>
  typeof message === 'string' ? Buffer.byteLength(message) : message.length

/** For an engine with text messages. */
export const textOf = (message: Message): string => {
  if (typeof message !== 'string') throw new TypeError('this engine receives text, not bytes')
  return message
}

/** For an engine with binary messages. */
export const binaryOf = (message: Message): Uint8Array => {
  if (typeof message === 'string') throw new TypeError('this engine receives bytes, not text')
  return message
}
