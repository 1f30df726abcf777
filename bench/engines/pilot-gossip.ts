/**
 * Our own path: the text of a `gossip_push` is decoded and checked; its update is unpacked, hashed,
 * inspected, gated and applied. Like the agent, the engine skips an update whose digest it has
 * merged before, and compares the digest of a state with its own.
 */
import * as Y from 'yjs'
import {
  type Delta,
  type DocState,
  decodePush,
  emptyDeletes,
  encodePush,
  mergeDeltas,
  packUpdate,
  Replica,
  unpackUpdate,
} from '../../crdt/index.ts'
import { DEFAULT_MAP, deleteEntry, hotNeedsOf, useClock } from '../../src/maps/index.ts'
import { nodePlatform as platform } from '../../src/platform.ts'
import {
  type Engine,
  type EngineReplica,
  type Message,
  type SequenceReplica,
  textOf,
} from './engine.ts'
import { hot, type Layout, plain, readMap } from './layouts.ts'

const SWARM = 'bench'
const DOCUMENT = 'kv'
/** A push with the digest of a state also names five members. */
const MEMBERS = ['B', 'C', 'D', 'E', 'F'].map((digit) => `0:0000.0000.000${digit}`)

/** What every replica does with messages, whatever its document holds. */
const messagesOf = (doc: Y.Doc) => {
  const replica = new Replica(doc, platform)
  const merged = new Set<string>()
  const pack = (delta: Delta) => {
    const { needs, ...update } = replica.encode(delta)
    const all = new Map(needs)
    for (const [other, clock] of hotNeedsOf(doc, delta)) {
      all.set(other, Math.max(clock, all.get(other) ?? 0))
    }
    return packUpdate({ ...update, needs: all }, platform)
  }
  const push = (state: DocState) =>
    encodePush({
      version: replica.version,
      state: new Map([[DOCUMENT, state]]),
      sender: '0:0000.0000.000A',
      timestamp: 1_750_000_000,
      swarm: SWARM,
      members: state.digest === undefined ? [] : MEMBERS,
    })
  return {
    encodeState() {
      const all = replica.lacking({ clocks: new Map(), deletes: emptyDeletes() })
      return push({ digest: replica.digest, update: pack(all), answer: true })
    },
    takeChanges: () => push({ update: pack(mergeDeltas(replica.takeLocal())) }),
    encodeDigest: () => push({ digest: replica.digest }),
    forget: () => merged.clear(),
    receive(message: Message) {
      for (const { update, digest, answer } of decodePush(textOf(message), SWARM).state.values()) {
        if (update && !merged.has(update.digest)) {
          const { status } = replica.apply(unpackUpdate(update, platform), update.needs)
          if (status !== 'waiting') merged.add(update.digest)
        }
        if (digest !== undefined && !answer && digest !== replica.digest) {
          throw new Error(
            `digest ${digest} differs from ours: the agent would request the difference`,
          )
        }
      }
    },
  }
}

const create = (layout: Layout, writer: number, now: () => number): EngineReplica => {
  const doc = new Y.Doc()
  doc.clientID = writer
  useClock(doc, now)
  return {
    ...messagesOf(doc),
    set: (entries) => layout.writeAll(doc, entries),
    delete: (keys) =>
      doc.transact(() => {
        for (const key of keys) deleteEntry(doc, DEFAULT_MAP, key)
      }),
    read: () => readMap(doc),
  }
}

const createSequence = (writer: number): SequenceReplica => {
  const doc = new Y.Doc()
  doc.clientID = writer
  const [text, list] = [doc.getText('text'), doc.getArray<number>('list')]
  return {
    ...messagesOf(doc),
    insertText: (at, inserted) => text.insert(at, inserted),
    deleteText: (at, length) => text.delete(at, length),
    insertNumbers: (at, numbers) => list.insert(at, [...numbers]),
    text: () => text.toString(),
    numbers: () => list.toArray(),
  }
}

export const pilotGossip: Engine = {
  name: 'pilot-gossip',
  about: 'gossip_push text: decoded, checked, inflated, hashed, inspected, gated, applied',
  converges: true,
  create: (writer, now) => create(plain, writer, now),
  createSequence,
}

export const pilotGossipHot: Engine = {
  name: 'pilot-gossip hot',
  about: 'the same with hot entries, whose index is kept up; the later write wins',
  converges: true,
  create: (writer, now) => create(hot, writer, now),
}
