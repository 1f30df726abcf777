/** What a running agent answers to each request, and when. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { ControlClient } from '../../src/control/client.ts'
import type { EntryFailure, Fields } from '../../src/control/protocol.ts'
import type { DataFolder } from '../../src/store/data-folder.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { MemoryHub } from '../../src/transports/memory/memory.ts'
import { closeAll, type Served, serve } from '../helpers/control.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('control service')

const temporary = temporaryFolder()
const stops: string[] = []
let a: Served
let b: Served
let client: ControlClient

test.before(async () => {
  const hub = new MemoryHub()
  b = await serve(temporary.dir, { name: 'b', hub })
  a = await serve(temporary.dir, {
    name: 'a',
    hub,
    peers: ['b'],
    onStop: () => stops.push('a'),
  })
  client = a.client
})

test.after(async () => {
  await closeAll()
  temporary.remove()
})

test('service: set, get, has, keys, list and delete', async () => {
  assert.equal(await client.ask({ command: 'set', map: 'm', key: 'k', value: { x: 1 } }), {
    map: 'm',
    key: 'k',
    value: { x: 1 },
  })
  await client.ask({ command: 'set', map: 'm', key: 'a', value: null })
  assert.equal(await client.ask({ command: 'get', map: 'm', key: 'k' }), {
    map: 'm',
    key: 'k',
    value: { x: 1 },
  })
  assert.equal(await client.ask({ command: 'has', map: 'm', key: 'a' }), {
    map: 'm',
    key: 'a',
    has: true,
  })
  assert.is((await client.ask({ command: 'has', map: 'm', key: 'b' })).has, false)
  assert.is((await client.ask({ command: 'has', map: 'none', key: 'b' })).has, false)
  assert.equal(await client.ask({ command: 'keys', map: 'm' }), { map: 'm', keys: ['a', 'k'] })
  assert.equal(await client.ask({ command: 'keys', map: 'none' }), { map: 'none', keys: [] })
  assert.equal(await client.ask({ command: 'list', map: 'm' }), {
    map: 'm',
    entries: { a: null, k: { x: 1 } },
  })
  assert.equal(await client.ask({ command: 'delete', map: 'm', key: 'k' }), {
    map: 'm',
    key: 'k',
    old: { x: 1 },
  })
  await rejects(
    () => client.ask({ command: 'get', map: 'm', key: 'k' }),
    /not_found no key "k" in map "m"/,
  )
  const { maps } = await client.ask({ command: 'status' })
  assert.equal(
    (maps as { name: string }[]).filter(({ name }) => name === 'none'),
    [],
    'reading a map must not create it',
  )
})

test('service: reads, writes and deletes parts of a value', async () => {
  const of = { map: 'parts', key: 'task' } as const
  assert.equal(await client.ask({ command: 'set', ...of, path: '/owner/name', value: 'ann' }), {
    ...of,
    path: '/owner/name',
    value: 'ann',
  })
  await client.ask({ command: 'set', ...of, path: '/items', value: [] })
  await client.ask({ command: 'set', ...of, path: '/items/-', value: 1 })
  await client.ask({ command: 'set', ...of, path: '/items/-', value: 2 })
  const whole = { owner: { name: 'ann' }, items: [1, 2] }
  assert.equal((await client.ask({ command: 'get', ...of })).value, whole)
  assert.equal((await client.ask({ command: 'get', ...of, path: '' })).value, whole)
  assert.equal(await client.ask({ command: 'get', ...of, path: '/items/1' }), {
    ...of,
    path: '/items/1',
    value: 2,
  })
  assert.equal(await client.ask({ command: 'delete', ...of, path: '/items/0' }), {
    ...of,
    path: '/items/0',
    old: 1,
  })
  assert.equal((await client.ask({ command: 'get', ...of, path: '/items' })).value, [2])
  await rejects(
    () => client.ask({ command: 'get', ...of, path: '/items/9' }),
    /not_found nothing at "\/items\/9" in the value of "task"/,
  )
  await rejects(() => client.ask({ command: 'delete', ...of, path: '/no' }), /not_found nothing/)
  await rejects(
    () => client.ask({ command: 'get', ...of, path: 'items' }),
    /invalid_argument path "items" is not a JSON Pointer/,
  )
  await rejects(
    () => client.ask({ command: 'set', ...of, path: '/owner/name/first', value: 1 }),
    /invalid_argument path/,
  )
  assert.equal((await client.ask({ command: 'delete', ...of, path: '' })).old, {
    owner: { name: 'ann' },
    items: [2],
  })
  assert.is((await client.ask({ command: 'has', ...of })).has, false)
})

test('service: increment and append return the new state, and refuse other types', async () => {
  const of = { map: 'sums' } as const
  assert.equal(await client.ask({ command: 'increment', ...of, key: 'n' }), {
    ...of,
    key: 'n',
    by: 1,
    value: 1,
  })
  assert.is((await client.ask({ command: 'increment', ...of, key: 'n', by: -2.5 })).value, -1.5)
  assert.equal(await client.ask({ command: 'append', ...of, key: 'l', value: 'x' }), {
    ...of,
    key: 'l',
    value: 'x',
    length: 1,
  })
  assert.is((await client.ask({ command: 'append', ...of, key: 'l', value: [1] })).length, 2)
  assert.equal((await client.ask({ command: 'get', ...of, key: 'l' })).value, ['x', [1]])
  await rejects(
    () => client.ask({ command: 'increment', ...of, key: 'l' }),
    /invalid_argument "l" is /,
  )
  await rejects(
    () => client.ask({ command: 'append', ...of, key: 'n', value: 1 }),
    /invalid_argument "n" is /,
  )
})

test('service: counts the increments of many concurrent clients', async () => {
  const asks = Array.from({ length: 100 }, (_, index) =>
    (index % 2 === 0 ? a : b).client.ask({ command: 'increment', map: 'sums', key: 'all' }),
  )
  await Promise.all(asks)
  for (const served of [a, b]) {
    await until('the sum', async () => {
      const { has } = await served.client.ask({ command: 'has', map: 'sums', key: 'all' })
      if (!has) return false
      const { value } = await served.client.ask({ command: 'get', map: 'sums', key: 'all' })
      return value === 100
    })
  }
})

test('service: put writes all entries, or none and names the bad one', async () => {
  assert.equal(
    await client.ask({
      command: 'put',
      map: 'many',
      entries: [
        ['a', 1],
        ['b', [2]],
        ['a', 3],
      ],
    }),
    { map: 'many', count: 3 },
  )
  assert.equal((await client.ask({ command: 'list', map: 'many' })).entries, { a: 3, b: [2] })
  assert.equal(await client.ask({ command: 'put', map: 'many', entries: [] }), {
    map: 'many',
    count: 0,
  })
  const failure = await rejects(
    () =>
      client.ask({
        command: 'put',
        map: 'many',
        entries: [
          ['c', 1],
          ['__proto__', 2],
          ['d', 3],
        ],
      }),
    /invalid_argument key "__proto__" is reserved/,
  )
  assert.is((failure as EntryFailure).entry, 1)
  assert.equal((await client.ask({ command: 'keys', map: 'many' })).keys, ['a', 'b'])
})

test('service: a value that cannot be stored is an invalid argument everywhere', async () => {
  const long = 'x'.repeat(8_400_000)
  const bad: readonly (readonly [Parameters<ControlClient['ask']>[0], RegExp])[] = [
    [{ command: 'set', key: 'k', value: '\ud800' }, /invalid_argument .*lone surrogate/],
    [{ command: 'set', key: 'k', value: { a: ['\udfff'] } }, /invalid_argument value\.a\[0\] /],
    [{ command: 'set', key: 'k', path: '/a/b', value: long }, /invalid_argument value of "k"/],
    [{ command: 'append', key: 'k', value: '\ud800' }, /invalid_argument .*lone surrogate/],
    [{ command: 'append', key: '', value: 1 }, /invalid_argument the key is empty/],
    [{ command: 'increment', key: 'x'.repeat(2_000) }, /invalid_argument key .* longer than/],
    [{ command: 'put', entries: [['k', long]] }, /invalid_argument value of "k" takes/],
    [
      { command: 'set', map: 'pilot-gossip:hot', key: 'k', value: 1 },
      /invalid_argument .*reserved/,
    ],
    [
      { command: 'get', key: 'k', swarm: 'other' },
      /invalid_argument the agent here belongs to .*"kv"/,
    ],
    [{ command: 'stop', swarm: 'other' }, /invalid_argument the agent here belongs to/],
  ]
  for (const [request, expected] of bad) await rejects(() => client.ask(request), expected)
  assert.is((await client.ask({ command: 'has', key: 'k' })).has, false)
  assert.equal(stops, [])
})

/** All changes that the agent reports while `act` runs, until there are `count` of them. */
const changesOf = async (
  from: ControlClient,
  map: string,
  count: number,
  act: () => Promise<unknown>,
): Promise<Fields[]> => {
  const changes: Fields[] = []
  const controller = new AbortController()
  let acting: Promise<unknown> | undefined
  await from.watch(
    { command: 'watch', map },
    (change) => {
      changes.push(change)
      if (changes.length >= count) controller.abort()
    },
    {
      onReady: () => {
        acting = act().catch((error) => {
          controller.abort()
          throw error
        })
      },
      signal: controller.signal,
    },
  )
  await acting
  return changes
}

