/**
 * `gossip_push` to text and back: stored golden messages, every field damaged in turn, every limit.
 * The goldens are written again only with UPDATE_GOLDEN=1.
 */
import { fromBase64, toBase64 } from 'lib0/buffer'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import {
  type DocState,
  decodePush,
  digestBytes,
  emptyDeletes,
  encodePush,
  LIMITS,
  type Limits,
  type PackedUpdate,
  type Push,
  PushReader,
  packUpdate,
  Rejection,
  type Replica,
  unpackUpdate,
} from '../../crdt/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import {
  docOf,
  forge,
  forged,
  golden,
  readGolden,
  replicaOf,
  spyPlatform,
} from '../helpers/docs.ts'
import { eachSeed, Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('codec')

const reasonOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    assert.ok(error.message.length < 300, 'a message for people is short')
    return error.reason
  }
  throw new Error('was accepted')
}

const push = (state: Record<string, DocState>, more: Partial<Push> = {}): Push => ({
  format: 2,
  reads: 2,
  version: 12,
  state: new Map(Object.entries(state)),
  sender: '0:0000.0000.000A',
  timestamp: 1_750_000_000,
  swarm: 'kv',
  members: [],
  ...more,
})

/** Part of an update, and the clocks that it needs: an overwritten value without its winner. */
const needy = (): { replica: Replica; update: PackedUpdate } => {
  const replica = replicaOf(1)
  replica.doc.getMap('map').set('k', 'first')
  replica.doc.getMap('other').set('x', 1)
  replica.doc.getMap('map').set('k', 'second')
  const structs = new Map([[1, { from: 0, to: 1 }]])
  const update = packUpdate(replica.encode({ structs, deletes: emptyDeletes() }), nodePlatform)
  return { replica, update }
}

/** Writer 1 with four entries, two of which are deleted. Its bytes are the same in each run. */
const small = (): Replica => {
  const replica = replicaOf(1)
  const map = replica.doc.getMap('map')
  map.set('greeting', 'hello')
  map.set('count', 1)
  map.set('count', 2)
  map.set('gone', true)
  map.delete('gone')
  return replica
}

const oneChange = (): { replica: Replica; update: PackedUpdate } => {
  const replica = small()
  replica.doc.getMap('map').set('greeting', 'hello again')
  const before = small()
  const delta = replica.lacking(before.decode(before.syncRequest()))
  return { replica, update: packUpdate(replica.encode(delta), nodePlatform) }
}

const whole = (replica: Replica): PackedUpdate =>
  packUpdate(
    replica.encode(replica.lacking({ clocks: new Map(), deletes: undefined })),
    nodePlatform,
  )

/** A first part of a long answer, long enough to be deflated. */
const large = (): Replica => {
  const replica = replicaOf(2)
  for (let i = 0; i < 40; i++) replica.doc.getMap('map').set(`key-${i}`, `a value of key ${i}`)
  return replica
}

/** The digest of the content, and the hash of each writer. */
const contents = (): Pick<DocState, 'content' | 'writers'> => {
  const { content, writers } = small().published
  return {
    content: content!,
    writers: new Map([...writers!, [2 ** 53 - 1, '00ff00ff00ff00ff']]),
  }
}

/** Golden messages, and whether every build of zlib gives the same bytes. */
const GOLDENS: Record<string, { readonly make: () => Push; readonly exact: boolean }> = {
  'digest-push': {
    make: () =>
      push(
        { kv: { digest: small().digest } },
        { members: ['0:0000.0000.000B', '0:0000.0000.000C'], version: small().version },
      ),
    exact: true,
  },
  'one-change': {
    make: () => {
      const { replica, update } = oneChange()
      return push({ kv: { update } }, { version: replica.version })
    },
    exact: true,
  },
  needs: {
    make: () => {
      const { replica, update } = needy()
      return push({ kv: { update } }, { version: replica.version })
    },
    exact: true,
  },
  ask: {
    make: () => {
      const replica = small()
      return push({ kv: { digest: replica.digest, ...replica.syncRequest() } })
    },
    exact: true,
  },
  'empty-answer': {
    make: () => push({ kv: { digest: small().digest, answer: true } }),
    exact: true,
  },
  content: {
    make: () => push({ kv: { digest: small().digest, ...contents() } }),
    exact: true,
  },
  'two-documents': {
    make: () =>
      push(
        { 'план 🦜': { digest: small().digest }, b: { digest: large().digest } },
        { swarm: 'рой', sender: 'агент-7' },
      ),
    exact: true,
  },
  'answer-part': {
    make: () => {
      const replica = large()
      return push({
        kv: { digest: replica.digest, update: whole(replica), answer: true, more: true },
      })
    },
    exact: false,
  },
}

