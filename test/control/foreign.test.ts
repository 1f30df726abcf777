/**
 * Values that JSON cannot hold, written into a `Y.Doc` by a peer and by an editor: every command
 * shows them, no client is disconnected, and an import of an export restores them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Bridge } from '../../src/bridge/index.ts'
import type { Fields } from '../../src/control/protocol.ts'
import type { Failure } from '../../src/errors.ts'
import { readEntries, readEntry } from '../../src/maps/index.ts'
import { MemoryHub } from '../../src/transports/memory/memory.ts'
import { editor } from '../helpers/bridge/clients.ts'
import { dataOf, type Ended, inProcess } from '../helpers/cli.ts'
import { closeAll, type Served, serve } from '../helpers/control.ts'
import { deepMap, FLATTENED, FOREIGN, writeForeign } from '../helpers/foreign.ts'
import { createHome } from '../helpers/home.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('control: foreign values')

const home = createHome()
const { dir: homeDir, env, folder } = home
let a: Served
/** A peer of `a`, whose program writes into the document directly. */
let b: Served
/** An agent that knows neither of them. */
let target: Served
let files = 0

test.before(async () => {
  const hub = new MemoryHub()
  b = await serve(homeDir, { name: 'b', hub })
  a = await serve(homeDir, { name: 'a', hub, peers: ['b'] })
  target = await serve(homeDir, { name: 'target' })
})

test.after(async () => {
  await closeAll()
  await home.close()
})

const run = ({ dir }: Served, ...args: string[]): Promise<Ended> =>
  inProcess([...args, '--data', dir], { env })

const print = async (served: Served, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await run(served, ...args)
  assert.equal([code, stderr], [0, ''], args.join(' '))
  return stdout
}

const newFile = (name: string): string => {
  const dir = folder(`f${files++}`)
  mkdirSync(dir)
  return join(dir, name)
}

/** Watches the map at `a` while `act` runs, until `isDone`. */
const watched = async (
  map: string,
  act: () => void,
  isDone: (changes: readonly Fields[]) => boolean,
): Promise<Fields[]> => {
  const changes: Fields[] = []
  const end = new AbortController()
  let onReady = (): void => undefined
  const ready = new Promise<void>((resolve) => {
    onReady = resolve
  })
  const { signal } = end
  const onChange = (change: Fields): void => void changes.push(change)
  const watching = a.client.watch({ command: 'watch', map }, onChange, { onReady, signal })
  let failure: unknown
  watching.catch((error) => {
    failure = error
  })
  await ready
  act()
  await until('all changes to be reported', () => {
    if (failure) throw failure
    return isDone(changes)
  })
  end.abort()
  await watching
  return changes
}

test('foreign values: every command shows what a peer has written, as JSON and for people', async () => {
  const count = Object.keys(FOREIGN).length
  const changes = await watched(
    'state',
    () => writeForeign(b.agent.doc.getMap('state')),
    (changes) => changes.length === count,
  )
  assert.equal(Object.fromEntries(changes.map(({ key, value }) => [key, value])), FOREIGN)
  assert.equal(dataOf(await run(a, 'list', '--json')).entries, FOREIGN)
  assert.equal(dataOf(await run(a, 'keys', '--json')).keys, Object.keys(FOREIGN).sort())
  const list = await print(a, 'list')
  assert.is(list.trimEnd().split('\n').length, count + 1)
  for (const [key, shown] of Object.entries(FOREIGN)) {
    assert.equal(dataOf(await run(a, 'get', key, '--json')).value, shown, key)
    const text = typeof shown === 'string' ? shown : JSON.stringify(shown)
    assert.is(await print(a, 'get', key), `${text}\n`)
    assert.is(await print(a, 'has', key), 'true\n')
    assert.is(await print(a, 'wait', key, JSON.stringify(shown)), `${text}\n`)
    const [change] = dataOf(await run(a, 'history', key, '--json')).changes as Fields[]
    assert.equal(change?.value, shown, key)
    assert.ok((await print(a, 'history', key)).includes(`set ${JSON.stringify(shown)} (now)`), key)
    assert.ok(list.includes(JSON.stringify(shown)), key)
  }
})

