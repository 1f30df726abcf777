/** `SharedMap` and `openMap`, as a script uses them. */
import { getEventListeners } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { isFailure, openMap, SharedMap, type SharedMapChange } from '../../src/index.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { inFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('shared map')

type Task = { owner: string; done: boolean; tags?: string[] }

test('reads and writes like a Map, sorted', () => {
  const map = new SharedMap<Task>(new Y.Doc(), 'tasks')
  assert.is(map.set('b', { owner: 'x', done: false }), map)
  map.set('a', { owner: 'y', done: true })
  assert.is(map.size, 2)
  assert.ok(map.has('a'))
  assert.equal(map.get('a'), { owner: 'y', done: true })
  assert.is(map.get('none'), undefined)
  assert.equal(map.keys(), ['a', 'b'])
  assert.equal(
    map.values().map(({ owner }) => owner),
    ['y', 'x'],
  )
  assert.equal(
    [...map].map(([key, { owner }]) => [key, owner]),
    [
      ['a', 'y'],
      ['b', 'x'],
    ],
  )
  assert.equal(JSON.parse(JSON.stringify(map)), Object.fromEntries(map.entries()))
  assert.ok(map.delete('a'))
  assert.not.ok(map.delete('a'))
})

test('copies values, in and out', () => {
  const map = new SharedMap<string[]>(new Y.Doc(), 'm')
  const mine = ['a']
  map.set('k', mine)
  mine.push('b')
  map.get('k')?.push('c')
  map.values()[0]?.push('d')
  map.observe(({ value, old }) => {
    value?.push('e')
    old?.push('f')
  })
  map.update('k', (list) => {
    list?.push('g')
    return list
  })
  assert.equal(map.get('k'), ['a', 'g'])
})

test('update creates, changes and deletes', () => {
  const map = new SharedMap<number>(new Y.Doc(), 'm')
  assert.is(
    map.update('k', (n) => (n ?? 0) + 1),
    1,
  )
  assert.is(
    map.update('k', (n) => (n ?? 0) + 1),
    2,
  )
  assert.is(
    map.update('k', () => undefined),
    undefined,
  )
  assert.not.ok(map.has('k'))
})

test('increments and appends; the compiler refuses other types', () => {
  const doc = new Y.Doc()
  const counts = new SharedMap<number>(doc, 'counts')
  assert.is(counts.increment('n'), 1)
  assert.is(counts.increment('n', 4), 5)
  const logs = new SharedMap<string[]>(doc, 'logs')
  assert.is(logs.append('l', 'x'), 1)
  assert.equal(logs.get('l'), ['x'])
  const any = new SharedMap(doc, 'any')
  assert.is(any.increment('n'), 1)
  assert.is(any.append('l', { x: 1 }), 1)
  const tasks = new SharedMap<Task>(doc, 'tasks')
  tasks.set('t', { owner: 'a', done: false })
  // @ts-expect-error: not a number
  assert.throws(() => tasks.increment('t'), /which is not a number/)
  // @ts-expect-error: not an array
  assert.throws(() => tasks.append('t', 1), /which is not a list/)
  // @ts-expect-error: not a JSON value
  assert.throws(() => any.set('at', { at: new Date(0) }), /^value\.at is a Date/)
})

test('a transaction is one change to observers; its result and its errors pass through', () => {
  const map = new SharedMap<number>(new Y.Doc(), 'm', { hot: true })
  const reported: SharedMapChange<number>[] = []
  const end = map.observe((change) => reported.push(change))
  const result = map.transact(() => {
    map.set('k', 1)
    map.set('k', 2)
    return map.increment('k', 3)
  })
  assert.is(result, 5)
  assert.equal(reported, [
    { key: 'k', action: 'set', value: 5, writer: map.doc.clientID, isLocal: true },
  ])
  end()
  map.set('k', 9)
  assert.is(reported.length, 1)
  assert.not.ok(map.doc.share.has('m'), 'a hot map makes no Y.Map')
})

test("is safe against a hostile peer's key", () => {
  const doc = new Y.Doc()
  doc.getMap('m').set('__proto__', { evil: true })
  const object = new SharedMap(doc, 'm').toJSON()
  assert.is(Object.getPrototypeOf(object), Object.prototype)
  assert.is((object as { evil?: unknown }).evil, undefined)
})