for (const [name, { make, exact }] of Object.entries(GOLDENS)) {
  test(`golden ${name} decodes to what it was${exact ? ', and encodes to the same bytes' : ''}`, () => {
    const text = golden(name, () => encodePush(make()))
    const expected = make()
    const decoded = decodePush(text, expected.swarm)
    if (exact) {
      assert.equal(decoded, expected)
      assert.is(encodePush(expected), text)
    } else {
      // Other builds of zlib deflate to other bytes, which inflate to the same.
      const inflated = (p: Push) => ({
        ...p,
        state: [...p.state].map(([document, { update, ...state }]) => [
          document,
          state,
          update && {
            ...update,
            data: toBase64(unpackUpdate(update, nodePlatform)),
          },
        ]),
      })
      assert.equal(inflated(decoded), inflated(expected))
    }
    assert.not.match(text, /\n/)
  })
}

for (const [name, { make }] of Object.entries(GOLDENS)) {
  test(`golden ${name} of format 1 is still read`, () => {
    const expected = make()
    const decoded = decodePush(readGolden(`format-1/${name}`), expected.swarm)
    assert.is(decoded.format, 1)
    assert.is(decoded.reads, 1)
    assert.equal([...decoded.state.keys()], [...expected.state.keys()])
    for (const [document, state] of expected.state) {
      const { digest, content, writers, ...others } = decoded.state.get(document)!
      const { digest: newer, content: _, writers: __, ...same } = state
      assert.is(digest === undefined, newer === undefined)
      if (digest !== undefined) assert.match(digest, /^[0-9a-f]{32}$/)
      assert.equal([content, writers], [undefined, undefined])
      assert.equal(Object.keys(others), Object.keys(same))
    }
  })
}

test('golden digest of format 1 is the snapshot digest of that document', () => {
  const { state } = decodePush(readGolden('format-1/digest-push'), 'kv')
  assert.ok(small().published.hasDigest(state.get('kv')!.digest!))
  assert.not.ok(large().published.hasDigest(state.get('kv')!.digest!))
})

test('format 1 is written on request, and says which format is read', () => {
  const text = encodePush(push({ kv: { digest: small().published.snapshotDigest } }, { format: 1 }))
  const { format, reads } = decodePush(text, 'kv')
  assert.equal([format, reads], [1, 2])
})

test('golden whole state makes the document when it is unpacked', () => {
  const { state } = decodePush(readGolden('answer-part'), 'kv')
  const update = state.get('kv')!.update!
  assert.is(update.encoding, 'v1+deflate')
  const replica = replicaOf(9)
  replica.apply(unpackUpdate(update, nodePlatform))
  assert.is(replica.digest, state.get('kv')!.digest)
  assert.equal(replica.doc.getMap('map').toJSON(), large().doc.getMap('map').toJSON())
})

test('an encoded push begins with the five fields of the seed’s message, in its order and with its types', () => {
  const message = JSON.parse(encodePush(push({ kv: { digest: small().digest } })))
  assert.equal(Object.keys(message).slice(0, 5), [
    'type',
    'version',
    'state',
    'sender',
    'timestamp',
  ])
  assert.is(message.type, 'gossip_push')
  assert.type(message.version, 'number')
  assert.type(message.state, 'object')
  assert.type(message.sender, 'string')
  assert.match(message.timestamp, /^\d+$/)
})

test('needs travel with the update; without needs the field is absent', () => {
  const { update } = needy()
  assert.equal(update.needs, new Map([[1, 3]]))
  assert.not.ok('needs' in oneChange().update)
  const { state } = decodePush(readGolden('needs'), 'kv')
  assert.equal(state.get('kv')!.update!.needs, new Map([[1, 3]]))
})

