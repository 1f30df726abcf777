/**
 * Sends mutated messages and updates into a replica, and sealed ones into the envelope. Only a
 * Rejection may be thrown, and what is rejected must have changed nothing.
 *
 * ```ts
 * runFuzz({ messages: 2_000, seed: 1 })     // throws an Error with the command that replays it
 * ```
 */
import * as Y from 'yjs'
import {
  decodePush,
  digestBytes,
  encodePush,
  packUpdate,
  Rejection,
  Replica,
  unpackUpdate,
} from '../../../crdt/index.ts'
import { nodePlatform } from '../../../src/platform.ts'
import { openSealed, seal, tagOf } from '../../../src/transports/sealed/envelope.ts'
import { SwarmKeys } from '../../../src/transports/sealed/keys.ts'
import { pack, unpack } from '../../../src/transports/sealed/packing.ts'
import { change, docOf, readGolden } from '../../helpers/docs.ts'
import { Random } from '../../helpers/random.ts'
import { mutateBytes, mutateText } from './mutate.ts'

const GOLDEN = [
  'answer-part',
  'ask',
  'content',
  'digest-push',
  'empty-answer',
  'needs',
  'one-change',
  'two-documents',
].flatMap((name) => [name, `format-1/${name}`])

/** Messages into one replica. More would make each check of its state longer. */
const MESSAGES_A_REPLICA = 200

const SECRET = 'a secret of the fuzz run, long enough'

const ROUTE = { from: 'a', to: 'b' }

export interface FuzzOptions {
  readonly messages: number
  readonly seed: number
  /** Stands in for `Replica.apply`, so that a test can see a fault found. */
  readonly apply?: (replica: Replica, bytes: Uint8Array) => unknown
  /** Called now and then, with the number of messages so far. */
  readonly onProgress?: (messages: number) => void
}

export interface FuzzReport {
  readonly messages: number
  /** By outcome: a reason, or what became of the message. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Milliseconds of processor time of the longest message, and which one it was. */
  readonly longestMs: number
  readonly longest: string
  /** Bytes of the heap at the first quarter and at the end, after a collection if there is `gc`. */
  readonly heapBefore: number
  readonly heapAfter: number
}

/** What a rejected message must leave as it was. */
const imageOf = (replica: Replica): string => {
  const { doc } = replica
  const state = digestBytes(Y.encodeStateAsUpdate(doc), nodePlatform)
  const { updates, bytes } = replica.waiting
  const { pendingStructs, pendingDs } = doc.store
  return [replica.digest, state, updates, bytes, pendingStructs, pendingDs].join()
}

/** A replica, and the updates that are mutated: of the replica's history and of its future. */
class Scene {
  readonly replica = new Replica(docOf(9), nodePlatform)
  readonly updates: Uint8Array[] = []
  readonly texts: string[]
  image: string

  constructor(random: Random) {
    const sender = new Replica(docOf(1), nodePlatform)
    for (let i = 0; i < 12; i++) {
      const vector = Y.encodeStateVector(sender.doc)
      change(sender.doc, random)
      const update = Y.encodeStateAsUpdate(sender.doc, vector)
      if (i < 6) this.replica.apply(update)
      this.updates.push(update)
    }
    this.updates.push(Y.encodeStateAsUpdate(sender.doc))
    change(this.replica.doc, random)
    this.texts = [...GOLDEN.map(readGolden), ...this.updates.map(pushOf)]
    this.image = imageOf(this.replica)
  }
}

const pushOf = (bytes: Uint8Array): string => {
  const update = { bytes, digest: digestBytes(bytes, nodePlatform), needs: new Map() }
  return encodePush({
    version: 1,
    state: new Map([['kv', { update: packUpdate(update, nodePlatform) }]]),
    sender: '0:0000.0000.000A',
    timestamp: 1_750_000_000,
    swarm: 'kv',
    members: [],
  })
}

type Apply = NonNullable<FuzzOptions['apply']>

const receive = (replica: Replica, text: string, apply: Apply): void => {
  for (const { update, vector, deletes } of decodePush(text, 'kv').state.values()) {
    if (vector) replica.decode({ vector, ...(deletes && { deletes }) })
    if (update) apply(replica, unpackUpdate(update, nodePlatform))
  }
}