test('close ends the observers, then the agent that it was opened with', async () => {
  const doc = new Y.Doc()
  const did: string[] = []
  const map = new SharedMap(doc, 'm', {
    flushed: async () => void did.push('flushed'),
    close: async () => void did.push('closed'),
  })
  map.observe(() => did.push('reported'))
  map.set('k', 1)
  await map.flushed()
  await map.close()
  map.set('k', 2)
  assert.equal(did, ['reported', 'flushed', 'closed'])
  await new SharedMap(doc, 'm').flushed()
})

test('observes one key', () => {
  const map = new SharedMap<number[]>(new Y.Doc(), 'm')
  map.set('k', [1])
  const reported: unknown[] = []
  const end = map.observe(({ key, old, value }) => reported.push([key, old, value]), { key: 'k' })
  map.set('other', [0])
  map.append('k', 2)
  end()
  map.append('k', 3)
  assert.equal(reported, [['k', [1], [1, 2]]])
})

/** The listeners of waits that are still registered. */
const left = ({ doc }: { readonly doc: Y.Doc }, signal: AbortSignal): number =>
  (doc._observers.get('afterTransaction')?.size ?? 0) + getEventListeners(signal, 'abort').length

const timers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

test('until checks at once and after each change, and removes its listeners', async () => {
  const map = new SharedMap<number>(new Y.Doc(), 'm')
  const sibling = map.sibling<number>('other')
  const { signal } = new AbortController()
  const before = timers()
  const options = { timeout: 1e6, signal }
  let looks = 0
  const isSo = (it: typeof map): boolean => {
    assert.is(it, map)
    looks++
    return (it.get('k') ?? 0) + (sibling.get('k') ?? 0) >= 3
  }
  const waiting = map.until(isSo, options)
  assert.is(looks, 1)
  map.set('k', 1)
  map.transact(() => undefined) // no change
  assert.is(looks, 2)
  assert.is(left(map, signal), 2)
  assert.is(timers(), before + 1)
  sibling.set('k', 2)
  assert.is(left(map, signal), 0)
  assert.is(timers(), before)
  await waiting
  await map.until(isSo, options)
  assert.is(left(map, signal), 0)
  assert.is(timers(), before)
})

test('until rejects on timeout, abort and close, and with what was thrown', async () => {
  const map = new SharedMap<number>(new Y.Doc(), 'm')
  const stop = new AbortController()
  const { signal } = stop
  const never = (): boolean => false
  const before = timers()
  const late = await rejects(() => map.until(never, { timeout: 0.3, signal }), /timeout .* 1 ms/)
  assert.ok(isFailure(late, 'timeout'))
  const failing = map.until((it) => it.size > 0 && JSON.parse('{'), { timeout: 1e6, signal })
  map.set('k', 1)
  await rejects(() => failing, /JSON/)
  await rejects(() => map.until(() => JSON.parse('{'), { signal }), /JSON/)
  const aborted = map.until(never, { timeout: 1e6, signal })
  const reason = new Error('no more')
  stop.abort(reason)
  assert.is(await rejects(() => aborted), reason)
  assert.is(await rejects(() => map.until(() => true, { signal })), reason)
  const sibling = map.sibling('other')
  const ofBoth = [map.until(never, { timeout: 1e6 }), sibling.until(never)]
  await Promise.all([map.close(), ...ofBoth.map((one) => rejects(() => one, /closed/))])
  assert.is(left(map, signal), 0)
  assert.is(timers(), before)
  for (const timeout of [-1, Number.NaN, 2 ** 31]) {
    await rejects(() => map.until(never, { timeout }), /timeout must be 0 to/)
  }
})

test('siblings are maps of one document, and close by themselves or with the first', async () => {
  const did: string[] = []
  const map = new SharedMap<number>(new Y.Doc(), 'm', {
    flushed: async () => void did.push('flushed'),
    close: async () => void did.push('closed'),
  })
  const claims = map.sibling<string>('claims', { hot: true })
  const notes = claims.sibling('notes')
  claims.observe(({ key }) => did.push(`claims ${key}`))
  notes.observe(({ key }) => did.push(`notes ${key}`))
  map.transact(() => {
    claims.set('k', 'a')
    notes.set('k', { at: 1 })
    map.set('k', 1)
  })
  assert.not.ok(map.doc.share.has('claims'), 'a hot map makes no Y.Map')
  assert.equal(did.splice(0), ['claims k', 'notes k'])
  await notes.flushed()
  await claims.close()
  claims.set('k', 'b')
  notes.set('l', 1)
  assert.equal(did.splice(0), ['flushed', 'notes l'])
  await map.close()
  notes.set('m', 1)
  assert.equal(did, ['closed'])
  assert.throws(() => map.sibling('pilot-gossip:hot'), /is reserved/)
})