test('any push decodes to what it was', () => {
  eachSeed(300, (random) => {
    const states: Record<string, DocState> = {}
    for (let i = random.int(1, 4); i > 0; i--) {
      const replica = random.pick([small, large, () => oneChange().replica])()
      const update = random.pick([whole(replica), needy().update])
      states[`${random.text(random.int(1, 8))}${i}`] = {
        ...(random.chance(0.5) && { update }),
        ...(random.chance(0.3) && replica.syncRequest()),
        ...(random.chance(0.3) && contents()),
        ...(random.chance(0.5) && {
          answer: true,
          ...(random.chance(0.5) && { more: true }),
        }),
        digest: replica.digest,
      }
    }
    const sent = push(states, {
      version: random.int(0, 2 ** 52),
      sender: `s${random.text(4)}`,
      members: Array.from({ length: random.int(0, 5) }, (_, i) => `m${i}${random.text(3)}`),
    })
    assert.equal(decodePush(encodePush(sent), 'kv'), sent)
  })
})

// Rejections

type Json = Record<string, unknown>

/** A push with all fields, as JSON to be damaged. */
const complete = (): Json & { state: { kv: Json & { update: Json } } } => {
  const { replica, update } = needy()
  return JSON.parse(
    encodePush(
      push(
        {
          kv: {
            digest: replica.digest,
            ...contents(),
            ...replica.syncRequest(),
            update,
            answer: true,
            more: true,
          },
        },
        { members: ['a', 'b'] },
      ),
    ),
  )
}

const rejectedAs = (damage: (message: ReturnType<typeof complete>) => void): string => {
  const message = complete()
  damage(message)
  return reasonOf(() => decodePush(JSON.stringify(message), 'kv'))
}

test('the complete message is valid before it is damaged below', () => {
  assert.is(decodePush(JSON.stringify(complete()), 'kv').state.size, 1)
})

const WRONG: readonly unknown[] = [null, true, -1, 1.5, '', 'x', '§', [], {}, [1], 2 ** 60]

/** Path → reasons for which it may be rejected, and values that are valid there. */
const FIELDS: Record<string, { reasons: string[]; right?: (value: unknown) => boolean }> = {
  type: { reasons: ['malformed'] },
  version: { reasons: ['malformed'] },
  state: {
    reasons: ['malformed'],
    // A push without documents shows only that its sender is alive.
    right: (value) => JSON.stringify(value) === '{}',
  },
  sender: {
    reasons: ['malformed'],
    right: (value) => typeof value === 'string' && value.length > 0,
  },
  timestamp: { reasons: ['malformed'] },
  swarm: { reasons: ['wrong_swarm'] },
  format: { reasons: ['wrong_format'] },
  members: {
    reasons: ['malformed'],
    right: (value) => Array.isArray(value) && value.length === 0,
  },
  'state.kv': { reasons: ['malformed'] },
  'state.kv.digest': { reasons: ['malformed'] },
  'state.kv.content': { reasons: ['malformed'] },
  'state.kv.writers': { reasons: ['malformed'], right: (value) => value === '' },
  'state.kv.vector': { reasons: ['malformed'], right: (value) => value === '' },
  'state.kv.deletes': { reasons: ['malformed'], right: (value) => value === '' },
  'state.kv.update': { reasons: ['malformed', 'wrong_encoding'] },
  'state.kv.update.data': { reasons: ['malformed'], right: (value) => value === '' },
  'state.kv.update.encoding': { reasons: ['wrong_encoding'] },
  'state.kv.update.length': { reasons: ['malformed'] },
  'state.kv.update.digest': { reasons: ['malformed'] },
  'state.kv.update.needs': { reasons: ['malformed'] },
}

/** A push is valid without these. */
const OPTIONAL = [
  'state.kv',
  'members',
  'state.kv.digest',
  'state.kv.content',
  'state.kv.writers',
  'state.kv.vector',
  'state.kv.deletes',
  'state.kv.update.needs',
  'state.kv.update',
]

for (const [path, { reasons, right }] of Object.entries(FIELDS)) {
  test(`a wrong or missing ${path} is rejected as ${reasons.join(' or ')}`, () => {
    const names = path.split('.')
    const holderOf = (message: Json): Json =>
      names.slice(0, -1).reduce((at, name) => at[name] as Json, message)
    for (const value of WRONG) {
      const set = (message: Json) => {
        holderOf(message)[names.at(-1)!] = value
      }
      if (right?.(value)) {
        const message = complete()
        set(message)
        decodePush(JSON.stringify(message), 'kv')
      } else {
        const reason = rejectedAs(set)
        assert.ok(reasons.includes(reason), `${JSON.stringify(value)}: ${reason}`)
      }
    }
    const drop = (message: Json) => {
      delete holderOf(message)[names.at(-1)!]
    }
    if (OPTIONAL.includes(path)) {
      const message = complete()
      drop(message)
      decodePush(JSON.stringify(message), 'kv')
    } else {
      assert.ok(reasons.includes(rejectedAs(drop)), 'missing')
    }
  })
}

