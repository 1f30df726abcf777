/**
 * Attacks by messages: texts that are not quite a `gossip_push`, or one that costs more than its
 * length.
 *
 * ```ts
 * for (const text of MESSAGES[0].make()) rejects(() => decodePush(text, 'kv'))
 * ```
 */
import { digestBytes } from '../../crdt/index.ts'
import { nodePlatform } from '../platform.ts'
import { byMessages, HOSTILE, type MessageAttack, type Scene, times } from './attack.ts'
import { forge, forged } from './forge.ts'

type Fields = Readonly<Record<string, unknown>>

const DIGEST = 'd'.repeat(22)

/** The text of a push with these fields in place of honest ones. */
const push = ({ swarm }: Scene, state: unknown, fields: Fields = {}): string =>
  JSON.stringify({
    type: 'gossip_push',
    version: 1,
    state,
    sender: '0:0000.0000.000A',
    timestamp: '1750000000',
    swarm,
    format: 2,
    ...fields,
  })

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** An update as a push carries it, with these fields in place of honest ones. */
const packed = (bytes: Uint8Array, fields: Fields = {}): Fields => ({
  data: base64(bytes),
  encoding: 'v1',
  length: bytes.length,
  digest: digestBytes(bytes, nodePlatform),
  ...fields,
})

const withUpdate = (scene: Scene, bytes: Uint8Array, fields: Fields = {}): string =>
  push(scene, { [scene.swarm]: { update: packed(bytes, fields) } })

const entry = ({ map }: Scene): Uint8Array =>
  forge([{ writer: HOSTILE, structs: [forged.any({ parent: map, key: 'evil' }, [1])] }])

export const MESSAGES: readonly MessageAttack[] = [
  byMessages(
    {
      name: 'message-shape',
      description: 'texts that are no JSON, no object, or a push with fields of the wrong type',
      expected: 'rejected',
      why: 'a reader that trusts the shape fails in the middle of its work',
    },
    (scene) => [
      '',
      'null',
      '[]',
      '{',
      '{"type":"gossip_push"}',
      push(scene, []),
      push(scene, { [scene.swarm]: 1 }),
      push(scene, {}, { sender: 1 }),
      push(scene, {}, { timestamp: {} }),
      push(scene, {}, { version: -1 }),
      push(scene, {}, { swarm: 'other' }),
      push(scene, {}, { format: 99 }),
      push(scene, {}, { members: [1] }),
      push(scene, { [scene.swarm]: { digest: 7 } }),
      push(scene, { [scene.swarm]: { vector: '!' } }),
      push(scene, { [scene.swarm]: { update: [] } }),
    ],
  ),
  byMessages(
    {
      name: 'message-nested',
      description: 'a text of 200,000 brackets',
      expected: 'rejected',
      why: 'what is parsed by recursion, or shown by it, runs out of stack',
    },
    (scene) => [
      '['.repeat(200_000),
      push(scene, {}).replace('"state":{}', `"state":${'['.repeat(200_000)}${']'.repeat(200_000)}`),
    ],
  ),
  byMessages(
    {
      name: 'message-many',
      description: 'more documents, members and characters of names than a push may have',
      expected: 'rejected',
      why: 'each name costs a place in a table of peers or documents',
    },
    (scene) => [
      push(scene, Object.fromEntries(times(300, (i) => [`d${i}`, { digest: DIGEST }]))),
      push(scene, {}, { members: times(100, (i) => `0:0000.0000.${i}`) }),
      push(scene, {}, { members: ['m'.repeat(10_000)] }),
      push(scene, {}, { sender: 's'.repeat(10_000) }),
    ],
  ),
  byMessages(
    {
      name: 'update-damaged',
      description: 'updates whose length, digest, encoding or base64 is wrong',
      expected: 'rejected',
      why: 'Yjs merges what it can of a damaged update',
    },
    (scene) => {
      const bytes = entry(scene)
      return [
        withUpdate(scene, bytes, { length: bytes.length + 1 }),
        withUpdate(scene, bytes, { length: 0 }),
        withUpdate(scene, bytes, { digest: 'A'.repeat(22) }),
        withUpdate(scene, bytes, { encoding: 'v2' }),
        withUpdate(scene, bytes, { encoding: 'v1+deflate' }),
        withUpdate(scene, bytes, { data: '????' }),
        withUpdate(scene, bytes.slice(0, -3)),
        withUpdate(scene, bytes, { needs: base64(Uint8Array.of(5, 255, 255)) }),
      ]
    },
  ),
  byMessages(
    {
      name: 'update-bomb',
      description: 'updates that inflate to more than they announce, or than is allowed',
      expected: 'rejected',
      why: 'a thousandth of the memory that they take travels',
    },
    (scene) => {
      const zeros = new Uint8Array(8 * 2 ** 20)
      const data = base64(nodePlatform.deflate(zeros))
      const encoding = 'v1+deflate'
      return [
        withUpdate(scene, zeros, { data, encoding, length: 100 }),
        withUpdate(scene, zeros, { data, encoding, length: 2 ** 40 }),
        withUpdate(scene, zeros, { data, encoding }),
      ]
    },
  ),
  byMessages(
    {
      name: 'update-deflated-items',
      description: 'an update of 200,000 equal items, which deflates to a few hundred bytes',
      expected: 'rejected',
      why: 'each byte of the message takes some hundred times 250 bytes of memory',
    },
    (scene) => {
      const structs = times(scene.size * 200_000, () => forged.gc(1))
      const bytes = forge([{ writer: HOSTILE, structs }])
      const data = base64(nodePlatform.deflate(bytes))
      return [withUpdate(scene, bytes, { data, encoding: 'v1+deflate' })]
    },
  ),
]
