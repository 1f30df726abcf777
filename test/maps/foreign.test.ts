/** Values that JSON cannot hold read the same everywhere. */
import * as encoding from 'lib0/encoding'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { exportRows } from '../../src/control/export-rows.ts'
import { stringify } from '../../src/control/protocol.ts'
import {
  describeEntry,
  type EntryChange,
  hasEntry,
  historyOf,
  incrementEntry,
  keysOf,
  observeEntries,
  readEntries,
  readEntry,
  restoreEntries,
  sizeOf,
  writeEntry,
} from '../../src/maps/index.ts'
import { SharedMap } from '../../src/maps/shared-map.ts'
import { deepMap, FOREIGN, writeForeign } from '../helpers/foreign.ts'
import { docOf, give, T0 } from '../helpers/maps.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('maps: foreign values')

/** Hot elements of the writer of that document, past every check. */
const forgeHot = (
  doc: Y.Doc,
  ...elements: readonly (readonly [key: string, kind: string, value: unknown])[]
): void => {
  const own = doc.getMap('pilot-gossip:hot').set(String(doc.clientID), new Y.Array<unknown>())
  const base = [doc.clientID, 1]
  own.push(
    elements.map(([key, kind, value]) => {
      const element = ['state', key, T0 * 1024, kind, value]
      return kind === '+' && key.startsWith('l') ? [...element, base] : element
    }),
  )
}

const sorted = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.keys(values)
      .sort()
      .map((key) => [key, values[key]]),
  )

for (const gc of [true, false]) {
  test(`each kind reads the same at its writer and at a peer, ${gc ? 'with' : 'without'} garbage collection`, () => {
    const [a, b] = [docOf(1, undefined, gc), docOf(2, undefined, gc)]
    const reported: [Y.Doc, EntryChange][] = []
    for (const doc of [a, b]) observeEntries(doc, 'state', (change) => reported.push([doc, change]))
    writeForeign(a.getMap('state'))
    give(a, b)
    for (const doc of [a, b]) {
      const map = new SharedMap(doc, 'state')
      assert.equal(readEntries(doc, 'state'), sorted(FOREIGN))
      assert.equal(map.toJSON(), sorted(FOREIGN))
      assert.equal(map.keys(), Object.keys(FOREIGN).sort())
      assert.is(map.size, Object.keys(FOREIGN).length)
      for (const [key, shown] of Object.entries(FOREIGN)) {
        assert.equal(readEntry(doc, 'state', key), shown, key)
        assert.equal(map.get(key), shown, key)
        assert.is(hasEntry(doc, 'state', key), true, key)
        assert.equal(describeEntry(doc, 'state', key)?.value, shown, key)
        assert.equal(historyOf(doc, 'state', key)[0]?.value, shown, key)
        const changes = reported.filter(([at, change]) => at === doc && change.key === key)
        assert.equal(
          changes.map(([, { action, value }]) => [action, value]),
          [['set', shown]],
          key,
        )
      }
    }
    // After an overwrite and a delete, the previous value is reported.
    reported.length = 0
    const keys = keysOf(a, 'state')
    for (const key of keys) writeEntry(a, 'state', key, 'plain')
    give(a, b)
    for (const key of keys) a.getMap('state').delete(key)
    give(a, b)
    for (const doc of [a, b]) {
      const olds = reported.filter(([at, { action }]) => at === doc && action === 'set')
      assert.equal(Object.fromEntries(olds.map(([, { key, old }]) => [key, old])), FOREIGN)
    }
    assert.equal(keysOf(b, 'state'), [])
  })
}