test('malformed text: no JSON, JSON that is not a push, a text cut short', () => {
  const text = JSON.stringify(complete())
  const texts = [
    '',
    ' ',
    'null',
    '1',
    '"gossip_push"',
    '[]',
    '{}',
    '{"type":"other"}',
    'gossip_push',
  ]
  for (const bad of texts)
    assert.is(
      reasonOf(() => decodePush(bad, 'kv')),
      'malformed',
      bad,
    )
  for (let length = 0; length < text.length; length += 7)
    assert.is(
      reasonOf(() => decodePush(text.slice(0, length), 'kv')),
      'malformed',
    )
})

test('values that cannot be shown are rejected all the same, nested too deep or with half a character', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  assert.is(
    reasonOf(() => decodePush(deep, 'kv')),
    'malformed',
  )
  const inside = `{"type":"gossip_push","swarm":${deep}}`
  assert.is(
    reasonOf(() => decodePush(inside, 'kv')),
    'wrong_swarm',
  )
  assert.not.ok(new PushReader('kv').accepts(inside))
  const half = `${JSON.stringify(complete()).slice(0, -1)},"x":"\ud800"}`
  assert.is(decodePush(half, 'kv').swarm, 'kv')
})

test('a document name may be any text', () => {
  for (const name of ['__proto__', 'constructor', 'prototype']) {
    const text = `{"type":"gossip_push","version":1,"state":{"${name}":{"digest":"${'0'.repeat(22)}"}},"sender":"a","timestamp":"1","swarm":"kv","format":2}`
    const read = decodePush(text, 'kv')
    assert.equal([...read.state.keys()], [name])
    assert.is(encodePush(read).replace(',"members":[]', ''), text)
  }
})

test('another swarm’s push is rejected, as is the seed’s, which names no swarm', () => {
  const other = encodePush(push({}, { swarm: 'other' }))
  assert.is(
    reasonOf(() => decodePush(other, 'kv')),
    'wrong_swarm',
  )
  const seed =
    '{"type":"gossip_push","version":3,"state":{"k":1},"sender":"7","timestamp":"1750000000"}'
  assert.is(
    reasonOf(() => decodePush(seed, 'kv')),
    'wrong_swarm',
  )
  assert.not.ok(new PushReader('kv').accepts(seed))
})

test('a later format is rejected as such, whatever else the message says', () => {
  for (const format of [0, 3, '1', null]) {
    assert.is(
      rejectedAs((message) => Object.assign(message, { format, version: 'x', state: 7 })),
      'wrong_format',
    )
  }
})

test('unknown fields are ignored at every level', () => {
  const message = complete()
  const plain = decodePush(JSON.stringify(message), 'kv')
  Object.assign(message, { later: [1, { a: 2 }], signature: 'x' })
  Object.assign(message.state.kv, { later: {} })
  Object.assign(message.state.kv.update, { later: null })
  assert.equal(decodePush(JSON.stringify(message), 'kv'), plain)
})

test('flags count only if they are true', () => {
  for (const flag of [1, 'yes', 'true', null, [], false]) {
    const message = complete()
    Object.assign(message.state.kv, { answer: flag, more: flag })
    const { answer, more } = decodePush(JSON.stringify(message), 'kv').state.get('kv')!
    assert.equal([answer, more], [undefined, undefined])
  }
})

// Limits

const limited = (limits: Partial<Limits>, text: string): string =>
  reasonOf(() => decodePush(text, 'kv', { ...LIMITS, ...limits }))

test('limits: bytes of the message, counted in UTF-8', () => {
  const text = encodePush(push({}, { sender: '漢'.repeat(100) }))
  const bytes = new TextEncoder().encode(text).length
  assert.ok(bytes > text.length)
  assert.is(limited({ messageBytes: bytes - 1 }, text), 'too_large')
  assert.is(limited({ messageBytes: text.length }, text), 'too_large')
  assert.is(decodePush(text, 'kv', { ...LIMITS, messageBytes: bytes }).version, 12)
})

