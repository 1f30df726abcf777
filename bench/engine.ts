/**
 * What the bench asks of an engine: replicas of a map that write, tell and receive. An engine is
 * one file in `engines/` and one line in `engines/index.ts`; whoever compares another library
 * writes these five methods and gets every workload, the checks and the lost writes.
 *
 * ```ts
 * const [a, b] = [engine.create(1), engine.create(2)]
 * a.set([['k', { n: 1 }]])
 * b.receive(a.takeChanges())
 * b.read()      // Map { 'k' => { n: 1 } }
 * ```
 */
import type { Json } from '../crdt/index.ts'

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
  /** Forgets which messages it has merged, not what was in them; only where the engine keeps count of that. */
  forget?(): void
  /** From message to map, everything that the engine needs for it: this is what is timed. */
  receive(message: Message): void
  /** The map as the program that uses it would see it. */
  read(): ReadonlyMap<string, Value>
}

export interface Engine {
  /** Short: a column of the table. */
  readonly name: string
  /** What its messages are, in a few words. */
  readonly about: string
  /** Must replicas that have told each other everything be equal? If so, a run in which they differ fails. */
  readonly converges: boolean
  /** An empty replica. Its messages depend on `writer` and on what is done to it, and on nothing else. */
  create(writer: number): EngineReplica
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