test('foreign values: what an editor writes is shown, and the editor stays connected', async () => {
  const problems: Failure[] = []
  const rooms = { open: (name: string) => a.agent.openRoom(name) }
  const bridge = new Bridge({ port: 0, rooms, onProblem: (problem) => problems.push(problem) })
  const { url } = await bridge.listen()
  const { doc, provider, close } = editor(url, 'kv')
  try {
    let closed = 0
    provider.on('connection-close', () => closed++)
    await until('the editor is synced', () => provider.synced)
    const map = doc.getMap('edited')
    const changes = await watched(
      'edited',
      () => {
        map.set('first', { a: [1n] })
        writeForeign(map)
        map.set('last', 'x')
      },
      (changes) => changes.some(({ key }) => key === 'last'),
    )
    const all = { first: { a: ['1'] }, ...FOREIGN, last: 'x' }
    assert.equal(Object.fromEntries(changes.map(({ key, value }) => [key, value])), all)
    assert.equal(readEntries(a.agent.doc, 'edited'), all)
    await until('the peer has it', () => readEntry(b.agent.doc, 'edited', 'last') === 'x')
    a.agent.doc.getMap('edited').set('answer', 1)
    await until('the editor has the answer', () => map.get('answer') === 1)
    assert.equal([closed, problems, bridge.stats().clients], [0, [], 1])
  } finally {
    close()
    await bridge.close()
  }
})

test('export and import: restore the same, and report what they cannot restore', async () => {
  const file = newFile('out.ndjson')
  const map = a.agent.doc.getMap<unknown>('exported')
  writeForeign(map)
  const count = Object.keys(FOREIGN).length
  assert.is(
    await print(a, 'export', file, '--map', 'exported'),
    `exported ${count} entries of map "exported" to ${file}\n` +
      `${FLATTENED.length} entries hold shared types: an import turns them into plain values\n`,
  )
  const { flattened } = dataOf(await run(a, 'export', file, '--map', 'exported', '--json'))
  assert.is(flattened, FLATTENED.length)
  for (const _ of ['first', 'again']) await print(target, 'import', file, '--map', 'exported')
  assert.equal(readEntries(target.agent.doc, 'exported'), readEntries(a.agent.doc, 'exported'))
  const restored = target.agent.doc.getMap<unknown>('exported')
  for (const key of Object.keys(FOREIGN)) {
    if (!FLATTENED.includes(key)) assert.equal(restored.get(key), map.get(key), key)
  }
  const lines = readFileSync(file, 'utf8').split('\n')
  const kind =
    '{"key":"bigint in a list","kind":"raw","types":{"/a/0":"bigint"},"value":{"a":["1"]}}'
  assert.ok(lines.includes(kind))
  // The import exports to the same file: nothing was lost on the way.
  const second = newFile('out.ndjson')
  await print(target, 'export', second, '--map', 'exported')
  const plain = (text: string): string[] =>
    text.split('\n').filter((line) => !FLATTENED.some((key) => line.includes(JSON.stringify(key))))
  assert.equal(plain(readFileSync(second, 'utf8')), plain(lines.join('\n')))
})

test('export: an object holds values alone, and the command says so', async () => {
  const file = newFile('out.json')
  writeForeign(a.agent.doc.getMap('object'))
  const lossy = Object.keys(FOREIGN).length
  assert.match(
    await print(a, 'export', file, '--map', 'object'),
    `${lossy} entries hold what JSON cannot write: an import turns them into plain values\n`,
  )
  assert.equal(JSON.parse(readFileSync(file, 'utf8')), FOREIGN)
  await print(target, 'import', file, '--map', 'object')
  assert.equal(readEntries(target.agent.doc, 'object'), readEntries(a.agent.doc, 'object'))
  const { stdout, stderr } = await run(a, 'export', '--map', 'object')
  assert.is(stdout.trimEnd().split('\n').length, lossy)
  assert.match(stderr, /entries hold shared types/)
  assert.is((await run(a, 'export', '--map', 'object', '--json')).stderr, '')
})

