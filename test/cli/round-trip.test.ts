/** `import` accepts what `export` writes: counters and lists as such, and values of other programs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { readObject } from '../../src/cli/entry-reader.ts'
import { stringify } from '../../src/control/protocol.ts'
import {
  appendEntry,
  describeEntry,
  incrementEntry,
  keysOf,
  readEntry,
  restoreEntries,
  writeEntries,
  writeEntry,
} from '../../src/maps/index.ts'
import { type Ended, inProcess } from '../helpers/cli.ts'
import { closeAll, type Served, serve } from '../helpers/control.ts'
import { createHome } from '../helpers/home.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('cli round trip')

const home = createHome()
const { dir: homeDir, env, folder } = home
let source: Served
let target: Served
let files = 0

test.before(async () => {
  // They never connect: everything moves through the file.
  source = await serve(homeDir, { name: 'source' })
  target = await serve(homeDir, { name: 'target' })
})

test.after(async () => {
  await closeAll()
  await home.close()
})

const run = (served: Served, ...args: string[]): Promise<Ended> =>
  inProcess([...args, '--data', served.dir], { env })

const newFile = (name: string): string => {
  const dir = folder(`f${files++}`)
  mkdirSync(dir)
  return join(dir, name)
}

const fileOf = (text: string, name = 'in.ndjson'): string => {
  const file = newFile(name)
  writeFileSync(file, text)
  return file
}

/** From the source to the target, twice; returns the file's lines. */
const carry = async (map: string, name: string): Promise<string[]> => {
  const file = newFile(name)
  const exported = await run(source, 'export', file, '--map', map)
  assert.equal([exported.code, exported.stderr], [0, ''])
  const count = keysOf(source.agent.doc, map).length
  assert.match(exported.stdout, new RegExp(`^exported ${count} entr`))
  for (const _ of ['first', 'again']) {
    const imported = await run(target, 'import', file, '--map', map)
    assert.equal([imported.code, imported.stderr], [0, ''])
    assert.match(imported.stdout, new RegExp(`^imported ${count} entr`))
  }
  return readFileSync(file, 'utf8').trimEnd().split('\n')
}

const layoutAt = ({ agent }: Served, map: string, key: string) =>
  describeEntry(agent.doc, map, key)?.layout

/** What a command prints for an entry: values are compared in that form. */
const jsonAt = ({ agent }: Served, map: string, key: string): string =>
  stringify(readEntry(agent.doc, map, key))

const isSame = (map: string): void => {
  const keys = keysOf(source.agent.doc, map)
  assert.equal(keysOf(target.agent.doc, map), keys)
  for (const key of keys) {
    assert.ok(jsonAt(source, map, key) === jsonAt(target, map, key), `${map} ${key.slice(0, 40)}`)
  }
}

for (const name of ['out.ndjson', 'out.json']) {
  test(`a list of 23 appends of 3 kB: ${name}`, async () => {
    const map = `list ${name}`
    for (let n = 0; n < 23; n++)
      appendEntry(source.agent.doc, map, 'log', `${n} ${'x'.repeat(3_000)}`)
    await carry(map, name)
    isSame(map)
    if (name.endsWith('.json')) return
    assert.is(layoutAt(target, map, 'log'), 'list')
    assert.is(
      (await run(target, 'append', 'log', 'more', '--map', map)).stdout,
      'log has 24 items\n',
    )
  })
}

test('round trip: entries keep their kind, and can be continued', async () => {
  const { doc } = source.agent
  writeEntry(doc, 'kinds', 'plain', { a: [1] })
  writeEntry(doc, 'kinds', 'hot', 1, { hot: true })
  writeEntry(doc, 'kinds', 'array', [1, 2])
  for (const by of [5, 3.5]) incrementEntry(doc, 'kinds', 'n', by)
  writeEntry(doc, 'kinds', 'from', 10)
  incrementEntry(doc, 'kinds', 'from', -1)
  writeEntry(doc, 'kinds', 'begun', ['a'])
  for (const item of ['b', { c: 1 }, null]) appendEntry(doc, 'kinds', 'begun', item)
  const lines = await carry('kinds', 'kinds.ndjson')
  assert.equal(lines, [
    '{"key":"array","value":[1,2]}',
    '{"key":"begun","kind":"list","value":["a","b",{"c":1},null]}',
    '{"key":"from","kind":"counter","value":9}',
    '{"key":"hot","kind":"hot","value":1}',
    '{"key":"n","kind":"counter","value":8.5}',
    '{"key":"plain","value":{"a":[1]}}',
  ])
  isSame('kinds')
  for (const key of keysOf(doc, 'kinds')) {
    assert.is(layoutAt(target, 'kinds', key), layoutAt(source, 'kinds', key), key)
  }
  assert.is(incrementEntry(target.agent.doc, 'kinds', 'n', 1), 9.5)
  assert.is(appendEntry(target.agent.doc, 'kinds', 'begun', 'd'), 5)
})