test('limits: documents, members, length of names', () => {
  const state = { digest: small().digest }
  const documents = encodePush(push({ a: state, b: state, c: state }))
  assert.is(limited({ documents: 2 }, documents), 'too_many')
  assert.is(decodePush(documents, 'kv', { ...LIMITS, documents: 3 }).state.size, 3)
  const members = encodePush(push({}, { members: ['a', 'b', 'c'] }))
  assert.is(limited({ members: 2 }, members), 'too_many')
  assert.is(decodePush(members, 'kv', { ...LIMITS, members: 3 }).members.length, 3)
  for (const text of [
    encodePush(push({ abcd: state }, { sender: 'x' })),
    encodePush(push({}, { sender: 'abcd' })),
    encodePush(push({}, { sender: 'x', members: ['abcd'] })),
  ]) {
    assert.is(limited({ nameLength: 3 }, text), 'too_large')
    decodePush(text, 'kv', { ...LIMITS, nameLength: 4 })
  }
})

test('limits: a vector or deletes of megabytes', () => {
  const bytes = new Uint8Array(1_200_000)
  const vector = encodePush(push({ kv: { vector: bytes } }))
  assert.is(limited({}, vector), 'too_large')
  const deletes = encodePush(push({ kv: { vector: new Uint8Array(1), deletes: bytes } }))
  assert.is(limited({}, deletes), 'too_large')
})

test('20 MB of base64 pass through the codec', () => {
  const data = 'A'.repeat(20_000_000)
  const update = { data, encoding: 'v1' as const, length: 15_000_000, digest: '0'.repeat(32) }
  const text = encodePush(push({ kv: { update } }))
  assert.is(decodePush(text, 'kv').state.get('kv')?.update?.data.length, data.length)
})

// Packing

const packedOf = (bytes: Uint8Array): PackedUpdate =>
  packUpdate({ bytes, digest: digestBytes(bytes, nodePlatform), needs: new Map() }, nodePlatform)

test('a packed update unpacks to what it was, deflated if that is shorter', () => {
  const random = new Random(1)
  const noise = (length: number) => Uint8Array.from({ length }, () => random.int(0, 255))
  for (const [bytes, encoding] of [
    [new Uint8Array([0, 0]), 'v1'],
    [new Uint8Array(511), 'v1'],
    [new Uint8Array(512), 'v1+deflate'],
    [new Uint8Array(100_000), 'v1+deflate'],
    [noise(5_000), 'v1'],
  ] as const) {
    const packed = packedOf(bytes)
    assert.is(packed.encoding, encoding)
    assert.is(packed.length, bytes.length)
    assert.equal(new Uint8Array(unpackUpdate(packed, nodePlatform)), bytes)
  }
})

test('packed update: every bit is covered, 500 flips are all rejected as damaged', () => {
  eachSeed(500, (random) => {
    const packed = random.pick([whole(small()), whole(large()), oneChange().update])
    const raw = new Uint8Array(fromBase64(packed.data))
    raw[random.int(0, raw.length - 1)]! ^= 1 << random.int(0, 7)
    const flipped = { ...packed, data: toBase64(raw) }
    let bytes: Uint8Array
    try {
      bytes = unpackUpdate(flipped, nodePlatform)
    } catch (error) {
      assert.is((error as Rejection).reason, 'damaged')
      return
    }
    // In deflated bytes a few bits mean nothing (the padding at their end).
    assert.is(packed.encoding, 'v1+deflate')
    assert.equal(bytes, unpackUpdate(packed, nodePlatform))
  })
})

test('packed update: none of 2,000 damaged ones is unpacked', () => {
  eachSeed(2_000, (random) => {
    const sender = docOf(1)
    for (let i = 0; i < 4; i++) sender.getMap('map').set(random.text(3), random.int(0, 99))
    const bytes = Y.encodeStateAsUpdate(sender)
    const packed = packedOf(bytes)
    const at = random.int(0, bytes.length - 1)
    const damaged = random.pick([
      () => bytes.slice(0, at),
      () => bytes.map((byte, i) => (i === at ? byte ^ (1 << random.int(0, 7)) : byte)),
      () => new Uint8Array([...bytes, random.int(0, 255)]),
      () => new Uint8Array([...bytes.slice(0, at), random.int(0, 255), ...bytes.slice(at)]),
      () => Y.encodeStateAsUpdateV2(sender),
    ])()
    assert.is(
      reasonOf(() => unpackUpdate({ ...packed, data: toBase64(damaged) }, nodePlatform)),
      'damaged',
    )
  })
})