test('nested shared types read as JSON at any depth', () => {
  const [a, b] = [docOf(1), docOf(2)]
  const map = a.getMap<unknown>('state')
  // Yjs visits them by recursion when they are made in one transaction.
  const json = deepMap(map, 'deep', 5_000)
  give(a, b)
  for (const doc of [a, b]) {
    assert.ok(stringify(readEntry(doc, 'state', 'deep')) === json)
    assert.ok(stringify(new SharedMap(doc, 'state').get('deep')) === json)
    assert.ok(stringify(historyOf(doc, 'state', 'deep')[0]?.value) === json)
  }
  const reported: unknown[] = []
  new SharedMap(b, 'state').observe(({ key }) => reported.push(key))
  deepMap(map, 'other', 4_000)
  let inner = map
  for (let level = 0; level < 2_500; level++) inner = inner.get(level ? 'in' : 'deep') as typeof map
  inner.set('more', true)
  give(a, b)
  assert.equal(reported.sort(), ['deep', 'other'])
})

test('nested XML elements read as text at any depth', () => {
  const doc = docOf(1)
  let holder: Y.XmlFragment = new Y.XmlFragment()
  doc.getMap('state').set('page', holder)
  for (let level = 0; level < 6_000; level++) {
    const inner = new Y.XmlElement('p')
    holder.insert(0, [inner])
    holder = inner
  }
  const shown = readEntry(doc, 'state', 'page')
  assert.ok(shown === `${'<p>'.repeat(6_000)}${'</p>'.repeat(6_000)}`)
})

test('XML whose attributes and formats cannot become text is readable', () => {
  const doc = docOf(1)
  const odd = { toString: 1, valueOf: 2 }
  const element = new Y.XmlElement<{ [key: string]: never }>('p')
  const text = new Y.XmlText()
  doc.getMap('state').set('page', element)
  element.insert(0, [text])
  text.insert(0, 'hello', { bold: { odd } })
  element.setAttribute('odd', odd as never)
  element.setAttribute('n', 1n as never)
  assert.is(readEntry(doc, 'state', 'page'), '<p n="1" odd="[object Object]">hello</p>')
})

test('formatted text reads as Yjs writes it', () => {
  const doc = docOf(1)
  const element = new Y.XmlElement('P')
  const text = new Y.XmlText()
  doc.getMap('state').set('page', element)
  element.insert(0, [text])
  text.insert(0, 'you', { b: {} })
  text.insert(0, 'hello ', {})
  element.setAttribute('z', 'last')
  element.setAttribute('a', 'first')
  assert.is(readEntry(doc, 'state', 'page'), element.toString())
  assert.match(element.toString(), '<p a="first" z="last">')
})

test('values that only their writer has are readable: functions, dates, holes, cycles', () => {
  const doc = docOf(1)
  const circle: Record<string, unknown> = { a: 1 }
  circle.b = [circle, { c: circle }]
  const map = doc.getMap('state')
  map.set('date', { at: new Date(0), run: () => 1 })
  map.set('circle', circle)
  map.set('twice', [[1n], [1n]])
  // biome-ignore lint/suspicious/noSparseArray: that is the test
  map.set('holes', [1, , 2])
  assert.equal(readEntries(doc, 'state'), {
    circle: { a: 1, b: [null, { c: null }] },
    date: { at: {} },
    holes: [1, null, 2],
    twice: [['1'], ['1']],
  })
})

test('a key that names a prototype is an entry like others', () => {
  const doc = docOf(1)
  doc.getMap('state').set('map', new Y.Map<unknown>([['__proto__', 1n]]))
  const shown = new SharedMap(doc, 'state').get('map') as object
  assert.equal(Object.keys(shown), ['__proto__'])
  assert.is(JSON.stringify(shown), '{"__proto__":"1"}')
  assert.is(Object.getPrototypeOf(shown), Object.prototype)
})

