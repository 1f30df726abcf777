/** The tool server, with the client of the protocol's own library, over a swarm of two agents. */
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import * as assert from 'uvu/assert'
import { ControlClient } from '../../src/control/client.ts'
import type { Fields } from '../../src/control/protocol.ts'
import { writeEntries } from '../../src/maps/index.ts'
import { Backend } from '../../src/mcp/backend.ts'
import { toolServer } from '../../src/mcp/server.ts'
import { MemoryHub } from '../../src/transports/memory/memory.ts'
import { BIN, ROOT } from '../helpers/cli.ts'
import { closeAll, type Served, serve } from '../helpers/control.ts'
import { inFolder, temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('tool server')

const temporary = temporaryFolder()
const ends: (() => Promise<void> | void)[] = []
let a: Served
let b: Served
let model: Client
let other: Client

const connect = async (dir: string): Promise<Client> => {
  const backend = new Backend(dir)
  const server = toolServer(backend)
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  const client = new Client({ name: 'test', version: '1' })
  await Promise.all([server.connect(ours), client.connect(theirs)])
  ends.push(async () => {
    await client.close()
    backend.close()
  })
  return client
}

test.before(async () => {
  const hub = new MemoryHub()
  b = await serve(temporary.dir, { name: 'b', hub })
  a = await serve(temporary.dir, { name: 'a', hub, peers: ['b'] })
  model = await connect(a.dir)
  other = await connect(b.dir)
})

test.after(async () => {
  for (const end of ends) await end()
  await closeAll()
  temporary.remove()
})

interface Result {
  readonly isError?: boolean
  readonly content: readonly { readonly text?: string }[]
  readonly structuredContent?: Fields
}

const call = async (client: Client, name: string, args: object = {}): Promise<Result> =>
  (await client.callTool({ name, arguments: args as Record<string, unknown> })) as Result

/** What the tool answered; the text is the same as JSON. */
const answer = async (client: Client, name: string, args: object = {}): Promise<Fields> => {
  const { isError, content, structuredContent } = await call(client, name, args)
  assert.not(isError, content[0]?.text)
  assert.equal(JSON.parse(content[0]?.text ?? ''), structuredContent)
  return structuredContent ?? {}
}

const refusal = async (client: Client, name: string, args: object = {}): Promise<string> => {
  const { isError, content } = await call(client, name, args)
  assert.is(isError, true)
  return content[0]?.text ?? ''
}

test('each tool says what it is, and has a schema that takes nothing unknown', async () => {
  const { tools } = await model.listTools()
  assert.equal(
    tools.map(({ name }) => name),
    [
      'get',
      'set',
      'delete',
      'list',
      'increment',
      'append',
      'wait',
      'claim',
      'renew',
      'release',
      'watch_since',
      'history',
      'status',
    ],
  )
  for (const { name, title, description = '', inputSchema, annotations } of tools) {
    assert.ok(title && description.length > 40, name)
    assert.is(inputSchema.additionalProperties, false, name)
    assert.type(annotations?.readOnlyHint, 'boolean', name)
  }
  assert.match(model.getInstructions() ?? '', /shares with other agents/)
})

test('what one model writes, the other waits for, reads, counts and appends to', async () => {
  const waiting = answer(other, 'wait', { key: 'task:1', value: { done: true } })
  await answer(model, 'set', { key: 'task:1', value: { done: false } })
  await answer(model, 'set', { key: 'task:1', value: true, path: '/done' })
  assert.equal(await waiting, { found: true, key: 'task:1', value: { done: true } })
  assert.is((await answer(other, 'get', { key: 'task:1', path: '/done' })).value, true)
  await Promise.all([
    ...Array.from({ length: 10 }, () => answer(model, 'increment', { key: 'n' })),
    ...Array.from({ length: 10 }, () => answer(other, 'increment', { key: 'n', by: 2 })),
    ...Array.from({ length: 10 }, (_, i) =>
      answer(i % 2 ? model : other, 'append', { key: 'log', value: i }),
    ),
  ])
  assert.is((await answer(model, 'wait', { key: 'n', value: 30 })).found, true)
  await until('all items are there', async () => {
    const { value } = await answer(other, 'get', { key: 'log' })
    return Array.isArray(value) && value.length === 10
  })
})

test('list: pages, prefixes, patterns and keys alone', async () => {
  const map = 'pages'
  writeEntries(
    a.agent.doc,
    map,
    Array.from({ length: 25 }, (_, i) => [`k:${i + 10}`, i]),
  )
  const found: string[] = []
  for (let cursor: unknown; ; ) {
    const page = await answer(model, 'list', { map, limit: 10, ...(cursor ? { cursor } : {}) })
    found.push(...Object.keys(page.entries as object))
    cursor = page.cursor
    if (cursor === undefined) break
  }
  assert.is(new Set(found).size, 25)
  const { keys } = await answer(model, 'list', { map, glob: 'k:?4', keysOnly: true })
  assert.equal(keys, ['k:14', 'k:24', 'k:34'])
  assert.is((await answer(model, 'delete', { map, prefix: 'k:2' })).count, 10)
  assert.equal(await answer(model, 'delete', { map, key: 'k:20' }), { key: 'k:20', found: false })
})

test('no answer is longer than a model reads', async () => {
  const map = 'long'
  writeEntries(a.agent.doc, map, [
    ['huge', 'x'.repeat(500_000)],
    ...Array.from({ length: 40 }, (_, i): [string, string] => [`k${i}`, 'y'.repeat(5_000)]),
  ])
  const { isCut, advice } = await answer(model, 'get', { key: 'huge', map })
  assert.is(isCut, true)
  assert.match(String(advice), /500002 characters.*path/)
  const { contents } = await model.readResource({ uri: 'pilot-gossip:///long/huge' })
  assert.is(JSON.parse((contents[0] as { text: string }).text).isCut, true)
  const { cursor: since } = await answer(model, 'watch_since', { map })
  a.agent.doc.getMap(map).set('huge', 'z'.repeat(500_000))
  const seen = await until('the change', async () => {
    const next = await answer(model, 'watch_since', { map, cursor: since })
    return (next.changes as Fields[]).length > 0 && next
  })
  const past = await answer(model, 'history', { key: 'huge', map })
  for (const [change] of [seen.changes, past.changes] as Fields[][]) {
    assert.is(change?.isCut, true)
    assert.ok(JSON.stringify(change).length < 10_000)
  }
  let count = 0
  for (let cursor: unknown; ; ) {
    const { content, structuredContent = {} } = await call(model, 'list', {
      map,
      ...(cursor ? { cursor } : {}),
    })
    assert.ok(content[0]!.text!.length < 140_000)
    count += Object.keys(structuredContent.entries as object).length
    cursor = structuredContent.cursor
    if (cursor === undefined) break
  }
  assert.is(count, 41)
})

test('watch_since: what happened in between, once, and whether something was missed', async () => {
  const first = await answer(other, 'watch_since', { map: 'w' })
  assert.equal(first.changes, [])
  await answer(model, 'set', { key: 'k', value: 1, map: 'w' })
  await answer(other, 'wait', { key: 'k', map: 'w' })
  await answer(model, 'delete', { key: 'k', map: 'w' })
  const seen: Fields[] = []
  let { cursor } = first
  await until('the delete is told', async () => {
    const next = await answer(other, 'watch_since', { map: 'w', cursor })
    cursor = next.cursor
    seen.push(...(next.changes as Fields[]))
    return seen.length > 0 && seen.at(-1)?.action === 'delete'
  })
  assert.equal(
    seen.map(({ action, value }) => [action, value]),
    [
      ['set', 1],
      ['delete', undefined],
    ],
  )
  assert.equal((await answer(other, 'watch_since', { map: 'w', cursor })).changes, [])
  for (let i = 0; i < 1_100; i++) b.agent.doc.getMap('w').set(`k${i}`, i)
  const page = await until('more came than is kept', async () => {
    const next = await answer(other, 'watch_since', { map: 'w', cursor, limit: 10 })
    return next.isComplete === false && next
  })
  assert.is(page.hasMore, true)
  const rest = await answer(other, 'watch_since', { map: 'w', cursor: page.cursor, limit: 1 })
  assert.equal((rest.changes as Fields[]).length, 1)
  assert.match(
    await refusal(other, 'watch_since', { cursor: 'x' }),
    /invalid_argument: "x" is no cursor/,
  )
  assert.is(
    (await answer(other, 'watch_since', { map: 'w', cursor: '00000000.7' })).isComplete,
    false,
  )
})

test('errors say what to do; an absent key is an answer', async () => {
  assert.equal(await answer(model, 'get', { key: 'none' }), { found: false, key: 'none' })
  assert.equal(await answer(model, 'history', { key: 'none' }), {
    key: 'none',
    changes: [],
    left: 0,
  })
  assert.equal((await answer(model, 'wait', { key: 'none', seconds: 0.05 })).found, false)
  await answer(model, 'set', { key: 'c', value: 1 })
  assert.match(
    await refusal(model, 'set', { key: 'c', value: 2, ifAbsent: true }),
    /^conflict: .*What to do: /,
  )
  assert.match(await refusal(model, 'increment', { key: 'task:1' }), /^invalid_argument: /)
  assert.match(await refusal(model, 'delete'), /^invalid_argument: /)
  for (const [name, args] of [
    ['set', { key: 'k' }],
    ['set', { key: 'k', value: 1, color: 'red' }],
    ['get', { key: '' }],
    ['list', { limit: 0 }],
    ['wait', { key: 'k', seconds: 3_600 }],
  ] as const)
    assert.match(await refusal(model, name, args), /Invalid arguments/)
})

test('20 callers at once', async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(a.dir)))
  await Promise.all(
    clients.map(async (client, i) => {
      await answer(client, 'set', { key: `caller:${i}`, value: i })
      await answer(client, 'increment', { key: 'callers' })
      assert.is((await answer(client, 'get', { key: `caller:${i}` })).value, i)
      assert.is((await answer(client, 'wait', { key: 'callers', value: 20 })).found, true)
    }),
  )
  assert.is(
    Object.keys((await answer(model, 'list', { prefix: 'caller:' })).entries as object).length,
    20,
  )
})

