/**
 * Our own path: the text of a `gossip_push` is decoded and checked, its update unpacked, hashed,
 * inspected, gated and applied. As the agent does, it passes over an update that it has merged
 * before, by its digest, and compares the digest of a state with its own.
 */
import * as Y from 'yjs'
import {
  type DocState,
  decodePush,
  emptyDeletes,
  encodePush,
  mergeDeltas,
  packUpdate,
  Replica,
  unpackUpdate,
} from '../../crdt/index.ts'
import { DEFAULT_MAP } from '../../src/maps.ts'
import { nodePlatform as platform } from '../../src/platform.ts'
import { type Engine, textOf, type Value } from '../engine.ts'

const SWARM = 'bench'
const DOCUMENT = 'kv'
/** A push that names the digest of a state also names five members. */
const MEMBERS = ['B', 'C', 'D', 'E', 'F'].map((digit) => `0:0000.0000.000${digit}`)

export const pilotGossip: Engine = {
  name: 'pilot-gossip',
  about: 'gossip_push text: decoded, checked, inflated, hashed, inspected, gated, applied',
  converges: true,
  create(writer) {
    const doc = new Y.Doc()
    doc.clientID = writer
    const map = doc.getMap<Value>(DEFAULT_MAP)
    const replica = new Replica(doc, platform)
    const merged = new Set<string>()
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
      set(entries) {
        doc.transact(() => {
          for (const [key, value] of entries) map.set(key, value)
        })
      },
      encodeState() {
        const all = replica.lacking({ clocks: new Map(), deletes: emptyDeletes() })
        const update = packUpdate(replica.encode(all), platform)
        return push({ digest: replica.digest, update, answer: true })
      },
      takeChanges: () =>
        push({ update: packUpdate(replica.encode(mergeDeltas(replica.takeLocal())), platform) }),
      encodeDigest: () => push({ digest: replica.digest }),
      forget: () => merged.clear(),
      receive(message) {
        for (const { update, digest, answer } of decodePush(
          textOf(message),
          SWARM,
        ).state.values()) {
          if (update && !merged.has(update.digest)) {
            const { status } = replica.apply(unpackUpdate(update, platform), update.needs)
            if (status !== 'waiting') merged.add(update.digest)
          }
          if (digest !== undefined && !answer && digest !== replica.digest) {
            throw new Error(`digest ${digest} is not ours: the agent would ask for the difference`)
          }
        }
      },
      read: () => new Map(map.entries()),
    }
  },
}