test('round trip: a counter and a list that two agents restore at once are there once', async () => {
  const { doc } = source.agent
  incrementEntry(doc, 'twice', 'n', 8)
  for (const item of ['a', 'b']) appendEntry(doc, 'twice', 'log', item)
  const file = newFile('twice.ndjson')
  await run(source, 'export', file, '--map', 'twice')
  const docs = [new Y.Doc(), new Y.Doc()]
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const entries = lines.map((line) => JSON.parse(line))
  for (const one of docs) restoreEntries(one, 'm', entries)
  const [a, b] = docs as [Y.Doc, Y.Doc]
  Y.applyUpdate(a, Y.encodeStateAsUpdate(b))
  assert.is(readEntry(a, 'm', 'n'), 8)
  assert.equal(readEntry(a, 'm', 'log'), ['a', 'b'])
})

test('round trip: lists longer than any value, and old exports of them', async () => {
  const { doc } = source.agent
  const item = (n: number): string => `${n} ${'y'.repeat(30_000)}`
  writeEntry(doc, 'long', 'log', [item(0)])
  for (let n = 1; n < 400; n++) appendEntry(doc, 'long', 'log', item(n))
  const lines = await carry('long', 'long.ndjson')
  assert.ok(lines.length > 100)
  for (const line of lines) assert.ok(line.length < 200_000)
  isSame('long')
  assert.is((readEntry(target.agent.doc, 'long', 'log') as unknown[]).length, 400)
  const old = JSON.stringify({ key: 'log', value: readEntry(doc, 'long', 'log') })
  assert.ok(old.length > 8 * 1024 * 1024)
  const imported = await run(target, 'import', fileOf(`${old}\n`), '--map', 'old')
  assert.equal([imported.code, imported.stderr], [0, ''])
  assert.ok(jsonAt(target, 'old', 'log') === jsonAt(source, 'long', 'log'))
  assert.is(layoutAt(target, 'old', 'log'), 'list')
})

test('round trip: entries of other Yjs programs', async () => {
  const { doc } = source.agent
  const map = doc.getMap('others')
  doc.transact(() => {
    map.set('text', new Y.Text(`"quoted" \\ \u{1f41d} ${'z'.repeat(100_000)}`))
    map.set('array', Y.Array.from([1, 'two', { three: [null] }]))
    map.set('nested', new Y.Map([['in', Y.Array.from([1])]]))
    map.set('bigint', 12345678901234567890n)
    map.set('bytes', Uint8Array.of(1, 2, 3))
    map.set('odd', { nan: Number.NaN, infinite: -Infinity, gone: undefined, list: [undefined] })
    map.set('large number', [2 ** 60, -(2 ** 70), 1e300, 5e-324, 1.7976931348623157e308])
    map.set('', 'an empty key')
    map.set('k'.repeat(3_000), 'a long key')
    map.set('half', 'a\ud800b')
    map.set('a \udc00 key', ['\\ud800 in words'])
    map.set('long', 'w'.repeat(9_000_000))
    map.set('long quotes', '"\u00e9\u20ac'.repeat(3_000_000))
    map.set(
      'long array',
      Array.from({ length: 1_000 }, (_, n) => `${n} ${'v'.repeat(10_000)}`),
    )
  })
  let deep: Y.Map<unknown> = map
  for (let depth = 0; depth < 400; depth++) {
    const inner = new Y.Map<unknown>()
    deep.set('in', inner)
    deep = inner
  }
  deep.set('bottom', [[['here']]])
  const lines = await carry('others', 'others.ndjson')
  for (const line of lines) assert.ok(line.length < 12_000_000)
  assert.ok(lines.some((line) => line.startsWith('{"key":"","kind":"raw",')))
  assert.ok(lines.some((line) => line.startsWith('{"key":"array","value":')))
  const keys = keysOf(doc, 'others').map((key) => key.replace('\udc00', '\ufffd'))
  assert.equal(keysOf(target.agent.doc, 'others').sort(), keys.sort())
  for (const key of keys) {
    if (key === 'half' || key.includes('\ufffd')) continue
    assert.ok(jsonAt(source, 'others', key) === jsonAt(target, 'others', key), key.slice(0, 40))
  }
  assert.is(readEntry(target.agent.doc, 'others', 'half'), 'a\ufffdb')
  assert.equal(readEntry(target.agent.doc, 'others', 'a \ufffd key'), ['\\ud800 in words'])
  // The same as one JSON object, which cannot hold the kind of an entry.
  const file = newFile('others.json')
  await run(source, 'export', file, '--map', 'others')
  const imported = await run(target, 'import', file, '--map', 'by object')
  assert.equal([imported.code, imported.stderr], [0, ''])
  for (const key of keysOf(target.agent.doc, 'others')) {
    const [one, other] = ['others', 'by object'].map((name) => jsonAt(target, name, key))
    assert.ok(one === other, key.slice(0, 40))
  }
})

test('round trip: a value that is too deep for set can be changed and deleted', async () => {
  const depth = 600
  const json = `{"deep":${'{"a":['.repeat(depth)}1${']}'.repeat(depth)}}`
  const imported = await run(target, 'import', fileOf(json, 'deep.json'), '--map', 'deep')
  assert.equal([imported.code, imported.stderr], [0, ''])
  assert.is(`{"deep":${jsonAt(target, 'deep', 'deep')}}`, json)
  assert.is((await run(target, 'set', 'deep', '1', '--map', 'deep')).code, 0)
  assert.is((await run(target, 'delete', 'deep', '--map', 'deep')).stdout, 'deleted deep\n')
})