test('maps are resources, and a client that subscribes is told of changes', async () => {
  await answer(model, 'set', { key: 'a/b c', value: [1], map: 'ré s' })
  const uri = 'pilot-gossip:///r%C3%A9%20s'
  const { resources } = await model.listResources()
  assert.ok(resources.some((one) => one.uri === uri))
  const read = async (of: string): Promise<unknown> => {
    const { contents } = await model.readResource({ uri: of })
    return JSON.parse((contents[0] as { text: string }).text)
  }
  assert.equal(await read(uri), { map: 'ré s', entries: { 'a/b c': [1] } })
  assert.equal(await read(`${uri}/a%2Fb%20c`), [1])
  const told: string[] = []
  model.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    told.push(params.uri)
  })
  await model.subscribeResource({ uri: `${uri}/later` })
  await answer(other, 'set', { key: 'sooner', value: 1, map: 'ré s' })
  await answer(other, 'set', { key: 'later', value: 1, map: 'ré s' })
  await until('the change is told', () => told.length > 0)
  assert.equal([...new Set(told)], [`${uri}/later`])
  await model.unsubscribeResource({ uri: `${uri}/later` })
  for (const bad of ['pilot-gossip:///', 'pilot-gossip:///a/b/c', `${uri}/none`])
    await model.readResource({ uri: bad }).then(
      () => assert.unreachable(bad),
      () => undefined,
    )
})