test('hot elements that no writer of this package makes are readable', () => {
  const [a, b] = [docOf(1), docOf(2)]
  const array = new Y.Array<unknown>()
  a.getMap('pilot-gossip:hot').set('1', array)
  const stamp = 1_800_000_000_000_000
  array.push([
    ['state', 'v', stamp, 'v', { n: 1n, bytes: Uint8Array.of(1) }],
    ['state', 'list', stamp, '>', [undefined, Number.NaN]],
  ])
  give(a, b)
  const reported: EntryChange[] = []
  observeEntries(b, 'state', (change) => reported.push(change))
  for (const doc of [a, b]) {
    assert.equal(readEntries(doc, 'state'), {
      list: [[null, null]],
      v: { bytes: 'AQ==', n: '1' },
    })
    assert.equal(historyOf(doc, 'state', 'v')[0]?.value, { n: '1', bytes: 'AQ==' })
  }
  writeEntry(b, 'state', 'v', 1)
  assert.equal(reported[0]?.old, { n: '1', bytes: 'AQ==' })
})

test('a counter cannot start from a foreign value', async () => {
  const doc = docOf(1)
  const map = doc.getMap('state')
  for (const value of [1n, Number.NaN, Infinity, Uint8Array.of(1), undefined]) {
    map.set('n', value)
    await rejects(() => incrementEntry(doc, 'state', 'n'), /"n" is .*, which is not a number/)
  }
  map.set('n', -0)
  assert.is(incrementEntry(doc, 'state', 'n'), 1)
})

test('an update that would keep the JSON form of a foreign value is refused, others are not', async () => {
  const doc = docOf(1)
  const map = new SharedMap<{ n?: string; done: boolean }>(doc, 'state')
  doc.getMap('state').set('k', { n: 1n, done: false, gone: undefined })
  const finish = () => map.update('k', (value) => ({ ...value, done: true }))
  await rejects(finish, /invalid_argument "k" has a bigint at "\/n", which JSON cannot keep/)
  assert.equal(map.get('k'), { n: '1', done: false })
  map.update('k', () => ({ n: '2', done: false }))
  finish()
  assert.equal(map.get('k'), { n: '2', done: true })
})

test('values restored with their types equal the originals', () => {
  const doc = docOf(1)
  const types = {
    '/big': 'bigint',
    '/far': 'bigint',
    '/bytes': 'bytes',
    '/list/0': 'undefined',
    '/list/1': 'NaN',
    '/list/2': '-Infinity',
    '/list/3': '-0',
    '/gone': 'undefined',
    '/a~1b~0': 'Infinity',
  } as const
  const value = {
    big: '-9223372036854775808',
    far: '9223372036854775808',
    bytes: 'AAH/',
    list: [null, null, null, 0],
    'a/b~': null,
  }
  restoreEntries(doc, 'state', [{ key: 'k', kind: 'raw', value, types }])
  restoreEntries(doc, 'state', [{ key: 'n', kind: 'raw', value: '5', types: { '': 'bigint' } }])
  restoreEntries(doc, 'state', [{ key: 'u', kind: 'raw', value: null, types: { '': 'undefined' } }])
  restoreEntries(doc, 'state', [{ key: 'b', kind: 'raw', value: 'AQ==', types: { '': 'bytes' } }])
  const other = docOf(2)
  give(doc, other)
  const map = other.getMap<unknown>('state')
  assert.equal(map.get('k'), {
    big: -9223372036854775808n,
    far: '9223372036854775808',
    bytes: Uint8Array.of(0, 1, 255),
    list: [undefined, Number.NaN, -Infinity, -0],
    gone: undefined,
    'a/b~': Infinity,
  })
  assert.is(map.get('n'), 5n)
  assert.equal([map.has('u'), map.get('u')], [true, undefined])
  assert.equal(map.get('b'), Uint8Array.of(1))
  assert.equal(value.list, [null, null, null, 0], 'what was given is as it was')
})

const wrong: readonly (readonly [value: unknown, types: Record<string, string>, error: RegExp])[] =
  [
    [
      { a: 1 },
      { '/b': 'bigint' },
      /"\/b" in the value of "k" is "undefined", which is not of type bigint/,
    ],
    [
      { a: 'x' },
      { '/a': 'bigint' },
      /"\/a" in the value of "k" is "\\"x\\"", which is not of type bigint/,
    ],
    [{ a: '?' }, { '/a': 'bytes' }, /which is not of type bytes/],
    [[1], { '/0': 'NaN' }, /which is not of type NaN/],
    [[1], { '/0/1/2': 'undefined' }, /which is not of type undefined/],
    [[1], { '/0': 'Date' }, /which is not of type Date/],
    [1, { a: 'bigint' }, /path "a" is not a JSON Pointer/],
  ]