test('packed update: a length, digest or encoding that the bytes do not have is rejected', () => {
  for (const packed of [whole(small()), whole(large())]) {
    const { length } = packed
    for (const wrong of [
      { length: length - 1 },
      { length: length + 1 },
      { length: 0 },
      { digest: 'f'.repeat(32) },
      { encoding: packed.encoding === 'v1' ? ('v1+deflate' as const) : ('v1' as const) },
      { data: '' },
    ]) {
      assert.is(
        reasonOf(() => unpackUpdate({ ...packed, ...wrong }, nodePlatform)),
        'damaged',
      )
    }
  }
})

test('packed update: one that announces more than the limit is rejected before it is unpacked', () => {
  const spy = spyPlatform()
  const packed = { ...whole(large()), length: LIMITS.updateBytes + 1 }
  assert.is(
    reasonOf(() => unpackUpdate(packed, spy)),
    'too_large',
  )
  assert.equal(spy.inflated, [])
  const limits = { ...LIMITS, updateBytes: 100 }
  assert.is(
    reasonOf(() => unpackUpdate(whole(large()), spy, limits)),
    'too_large',
  )
  assert.equal(spy.inflated, [])
})

test('packed update: 64 MiB of zeros announced as 1,000 bytes are not inflated past 1,000', () => {
  const spy = spyPlatform()
  const bomb = nodePlatform.deflate(new Uint8Array(64 * 2 ** 20))
  assert.ok(bomb.length < 400_000)
  const packed: PackedUpdate = {
    data: toBase64(bomb),
    encoding: 'v1+deflate',
    length: 1_000,
    digest: '0'.repeat(32),
  }
  const before = process.memoryUsage().arrayBuffers
  assert.is(
    reasonOf(() => unpackUpdate(packed, spy)),
    'damaged',
  )
  assert.equal(spy.inflated, [1_000])
  assert.is(spy.hashed, 0)
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20, 'it was inflated')
})

// The shared inbox

test('the push reader accepts pushes of its swarm in any format, and nothing else', () => {
  const reader = new PushReader('kv')
  assert.ok(reader.accepts(encodePush(push({}))))
  assert.ok(reader.accepts('{"swarm":"kv","type":"gossip_push","format":99}'))
  assert.ok(new PushReader('рой 🦜').accepts(encodePush(push({}, { swarm: 'рой 🦜' }))))
  for (const text of [
    encodePush(push({}, { swarm: 'kv2' })),
    '',
    'gossip_push',
    '"gossip_push"',
    '{"type":"gossip_push"',
    '{"type":"gossip_push"}',
    '{"type":"gossip_push","swarm":["kv"]}',
    '{"type":"task","swarm":"kv","text":"about gossip_push"}',
    '[{"type":"gossip_push","swarm":"kv"}]',
    'null',
  ]) {
    assert.not.ok(reader.accepts(text), text)
  }
})

test('the push reader parses a text once, however often it is asked before decoding', () => {
  const reader = new PushReader('kv')
  const text = encodePush(push({}))
  const { parse } = JSON
  let parsed = 0
  JSON.parse = (json: string) => {
    parsed++
    return parse(json) as unknown
  }
  try {
    reader.accepts(text)
    assert.equal(reader.decode(text), decodePush(text, 'kv'))
    assert.is(parsed, 2, 'once by the reader, once by decodePush')
    reader.decode(text)
    assert.is(parsed, 3, 'what was decoded is not kept')
  } finally {
    JSON.parse = parse
  }
})

test('the push reader checks an accepted text against the limits all the same', () => {
  const reader = new PushReader('kv')
  const text = encodePush(push({}))
  assert.ok(reader.accepts(text))
  assert.is(
    reasonOf(() => reader.decode(text, { ...LIMITS, messageBytes: 10 })),
    'too_large',
  )
})

test('the push reader keeps a bounded number of parsed texts', () => {
  const reader = new PushReader('kv')
  const texts = Array.from({ length: 1_001 }, (_, i) =>
    encodePush(push({}, { sender: `peer${i}` })),
  )
  for (const text of texts) assert.ok(reader.accepts(text))
  const { parse } = JSON
  let parsed = 0
  JSON.parse = (json: string) => {
    parsed++
    return parse(json) as unknown
  }
  try {
    for (const text of texts) assert.is(reader.decode(text).swarm, 'kv')
    assert.is(parsed, 1, 'only the oldest is parsed again')
  } finally {
    JSON.parse = parse
  }
})