test('two scripts share a map over a mailbox, and find it again after both have ended', () =>
  inFolder(async (dir) => {
    const open = (name: string) =>
      openMap<number>({
        swarm: 'kv',
        mailbox: join(dir, 'mail'),
        name,
        data: join(dir, name),
        map: 'counts',
        config: { intervalMs: 300 },
      })
    const [a, b] = [await open('a'), await open('b')]
    a.increment('n', 2)
    b.increment('n', 3)
    await until('both have the sum', () => a.get('n') === 5 && b.get('n') === 5)
    await a.flushed()
    await a.close()
    await b.close()
    const again = await open('a')
    assert.is(again.get('n'), 5)
    assert.is(again.increment('n'), 6)
    await again.close()
  }))

test('openMap accepts a transport, and throws a TypeError for contradictory options', async () => {
  const transport = new MemoryTransport(new MemoryHub(), 'a')
  const map = await openMap({ swarm: 'kv', transport })
  map.set('k', 1)
  assert.equal(map.toJSON(), { k: 1 })
  assert.is(map.name, 'state')
  assert.is(map.agent.status().node, 'a')
  assert.is(map.agent.doc, map.doc)
  await map.close()
  await rejects(() => openMap({ swarm: 'kv', mailbox: '/nowhere' }), /needs a name/)
  await rejects(() => openMap({ swarm: 'kv', mailbox: '/nowhere', transport }), /not both/)
})

test('openMap refuses an unusable map, and starts nothing', () =>
  inFolder(async (dir) => {
    const mailbox = join(dir, 'mail')
    for (const map of ['', 'pilot-gossip:hot', '__proto__', 'x'.repeat(1025)]) {
      const options = { swarm: 'kv', mailbox, name: 'a', data: join(dir, 'data'), map }
      const error = await rejects(() => openMap(options), /invalid_argument .*(map name|__proto__)/)
      assert.ok(isFailure(error))
    }
    assert.not.ok(existsSync(mailbox) || existsSync(join(dir, 'data')))
  }))

test('selections, conditions and several entries at once', () => {
  const doc = new Y.Doc()
  const map = new SharedMap<number>(doc, 'm')
  let transactions = 0
  doc.on('afterTransaction', () => transactions++)
  map.setAll([
    ['a:1', 1],
    ['a:2', 2],
    ['b', 3],
  ])
  assert.is(transactions, 1)
  assert.equal(map.keys({ prefix: 'a:' }), ['a:1', 'a:2'])
  assert.equal(map.entries({ glob: '*2' }), [['a:2', 2]])
  assert.equal(map.keys({ limit: 1, cursor: 'a:1' }), ['a:2'])
  const seen: string[] = []
  map.observe(({ key, action }) => void seen.push(`${action} ${key}`), { prefix: 'a:' })
  map.set('a:3', 3).set('b', 4)
  assert.is(map.deleteAll({ prefix: 'a:' }), 3)
  assert.equal(seen.sort(), ['delete a:1', 'delete a:2', 'delete a:3', 'set a:3'])
  assert.is(map.versionOf('a:1'), undefined)
  const version = map.versionOf('b')!
  assert.throws(
    () => map.set('b', 0, { ifAbsent: true }),
    (e: Error) => isFailure(e, 'conflict'),
  )
  map.set('b', 5, { ifVersion: version }).set('b', 6, { if: 5 })
  assert.throws(
    () => map.set('b', 0, { ifVersion: version }),
    (e: Error) => isFailure(e, 'conflict'),
  )
  assert.throws(
    () => map.set('b', 0, { if: 5, ifAbsent: false }),
    (e: Error) => isFailure(e, 'conflict'),
  )
  assert.throws(() =>
    map.setAll([
      ['c', 1],
      ['', 2],
    ]),
  )
  assert.equal(map.toJSON(), { b: 6 })
})

test.run()