for (const [value, types, error] of wrong) {
  test(`types that do not fit are refused: ${JSON.stringify([value, types])}`, async () => {
    const doc = docOf(1)
    const entry = {
      key: 'k',
      kind: 'raw',
      value,
      types: types as Record<string, 'bigint'>,
    } as const
    await rejects(() => restoreEntries(doc, 'state', [entry]), error)
    assert.equal(keysOf(doc, 'state'), [])
  })
}

test("a peer's update with each kind of value that Yjs can encode is readable", () => {
  // Encoded by hand, to include what no `set` would write: an embed, a format, old JSON.
  const doc = docOf(1)
  const add = (key: string, content: Y.Item['content']): void => {
    const encoder = new Y.UpdateEncoderV1()
    const id = Y.createID(100 + key.length, 0)
    encoding.writeVarUint(encoder.restEncoder, 1)
    encoding.writeVarUint(encoder.restEncoder, 1)
    encoder.writeClient(id.client)
    encoding.writeVarUint(encoder.restEncoder, 0)
    const parent = doc.getMap('state')
    new Y.Item(id, null, null, null, null, parent, key, content).write(encoder, 0)
    encoding.writeVarUint(encoder.restEncoder, 0)
    Y.applyUpdate(doc, encoder.toUint8Array())
  }
  add('a', new Y.ContentEmbed({ image: 'x' }))
  add('bb', new Y.ContentJSON([undefined]))
  add('ccc', new Y.ContentString('text'))
  add('dddd', new Y.ContentFormat('bold', true))
  assert.equal(readEntries(doc, 'state'), { a: { image: 'x' }, bb: null, ccc: 't', dddd: null })
})

test('a key of megabytes is hidden from every reader, and an empty or a long one is not', () => {
  const [a, b] = [docOf(1), docOf(2)]
  const [long, endless] = ['l'.repeat(64 * 1024), 'e'.repeat(4_000_000)]
  const seen: string[] = []
  observeEntries(b, 'state', ({ key }) => seen.push(key))
  for (const key of ['', long, endless]) a.getMap('state').set(key, 1)
  forgeHot(a, [endless, 'v', 1], [endless, '+', 2], [long, '+', 1])
  give(a, b)
  assert.equal(readEntries(b, 'state'), { '': 1, [long]: 2 })
  assert.equal(keysOf(b, 'state'), ['', long])
  assert.is(sizeOf(b, 'state'), 2)
  assert.equal(new SharedMap(b, 'state').toJSON(), { '': 1, [long]: 2 })
  assert.equal(seen.sort(), ['', long])
  assert.is(readEntry(b, 'state', endless), undefined)
  assert.is(hasEntry(b, 'state', endless), false)
  assert.is(describeEntry(b, 'state', endless), undefined)
  assert.equal(historyOf(b, 'state', endless), [])
  // Everything that is shown can be written again.
  const rows = [...exportRows(b, 'state', { kinds: true })].map((row) => JSON.parse(row))
  const other = docOf(3)
  restoreEntries(
    other,
    'state',
    rows.map(([key, value, about]) => ({ key, value, ...about })),
  )
  assert.equal(readEntries(other, 'state'), readEntries(b, 'state'))
  assert.throws(
    () => restoreEntries(other, 'state', [{ key: endless, kind: 'raw', value: 1 }]),
    /is too long to be shown again/,
  )
})

test('a map shows a subdocument whose id is not text', () => {
  const doc = docOf(1)
  doc.getMap('state').set('k', new Y.Doc({ guid: 1n as never }))
  assert.equal(readEntries(doc, 'state'), { k: { guid: null } })
})

test.run()