test('import: a hot key stays hot, a counter or a list is replaced', async () => {
  const { doc } = target.agent
  writeEntry(doc, 'over', 'k', 0, { hot: true })
  for (const key of ['n', 'log']) writeEntry(doc, 'over', key, 'something else')
  incrementEntry(doc, 'over', 'was', 5)
  const text = [
    '{"key":"k","value":1}',
    '{"key":"n","kind":"counter","value":2}',
    '{"key":"log","kind":"list","value":[1]}',
    '{"key":"log","kind":"list","from":1,"value":[2,3]}',
    '{"key":"was","kind":"list","value":["a"]}',
    '{"key":"k","kind":"raw","value":2}',
  ]
  const { stdout } = await run(target, 'import', fileOf(text.join('\n')), '--map', 'over')
  assert.is(stdout, 'imported 5 entries into map "over"\n')
  assert.is(layoutAt(target, 'over', 'k'), 'hot')
  assert.equal(
    ['k', 'n', 'log', 'was'].map((key) => readEntry(doc, 'over', key)),
    [2, 2, [1, 2, 3], ['a']],
  )
})

const refused: readonly (readonly [string, RegExp])[] = [
  ['{"key":"k","kind":"odd","value":1}', /^pilot-gossip: line 2 has an unknown kind: /],
  ['{"key":"k","kind":"list","from":-1,"value":[]}', /line 2 has an unknown kind/],
  ['{"key":"k","kind":"list","value":1}', /line 2: value of "k" is "1", but a list is an array/],
  [
    '{"key":"k","kind":"counter","value":[1]}',
    /value of "k" is an array, but a counter is a number/,
  ],
  ['{"key":"k","kind":"list","from":2,"value":[1]}', /"k" is not a list that can be continued/],
  [
    '{"key":"first","kind":"list","from":2,"value":[1]}',
    /"first" is not a list that can be continued/,
  ],
  ['{"key":"__proto__","kind":"hot","value":1}', /line 2: key "__proto__" is reserved/],
  ['{"key":"k","kind":"part","at":5,"value":"x"}', /line 2: the parts of "k" do not follow/],
  ['{"key":"k","kind":"part","at":0,"end":true,"value":"[1"}', /line 2: the parts .* not JSON/],
  ['{"key":"k","kind":"part","at":0,"value":1}', /line 2: the parts of "k" are not text/],
]

for (const [line, expected] of refused) {
  test(`import: refuses ${line}`, async () => {
    const map = `refused ${line}`.slice(0, 60)
    const text = `{"key":"first","value":1}\n${line}\n{"key":"last","value":1}\n`
    const { code, stdout, stderr } = await run(target, 'import', fileOf(text), '--map', map)
    assert.equal([code, stdout], [2, ''])
    assert.match(stderr, expected)
    assert.equal(keysOf(target.agent.doc, map).includes('last'), false)
    assert.equal(keysOf(target.agent.doc, map).includes('k'), false)
  })
}

test('import: parts without an end are not an entry, and may begin again', async () => {
  const [begin, end] = ['"at":0,"value":"\\"ab"', '"at":3,"end":true,"value":"c\\""']
  const part = (key: string, rest: string): string => `{"key":"${key}","kind":"part",${rest}}\n`
  const text = [part('a', begin), part('b', begin), part('a', begin), part('a', end)].join('')
  const { stdout } = await run(target, 'import', fileOf(text), '--map', 'parts')
  assert.is(stdout, 'imported 3 entries into map "parts"\n')
  assert.equal(keysOf(target.agent.doc, 'parts'), ['a'])
  assert.is(readEntry(target.agent.doc, 'parts', 'a'), 'abc')
})

test('import: an exported object that is too long is read line by line', async () => {
  const entries = Array.from({ length: 500 }, (_, n): [string, unknown] => [`k${n}`, `,"}{\\ ${n}`])
  writeEntries(source.agent.doc, 'object', entries)
  const { stdout } = await run(source, 'export', '--format', 'json', '--map', 'object')
  const read = async (text: string, maxBytes: number): Promise<[string, unknown][]> => {
    const chunks = text.match(/[\s\S]{1,999}/g) ?? []
    async function* stream(): AsyncGenerator<Buffer> {
      for (const chunk of chunks) yield Buffer.from(chunk)
    }
    const found: [string, unknown][] = []
    for await (const { key, value } of readObject(stream(), maxBytes)) found.push([key, value])
    return found
  }
  assert.equal(await read(stdout, 5_000), await read(stdout, 1e6))
  assert.is((await read(stdout, 5_000)).length, 500)
  await rejects(() => read(JSON.stringify(Object.fromEntries(entries)), 5_000), /too_large/)
  await rejects(
    () => read(`{\n  nonsense\n${'x'.repeat(9_000)}`, 5_000),
    /line 2 is not an entry: +nons/,
  )
})

test.run()