/** Runs it; the outcome. Throws an Error for anything but a Rejection that changed nothing. */
const outcomeOf = (scene: Scene, run: () => void): string => {
  let reason = 'accepted'
  try {
    run()
  } catch (error) {
    if (!(error instanceof Rejection)) throw new Error('threw no Rejection', { cause: error })
    if (error.reason === 'apply_failed') throw new Error('Yjs failed', { cause: error })
    reason = error.reason
  }
  const image = imageOf(scene.replica)
  // Of what is too costly a part is merged.
  if (reason !== 'accepted' && reason !== 'too_costly' && image !== scene.image)
    throw new Error(`rejected (${reason}), yet changed`)
  if (scene.replica.doc.store.pendingStructs || scene.replica.doc.store.pendingDs)
    throw new Error('structs or deletes wait inside the document')
  scene.image = image
  return reason
}

const keys = new SwarmKeys(SECRET, 'kv')

/** A mutated envelope must stay closed, and its packing must fail with an Error at most. */
const sealedOutcome = (text: string, random: Random): string => {
  const number = Buffer.alloc(12, random.int(0, 255))
  const envelope = seal(keys, ROUTE, number, text, 0)
  const mutated = mutateText(envelope, text, random)
  const opened = tagOf(mutated) === undefined ? undefined : openSealed(keys, ROUTE, mutated)
  // Base64 has bits that no byte holds, so a changed text can be the same envelope.
  if (opened && opened.text !== text) throw new Error('a mutated envelope was opened')
  try {
    unpack(Buffer.from(mutateBytes(pack(text), Buffer.from(text), random)), 2 ** 20)
  } catch (error) {
    if (!(error instanceof Error)) throw new Error('threw no Error', { cause: error })
  }
  return opened ? 'sealed: the same' : 'sealed: closed'
}

/** Milliseconds of processor time of this process; those of other programs do not count. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

const heapBytes = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

export const runFuzz = (options: FuzzOptions): FuzzReport => {
  const { messages, seed, apply = (replica, bytes) => replica.apply(bytes), onProgress } = options
  const outcomes: Record<string, number> = {}
  let longestMs = 0
  let longest = ''
  let heapBefore = 0
  // Each scene has a seed of its own, so that a failure replays without those before it.
  for (let first = 0; first < messages; first += MESSAGES_A_REPLICA) {
    const sceneSeed = seed + first / MESSAGES_A_REPLICA
    const random = new Random(sceneSeed)
    const scene = new Scene(random)
    const count = Math.min(MESSAGES_A_REPLICA, messages - first)
    for (let i = 0; i < count; i++) {
      const start = cpuMs()
      const kind = random.pick(['text', 'update', 'push', 'sealed'] as const)
      const text = random.pick(scene.texts)
      const update = random.pick(scene.updates)
      const other = random.pick(scene.updates)
      try {
        const outcome =
          kind === 'sealed'
            ? sealedOutcome(text, random)
            : outcomeOf(scene, () => {
                if (kind === 'update')
                  return void apply(scene.replica, mutateBytes(update, other, random))
                const mutated =
                  kind === 'text'
                    ? mutateText(text, random.pick(scene.texts), random)
                    : // An update that is damaged before it is packed has a right digest.
                      pushOf(mutateBytes(update, other, random))
                receive(scene.replica, mutated, apply)
              })
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
      } catch (error) {
        const { message, cause } = error as Error
        throw new Error(
          `message ${i} (${kind}): ${message}${cause ? `: ${cause}` : ''}\n` +
            `  replay: npm run fuzz -- --messages ${i + 1} --seed ${sceneSeed}`,
          { cause: error },
        )
      }
      const ms = cpuMs() - start
      if (ms > longestMs) [longestMs, longest] = [ms, `message ${i} of seed ${sceneSeed} (${kind})`]
    }
    scene.replica.destroy()
    const done = first + count
    if (heapBefore === 0 && done >= messages / 4) heapBefore = heapBytes()
    onProgress?.(done)
  }
  return { messages, outcomes, longestMs, longest, heapBefore, heapAfter: heapBytes() }
}