test('export: a long value with types travels in parts', async () => {
  const bytes = new Uint8Array(3_000_000).fill(7)
  const map = a.agent.doc.getMap<unknown>('long')
  map.set('bytes', bytes)
  map.set('within', { bytes, n: 1n })
  map.set('many', new Array(100_000).fill(1n))
  const file = newFile('out.ndjson')
  await print(a, 'export', file, '--map', 'long')
  await print(target, 'import', file, '--map', 'long')
  const restored = target.agent.doc.getMap<unknown>('long')
  assert.equal(restored.get('bytes'), bytes)
  assert.equal(restored.get('within'), { bytes, n: 1n })
  assert.equal(readEntries(target.agent.doc, 'long'), readEntries(a.agent.doc, 'long'))
})

test('import: types that do not match are refused with the line', async () => {
  const file = newFile('in.ndjson')
  writeFileSync(file, '{"key":"k","kind":"raw","types":{"/a":"bigint"},"value":{"a":"x"}}\n')
  const { code, stderr } = await run(target, 'import', file, '--map', 'refused')
  assert.is(code, 2)
  assert.match(
    stderr,
    /line 1: "\/a" in the value of "k" is .*, which is not of type bigint; no entry was/,
  )
  writeFileSync(file, '{"key":"k","kind":"hot","types":{"":"bigint"},"value":"1"}\n')
  assert.match(
    (await run(target, 'import', file, '--map', 'refused')).stderr,
    /line 1: "k" is of kind "hot" and has "types"/,
  )
  writeFileSync(file, '{"key":"k","types":{"":"bigint"},"value":"1"}\n')
  await print(target, 'import', file, '--map', 'refused')
  assert.is(target.agent.doc.getMap('refused').get('k'), 1n)
  writeFileSync(file, '{"key":"k","kind":"raw","types":["bigint"],"value":"1"}\n')
  assert.match((await run(target, 'import', file)).stderr, /line 1 has an unknown kind/)
})

test('set --path: refused if the rest of the value would be lost', async () => {
  a.agent.doc.getMap('parts').set('k', { n: 1n, list: [Uint8Array.of(1)], done: false })
  const { code, stderr } = await run(a, 'set', 'k', 'true', '--path', '/done', '--map', 'parts')
  assert.is(code, 2)
  assert.match(stderr, /"k" has a bigint at "\/n", which JSON cannot keep/)
  const removed = await run(a, 'delete', 'k', '--path', '/done', '--map', 'parts')
  assert.is(removed.code, 2)
  assert.is(await print(a, 'get', 'k', '--path', '/list/0', '--map', 'parts'), 'AQ==\n')
  await print(a, 'set', 'k', '{"done":true}', '--map', 'parts')
  await print(a, 'set', 'k', 'false', '--path', '/done', '--map', 'parts')
})

test('foreign values: shared types nest to any depth', async () => {
  const { doc } = b.agent
  const map = doc.getMap<unknown>('deep')
  let json = ''
  const changes = await watched(
    'deep',
    () => {
      json = deepMap(map, 'k', 5_000)
      map.set('end', 1)
    },
    (changes) => changes.some(({ key }) => key === 'end'),
  )
  assert.ok(changes.length > 1)
  for (const args of [['get', 'k'], ['wait', 'k', json], ['history', 'k'], ['list'], ['export']]) {
    for (const mode of [[], ['--json']]) {
      const text = await run(a, ...args, ...mode, '--map', 'deep')
      assert.is(text.code, 0, `${args[0]} ${text.stderr.slice(0, 200)}`)
      assert.ok(text.stdout.includes(json), args[0])
    }
  }
})

test('watch: continues with values longer than the limit for unread bytes', async () => {
  const map = b.agent.doc.getMap('big')
  const changes = await watched(
    'big',
    () => {
      for (const letter of 'xyz') map.set('k', letter.repeat(12_000_000))
      map.set('end', 1)
    },
    (changes) => changes.some(({ key }) => key === 'end'),
  )
  assert.is(String(changes.at(-2)?.value).length, 12_000_000)
})

test.run()