test('service: watch reports old and new value and the node, here and at a peer', async () => {
  const of = { map: 'seen', key: 'k' } as const
  const act = async () => {
    await client.ask({ command: 'set', ...of, value: 1 })
    await client.ask({ command: 'set', ...of, value: { x: 2 } })
    await client.ask({ command: 'set', ...of, value: 3, hot: true })
    await client.ask({ command: 'delete', ...of })
  }
  const writer = a.agent.doc.clientID
  assert.equal(await changesOf(client, 'seen', 4, act), [
    { ...of, action: 'set', value: 1, writer, node: 'a' },
    { ...of, action: 'set', value: { x: 2 }, old: 1, writer, node: 'a' },
    { ...of, action: 'set', value: 3, old: { x: 2 }, writer, node: 'a' },
    { ...of, action: 'delete', old: 3, writer, node: 'a' },
  ])
  // Before the delete has arrived, a write might lose against the deleted value.
  await until('b to have all', async () => {
    const all = await Promise.all([a, b].map((one) => one.client.ask({ command: 'status' })))
    return all[0]?.digest === all[1]?.digest
  })
  const elsewhere = await changesOf(client, 'seen', 1, () =>
    b.client.ask({ command: 'set', ...of, value: 'from b' }),
  )
  assert.equal(elsewhere, [
    { ...of, action: 'set', value: 'from b', writer: b.agent.doc.clientID, from: 'b', node: 'b' },
  ])
})

