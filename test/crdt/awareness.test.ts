/** Awareness states as bytes: what is encoded can be decoded, and hostile bytes are rejected. */
import * as encoding from 'lib0/encoding'
import * as assert from 'uvu/assert'
import {
  type AwarenessMessage,
  decodeAwareness,
  decodePush,
  encodeAwareness,
  MAX_AWARENESS_ENTRIES,
  MAX_AWARENESS_STATE_LENGTH,
} from '../../crdt/index.ts'
import { pushText, SWARM } from '../helpers/gossip.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('awareness codec')

const SAMPLE: AwarenessMessage = {
  isQuery: true,
  entries: [
    { client: 0, clock: 0, age: 0, state: null },
    { client: 2 ** 53 - 1, clock: 1_700_000_000_000, age: 30_000, state: {} },
    {
      client: 7,
      clock: 3,
      age: 1,
      state: { user: { name: 'Ada \u{1f600}' }, at: [1, null, true] },
    },
  ],
}

/** The reason of the rejection; fails if nothing, or another error, is thrown. */
const reasonOf = (bytes: Uint8Array): string => {
  try {
    decodeAwareness(bytes)
  } catch (error) {
    const { name, reason } = error as { name: string; reason?: string }
    return reason ?? `no rejection: ${name}`
  }
  return 'accepted'
}

/** An entry made by hand. */
const withState = (json: string, count = 1): Uint8Array =>
  encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, 0)
    encoding.writeVarUint(encoder, count)
    for (const number of [7, 1, 0]) encoding.writeVarUint(encoder, number)
    encoding.writeVarString(encoder, json)
  })

test('encoded states decode to what they were', () => {
  assert.equal(decodeAwareness(encodeAwareness(SAMPLE)), SAMPLE)
  const nothing = { isQuery: false, entries: [] }
  assert.equal(decodeAwareness(encodeAwareness(nothing)), nothing)
})

test('age is a whole number and not negative', () => {
  const entry = { client: 1, clock: 1, state: null }
  const entries = [
    { ...entry, age: -5 },
    { ...entry, age: 1.6 },
  ]
  const read = decodeAwareness(encodeAwareness({ isQuery: false, entries }))
  assert.equal(
    read.entries.map(({ age }) => age),
    [0, 2],
  )
})

test('damaged bytes are rejected, whatever is cut off or added', () => {
  const bytes = encodeAwareness(SAMPLE)
  for (let length = 0; length < bytes.length; length++)
    assert.is(reasonOf(bytes.subarray(0, length)), 'malformed', `${length} bytes`)
  assert.is(reasonOf(new Uint8Array([...bytes, 0])), 'malformed')
})

test('random bytes are decoded or rejected, and throw nothing else', () => {
  eachSeed(2_000, (random) => {
    const bytes = new Uint8Array(encodeAwareness(SAMPLE))
    const damaged =
      random.int(0, 1) === 0
        ? Uint8Array.from({ length: random.int(0, 60) }, () => random.int(0, 255))
        : bytes
    for (let i = random.int(0, 4); i > 0 && damaged.length > 0; i--)
      damaged[random.int(0, damaged.length - 1)] = random.int(0, 255)
    assert.is(reasonOf(damaged).startsWith('no rejection'), false)
  })
})

test('counts are checked before anything is allocated', () => {
  const counted = (count: number): Uint8Array =>
    encoding.encode((encoder) => {
      encoding.writeVarUint(encoder, 0)
      encoding.writeVarUint(encoder, count)
    })
  assert.is(reasonOf(counted(MAX_AWARENESS_ENTRIES + 1)), 'too_many')
  assert.is(reasonOf(counted(2 ** 53 - 1)), 'too_many')
  assert.is(reasonOf(counted(MAX_AWARENESS_ENTRIES)), 'malformed')
})

test('a state is an object with any keys, and not too deep', () => {
  for (const json of ['1', '"x"', 'true', '[]', '[{}]', '{', '']) {
    assert.is(reasonOf(withState(json)), 'malformed', json)
  }
  assert.is(reasonOf(withState('null')), 'accepted')
  for (const json of ['{"a":{"__proto__":{"x":1}}}', '{"__proto__":null}', '{"constructor":1}']) {
    const [entry] = decodeAwareness(withState(json)).entries
    assert.is(JSON.stringify(entry?.state), json)
    assert.is(Object.getPrototypeOf(entry?.state), Object.prototype)
  }
  assert.is(({} as { x?: unknown }).x, undefined)
  const deep = (levels: number): string => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
  assert.is(reasonOf(withState(deep(1_000))), 'accepted')
  assert.is(reasonOf(withState(deep(2_000))), 'too_deep')
  assert.is(reasonOf(withState(deep(7_000))), 'too_deep')
})

test('a state has at most 16,384 characters', () => {
  const sized = (length: number): string => `{"a":"${'x'.repeat(length - 8)}"}`
  assert.is(reasonOf(withState(sized(MAX_AWARENESS_STATE_LENGTH))), 'accepted')
  assert.is(reasonOf(withState(sized(MAX_AWARENESS_STATE_LENGTH + 1))), 'too_large')
})

test('awareness travels in a push', () => {
  const awareness = encodeAwareness(SAMPLE)
  const text = pushText({ room: { awareness } })
  const state = decodePush(text, SWARM).state.get('room')
  assert.equal(state?.awareness && decodeAwareness(state.awareness), SAMPLE)
  assert.equal(Object.keys(state ?? {}), ['awareness'])
  const spoilt = text.replace(/"awareness":"[^"]*"/, '"awareness":5')
  assert.throws(() => decodePush(spoilt, SWARM), /awareness/)
})

test.run()