// Sizes

const MEMBERS = Array.from({ length: 5 }, (_, i) => `0:0000.0000.00${(i + 16).toString(16)}`)

/** A map of 10,000 keys, with the longest possible writer id. */
const tenThousand = (): Replica => {
  const replica = replicaOf(2 ** 52 + 12_345)
  replica.doc.transact(() => {
    const map = replica.doc.getMap('map')
    for (let i = 0; i < 10_000; i++) map.set(`some-key-${i}`, { owner: 'agent', n: i })
  })
  return replica
}

test('sizes: with a map of 10,000 keys, a digest with five members and a single change take less than 600 bytes each', () => {
  const replica = tenThousand()
  const before = replica.decode(replica.syncRequest())
  const digest = encodePush(
    push({ kv: { digest: replica.digest } }, { members: MEMBERS, version: replica.version }),
  )
  assert.ok(digest.length < 600, `${digest.length} bytes`)
  replica.doc.getMap('map').set('some-key-77', { owner: 'another agent', n: -1 })
  const update = packUpdate(replica.encode(replica.lacking(before)), nodePlatform)
  const change = encodePush(
    push(
      { kv: { digest: replica.digest, update } },
      { members: MEMBERS, version: replica.version },
    ),
  )
  assert.ok(change.length < 600, `${change.length} bytes`)
  // The push needs nothing else.
  const other = tenThousand()
  other.doc.clientID = 5
  other.apply(unpackUpdate(decodePush(change, 'kv').state.get('kv')!.update!, nodePlatform))
  assert.is(other.digest, replica.digest)
})

test('sizes: the pull of a swarm of 100 writers takes less than 2 KB', () => {
  const replica = replicaOf(1)
  for (let i = 0; i < 100; i++) {
    replica.doc.clientID = 2 ** 52 + i
    replica.doc.getMap('map').set(`k${i}`, i)
  }
  const ask = encodePush(push({ kv: { digest: replica.digest, ...replica.syncRequest() } }))
  assert.ok(ask.length < 2_000, `${ask.length} bytes`)
})

/** Packed by a program that deflates whatever it sends. */
const deflated = (bytes: Uint8Array): PackedUpdate => ({
  data: toBase64(nodePlatform.deflate(bytes)),
  encoding: 'v1+deflate',
  length: bytes.length,
  digest: digestBytes(bytes, nodePlatform),
})

const reasonOfUnpacking = (packed: PackedUpdate): string => {
  try {
    unpackUpdate(packed, nodePlatform)
    return 'none'
  } catch (error) {
    return (error as Rejection).reason
  }
}

test('too_many: structs that deflate to nothing; what a document has travels all the same', () => {
  const same = forged.any({ parent: 'list' }, [1])
  const bytes = forge([{ writer: 3, structs: new Array(50_000).fill(same) }])
  assert.ok(nodePlatform.deflate(bytes).length < 3_000)
  assert.is(reasonOfUnpacking(deflated(bytes)), 'too_many')
  const packed = packUpdate(
    { bytes, digest: digestBytes(bytes, nodePlatform), needs: new Map() },
    nodePlatform,
  )
  assert.is(packed.encoding, 'v1')
  assert.is(reasonOfUnpacking(packed), 'none')
})

test('long values that deflate to nothing, and maps of many keys, travel deflated', () => {
  const doc = new Y.Doc()
  doc.getMap('map').set('k', 'a'.repeat(2_000_000))
  const many = new Y.Doc()
  many.transact(() => {
    for (let i = 0; i < 20_000; i++) many.getMap('map').set(`${i}`, 0)
  })
  const every = new Y.Doc()
  every.getArray('list').push(new Array(40_000).fill(0))
  every.transact(() => {
    for (let i = 20_000; i > 0; i--) every.getArray('list').delete(i)
  })
  for (const each of [doc, many, every]) {
    const bytes = Y.encodeStateAsUpdate(each)
    const packed = packUpdate(
      { bytes, digest: digestBytes(bytes, nodePlatform), needs: new Map() },
      nodePlatform,
    )
    assert.is(packed.encoding, 'v1+deflate')
    assert.is(reasonOfUnpacking(packed), 'none')
  }
})

test.run()