test('the command starts an agent where none runs, uses it again, and leaves it running', () =>
  inFolder(async (dir) => {
    const data = join(dir, 'data')
    const args = ['mcp', '--swarm', 'kv', '--mailbox', join(dir, 'mail'), '--data', data]
    const start = async (): Promise<Client> => {
      const client = new Client({ name: 'test', version: '1' })
      await client.connect(
        new StdioClientTransport({
          command: process.execPath,
          args: ['--import', 'tsx', BIN, ...args],
          cwd: ROOT,
          stderr: 'ignore',
        }),
      )
      return client
    }
    const agent = new ControlClient(data)
    try {
      const first = await start()
      await answer(first, 'set', { key: 'k', value: 1 })
      const second = await start()
      assert.is((await answer(second, 'get', { key: 'k' })).value, 1)
      await Promise.all([first.close(), second.close()])
      assert.is(await agent.isRunning(), true)
      const third = await start()
      await agent.ask({ command: 'stop' })
      await until('the agent has ended', async () => !(await agent.isRunning()))
      // Started again.
      assert.is((await answer(third, 'get', { key: 'k' })).value, 1)
      await third.close()
    } finally {
      await agent.ask({ command: 'stop' }).catch(() => undefined)
      await until('the agent has ended', async () => !(await agent.isRunning()))
    }
  }))

test.run()