test('service: history merges the document and the log, newest first', async () => {
  const of = { map: 'past', key: 'k' } as const
  for (const value of [1, 2]) await client.ask({ command: 'set', ...of, value })
  await b.client.ask({ command: 'set', map: 'past', key: 'from b', value: 0 })
  await until('b to follow', async () => {
    const { entries } = await b.client.ask({ command: 'list', map: 'past' })
    return (entries as Fields).k === 2
  })
  await b.client.ask({ command: 'delete', ...of })
  await until('a to follow', async () => {
    const { has } = await client.ask({ command: 'has', ...of })
    return has === false
  })
  await client.ask({ command: 'set', ...of, value: 3 })
  const { changes, left } = await client.ask({ command: 'history', ...of })
  const shown = changes as Fields[]
  assert.is(left, 0)
  assert.equal(
    shown.map(({ action, value, node, from, isCurrent }) => ({
      action,
      value,
      node,
      from,
      isCurrent,
    })),
    [
      { action: 'set', value: 3, node: 'a', from: undefined, isCurrent: true },
      { action: 'delete', value: 2, node: undefined, from: 'b', isCurrent: false },
      { action: 'set', value: 2, node: 'a', from: undefined, isCurrent: false },
      { action: 'set', value: 1, node: 'a', from: undefined, isCurrent: false },
    ],
  )
  for (const { seen } of shown) assert.ok(Math.abs(Date.parse(String(seen)) - Date.now()) < 60_000)
  const sum = { map: 'past', key: 'n' } as const
  for (const served of [a, b]) await served.client.ask({ command: 'increment', ...sum })
  const counted = await until('both parts', async () => {
    const answer = await client.ask({ command: 'history', ...sum })
    const all = answer.changes as Fields[]
    return all.filter(({ isCurrent }) => isCurrent).length === 2 && all
  })
  assert.equal(new Set(counted.map(({ node }) => node)), new Set(['a', 'b']))
  for (const { action, written } of counted) {
    assert.is(action, 'increment')
    assert.ok(Math.abs(Date.parse(String(written)) - Date.now()) < 60_000)
  }
  await rejects(
    () => client.ask({ command: 'history', map: 'past', key: 'none' }),
    /not_found nothing is known of key "none" in map "past"/,
  )
})

