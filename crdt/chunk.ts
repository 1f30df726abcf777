/**
 * Cuts a delta that is too long for one message. Each chunk can be merged after the chunks before
 * it: structs are taken in causal order (what a struct refers to comes first), and deletes come
 * last, so that no key vanishes before its successor is there.
 *
 * If a key was overwritten several times, all values but the last are deleted already and delete
 * what they replace: a chunk with such a value needs the later one (`needs.ts`).
 *
 * ```js
 * for (let rest = delta; rest; ) { const cut = takeChunk(doc, rest, 64_000); send(cut.chunk); rest = cut.rest }
 * ```
 */
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { countRuns, emptyDeletes, hasDeletes } from './deletes.ts'
import { type ClockRun, type Delta, isEmptyDelta } from './delta.ts'
import { isHighSurrogate } from './text.ts'
import * as yjsInner from './yjs-inner.ts'

export interface Cut {
  readonly chunk: Delta
  /** What is left to send; undefined if there is nothing. */
  readonly rest: Delta | undefined
}

/** Bytes before a writer's runs in a delete set: its id of 53 bits, and the number of runs. */
const HEAD_BYTES = 12

/** Bytes of a number in Yjs's encoding. */
const bytesOf = (number: number): number => Math.max(1, Math.ceil(Math.log2(number + 1) / 7))

/**
 * What `item` refers to. A struct that is cut at its start refers to its own predecessor, which was
 * sent.
 */
const references = (item: Y.Item): Y.ID[] => {
  const ids: Y.ID[] = []
  if (item.origin) ids.push(item.origin)
  if (item.rightOrigin) ids.push(item.rightOrigin)
  const parent = item.parent
  const holder = parent instanceof Y.AbstractType ? yjsInner.holderOf(parent) : null
  if (ids.length === 0 && holder) ids.push(holder.id)
  return ids
}

/**
 * How many clocks of `struct` to take, from `clock` up to `end`, if there is room for about this
 * `share` of its bytes. At least one, and never half a character, which Yjs would replace.
 */
const cutAt = (struct: Y.Item | Y.GC, clock: number, end: number, share: number): number => {
  const count = Math.max(1, Math.floor((end - clock) * share))
  if (!(struct instanceof Y.Item && struct.content instanceof Y.ContentString)) return count
  const last = struct.content.str.charCodeAt(clock - struct.id.clock + count - 1)
  if (!isHighSurrogate(last)) return count
  return count > 1 ? count - 1 : Math.min(2, end - clock)
}

interface Taken {
  /** Writer → clock reached. */
  readonly reached: ReadonlyMap<number, number>
  /** Bytes of the visited structs, the last of which may be taken in part. */
  readonly bytes: number
}

/** Takes structs in causal order until `maxBytes` are full; at least a part of one. */
const takeStructs = (doc: Y.Doc, delta: Delta, maxBytes: number): Taken => {
  const reached = new Map<number, number>()
  const cursor = (writer: number) => reached.get(writer) ?? delta.structs.get(writer)!.from
  /** The writer of a struct that must come first, if any. */
  const blockedBy = (item: Y.Item): number | undefined =>
    references(item).find((id) => {
      const run = delta.structs.get(id.client)
      return (
        run && id.client !== item.id.client && id.clock >= cursor(id.client) && id.clock < run.to
      )
    })?.client

  const scratch = new Y.UpdateEncoderV1()
  // The longest run comes first: short ones often arrive another way meanwhile. Peers that lack the
  // same long run then get the same chunks of it, whatever short runs each of them lacks.
  const lengthOf = ([, { from, to }]: [number, ClockRun]): number => to - from
  const queue = [...delta.structs]
    .sort((a, b) => lengthOf(a) - lengthOf(b) || a[0] - b[0])
    .map(([writer]) => writer)
  const stack: number[] = []
  while (encoding.length(scratch.restEncoder) < maxBytes) {
    const writer = stack.at(-1) ?? queue.at(-1)
    if (writer === undefined) break
    const clock = cursor(writer)
    if (clock >= delta.structs.get(writer)!.to) {
      if (stack.length > 0) stack.pop()
      else queue.pop()
      continue
    }
    const structs = yjsInner.storedStructs(doc, writer)!
    const struct = structs[Y.findIndexSS(structs, clock)]!
    const blocker = struct instanceof Y.Item ? blockedBy(struct) : undefined
    if (blocker !== undefined) {
      stack.push(blocker)
      continue
    }
    const before = encoding.length(scratch.restEncoder)
    struct.write(scratch, clock - struct.id.clock)
    const room = maxBytes - before
    const bytes = encoding.length(scratch.restEncoder) - before
    const end = Math.min(struct.id.clock + struct.length, delta.structs.get(writer)!.to)
    // A long run of text or of an array is one struct: it is cut where the room ends.
    reached.set(writer, bytes <= room ? end : clock + cutAt(struct, clock, end, room / bytes))
    stack.pop()
  }
  return { reached, bytes: encoding.length(scratch.restEncoder) }
}

/** Takes up to `maxBytes` of deletes, at least one run, and returns the rest. */
const takeDeletes = (delta: Delta, maxBytes: number): Cut => {
  const taken = emptyDeletes()
  const left = emptyDeletes()
  let bytes = 0
  for (const [writer, runs] of delta.deletes.clients) {
    bytes += HEAD_BYTES
    let count = 0
    for (const { clock, len } of runs) {
      bytes += bytesOf(clock) + bytesOf(len)
      if (bytes > maxBytes && (count > 0 || hasDeletes(taken))) break
      count++
    }
    if (count > 0) taken.clients.set(writer, runs.slice(0, count))
    if (count < runs.length) left.clients.set(writer, runs.slice(count))
  }
  const structs: Delta['structs'] = new Map()
  return {
    chunk: { structs, deletes: taken },
    rest: hasDeletes(left) ? { structs, deletes: left } : undefined,
  }
}

/** Bytes of a run of deletes; nearly all take less. */
const TYPICAL_RUN_BYTES = 8

/**
 * Does all of `delta` take no more than about `maxBytes` bytes of V1? Costs as much as encoding
 * that many.
 */
export const fitsChunk = (doc: Y.Doc, delta: Delta, maxBytes: number): boolean => {
  if (countRuns(delta.deletes) * TYPICAL_RUN_BYTES > maxBytes) return false
  const { reached, bytes } = takeStructs(doc, delta, maxBytes)
  if (bytes > maxBytes) return false
  return [...delta.structs].every(([writer, { to }]) => reached.get(writer) === to)
}

/**
 * Takes the next chunk of `delta`, about `maxBytes` bytes of V1 (more only if a single value is
 * longer), and returns the rest.
 */
export const takeChunk = (doc: Y.Doc, delta: Delta, maxBytes: number): Cut => {
  if (delta.structs.size === 0) return takeDeletes(delta, maxBytes)
  const { reached } = takeStructs(doc, delta, maxBytes)
  const taken = new Map<number, ClockRun>()
  const left = new Map<number, ClockRun>()
  for (const [writer, run] of delta.structs) {
    const to = reached.get(writer) ?? run.from
    if (to > run.from) taken.set(writer, { from: run.from, to })
    if (to < run.to) left.set(writer, { from: to, to: run.to })
  }
  const rest: Delta = { structs: left, deletes: delta.deletes }
  return {
    chunk: { structs: taken, deletes: emptyDeletes() },
    rest: isEmptyDelta(rest) ? undefined : rest,
  }
}