test('service: a long history is cut, and says so', async () => {
  const of = { map: 'past', key: 'busy' } as const
  const { doc } = a.agent
  for (let value = 0; value < 1_500; value++) {
    doc.getMap('past').set('busy', value)
    doc.getMap('past').set('other', value) // so that Yjs cannot merge what was overwritten
  }
  const { changes, left } = await client.ask({ command: 'history', ...of })
  assert.is((changes as Fields[]).length, 1_000)
  assert.ok(Number(left) >= 500, String(left))
  assert.is((changes as Fields[])[0]?.value, 1_499)
})

test('service: peers, status and stop', async () => {
  await client.ask({ command: 'set', key: 'hello', value: 1 })
  const { swarm, node, peers } = await until('b to be heard', async () => {
    const answer = await client.ask({ command: 'peers' })
    const [peer] = answer.peers as { lastHeard: string | null }[]
    return peer?.lastHeard != null && answer
  })
  assert.equal([swarm, node], ['kv', 'a'])
  const [peer] = peers as Fields[]
  assert.equal(Object.keys(peer ?? {}), ['address', 'source', 'lastHeard', 'inSync', 'failures'])
  assert.is(peer?.address, 'b')
  await rejects(
    () => b.client.ask({ command: 'stop' }),
    /invalid_argument this agent is part of a program/,
  )
  assert.equal(await client.ask({ command: 'stop', swarm: 'kv' }), {
    pid: process.pid,
    stopping: true,
  })
  assert.equal(stops, ['a'])
})

/** A store whose appends resolve when the test lets them, or fail. */
const slowFolder = (dir: string) => {
  const folder = dataFolder(dir)
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = []
  const store = new Proxy(folder.store, {
    get: (target, name) => {
      if (name === 'append') {
        return () =>
          new Promise<void>((resolve, reject) => {
            waiting.push({ resolve, reject })
          })
      }
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const slow: DataFolder = { ...folder, store }
  return { folder: slow, waiting }
}

test('service: acknowledges writes when they are on disk, many at a time', async () => {
  const { folder, waiting } = slowFolder(join(temporary.dir, 'slow'))
  const slow = await serve(temporary.dir, { name: 'slow', data: folder })
  let acknowledged = 0
  const asks = [
    slow.client.ask({ command: 'set', key: 'k', value: 1 }),
    slow.client.ask({ command: 'increment', key: 'n' }),
    slow.client.ask({ command: 'append', key: 'l', value: 1 }),
    slow.client.ask({ command: 'put', entries: [['p', 1]] }),
    ...Array.from({ length: 40 }, (_, index) =>
      slow.client.ask({ command: 'set', key: `k${index}`, value: index }),
    ),
  ].map(async (asked) => {
    const answer = await asked
    acknowledged++
    return answer
  })
  // All are in one group: none waits for the disk before it is applied.
  await until('all to be written', () => waiting.length >= asks.length)
  assert.is((await slow.client.ask({ command: 'get', key: 'k39' })).value, 39, 'reads continue')
  assert.is(acknowledged, 0)
  for (const { resolve } of waiting) resolve()
  await Promise.all(asks)
  assert.is(acknowledged, asks.length)
  const count = waiting.length
  const deleting = slow.client.ask({ command: 'delete', key: 'k' })
  await until('the delete to be written', () => waiting.length > count)
  waiting.at(-1)?.reject(new Error('the disk is on fire'))
  await until('it to be tried again', () => waiting.length > count + 1)
  waiting.at(-1)?.reject(new Error('the disk is on fire'))
  await rejects(() => deleting, /internal the disk is on fire/)
  const again = slow.client.ask({ command: 'set', key: 'k', value: 2 })
  await until('all that is missing to be written', () => waiting.length > count + 2)
  const open = setInterval(() => {
    for (const { resolve } of waiting) resolve()
  }, 10)
  assert.is((await again).value, 2)
  await slow.close()
  clearInterval(open)
})

test.run()
