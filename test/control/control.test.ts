/** The control socket: its lines, its folder, one agent per folder, and clients of every kind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Farewell, type Handle, Rows, Subscription } from '../../src/control/answers.ts'
import { ControlClient, shellQuote } from '../../src/control/client.ts'
import { defaultFolder, socketPath, stateRoot } from '../../src/control/folder.ts'
import { Lines } from '../../src/control/lines.ts'
import {
  decodeAnswer,
  EntryFailure,
  encodeAnswer,
  encodeFailure,
  MAX_REQUEST_BYTES,
} from '../../src/control/protocol.ts'
import { decodeRequest } from '../../src/control/requests.ts'
import { ControlServer } from '../../src/control/server.ts'
import { Failure } from '../../src/errors.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('control')

const MEGABYTE = 1024 * 1024

const temporary = temporaryFolder()
const open = new Set<ControlServer>()
let folders = 0

const newFolder = (): string => join(temporary.dir, `d${folders++}`)

/** Echoes the request; `get` of "bad" throws a Failure, `get` of "bug" another error. */
const echo: Handle = (request) => {
  if ('key' in request && request.key === 'bad') {
    throw new Failure('not_found', 'no such key', { hint: 'choose another' })
  }
  if ('key' in request && request.key === 'bug') throw new TypeError('a defect')
  return { request }
}

const start = async (handle: Handle = echo, dir = newFolder()) => {
  const server = new ControlServer({ dir, handle })
  await server.open()
  open.add(server)
  return { dir, server, client: new ControlClient(dir), path: await socketPath(dir) }
}

/** A raw connection, and everything that it has received so far. */
const dial = async (path: string): Promise<{ socket: Socket; received: () => string }> => {
  const socket = connect(path)
  let received = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text
  })
  socket.on('error', () => undefined) // the tests check what was received, and which process still lives
  await once(socket, 'connect')
  return { socket, received: () => received }
}

const answersOf = (received: string): Record<string, unknown>[] =>
  received
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

test.after(async () => {
  for (const server of open) await server.close()
  temporary.remove()
})

test('Lines: splits lines wherever the chunks end', () => {
  const text = 'one\n\ntwo \u00e9\nthree'
  for (let size = 1; size <= 6; size++) {
    const lines = new Lines(100)
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += size) lines.push(bytes.subarray(at, at + size))
    const got = [lines.shift(), lines.shift(), lines.shift(), lines.shift()]
    assert.equal(got, ['one', '', 'two \u00e9', undefined])
    lines.push(Buffer.from('!\n'))
    assert.is(lines.shift(), 'three!')
  }
})

test('Lines: refuses a line longer than the limit', async () => {
  const lines = new Lines(4)
  lines.push(Buffer.from('abcd\n'))
  assert.is(lines.shift(), 'abcd')
  await rejects(() => lines.push(Buffer.from('abcde\n')), /too_large .*longer than 4 bytes/)
  const parts = new Lines(4)
  parts.push(Buffer.from('abc'))
  await rejects(() => parts.push(Buffer.from('de')), /too_large/)
  parts.push(Buffer.from('ok\n'))
  assert.is(parts.shift(), 'ok')
})

test('Lines: refuses a line that is not UTF-8, and reads the next', async () => {
  const lines = new Lines(100)
  lines.push(Buffer.from([0xff, 0x0a, 0x61, 0x0a]))
  await rejects(() => lines.shift(), /invalid_argument the line is not UTF-8/)
  assert.is(lines.shift(), 'a')
})

test('decodeRequest: refuses malformed requests', async () => {
  assert.equal(decodeRequest('{"command":"get","key":"k"}'), { command: 'get', key: 'k' })
  assert.equal(decodeRequest('{"command":"set","key":"k","value":null}').command, 'set')
  const bad: readonly (readonly [string, RegExp])[] = [
    ['', /not a JSON object/],
    ['nonsense', /not a JSON object/],
    ['[]', /not a JSON object/],
    ['null', /not a JSON object/],
    ['{}', /there is no command undefined/],
    ['{"command":"drop"}', /there is no command "drop"/],
    ['{"command":"constructor"}', /there is no command "constructor"/],
    ['{"command":"get"}', /"key" of "get" must be a string/],
    ['{"command":"get","key":1}', /"key" of "get" must be a string/],
    ['{"command":"list","map":{}}', /"map" of "list" must be a string/],
    ['{"command":"status","swarm":null}', /"swarm" of "status" must be a string/],
    ['{"command":"set","key":"k"}', /"set" needs a value/],
    ['{"command":"append","key":"k"}', /"append" needs a value/],
    ['{"command":"set","key":"k","value":1,"hot":1}', /"hot" of "set" must be true or false/],
    ['{"command":"get","key":"k","path":["a"]}', /"path" of "get" must be a string/],
    ['{"command":"delete","key":"k","path":null}', /"path" of "delete" must be a string/],
    ['{"command":"has"}', /"key" of "has" must be a string/],
    ['{"command":"history","key":{}}', /"key" of "history" must be a string/],
    ['{"command":"increment","key":"k","by":"1"}', /"by" of "increment" must be a finite number/],
    ['{"command":"increment","key":"k","by":1e999}', /"by" of "increment" must be a finite number/],
    ['{"command":"increment","key":"k","by":null}', /"by" of "increment" must be a finite number/],
    ['{"command":"put"}', /"entries" of "put" must be a list of pairs/],
    ['{"command":"put","entries":{"k":1}}', /"entries" of "put" must be a list of pairs/],
    ['{"command":"put","entries":[["k"]]}', /"entries" of "put" must be a list of pairs/],
    ['{"command":"put","entries":[["k",1,2]]}', /"entries" of "put" must be a list of pairs/],
    ['{"command":"put","entries":[[1,1]]}', /"entries" of "put" must be a list of pairs/],
    ['{"command":"stop","swarm":1}', /"swarm" of "stop" must be a string/],
    ['{"__proto__":{"command":"status"}}', /there is no command undefined/],
  ]
  for (const [line, expected] of bad) await rejects(() => decodeRequest(line), expected)
})

test('decodeRequest: drops fields that the command does not have', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['{"command":"get","key":"k","value":1,"extra":{}}', { command: 'get', key: 'k' }],
    ['{"command":"status","key":7,"map":7}', { command: 'status' }],
    ['{"command":"put","entries":[],"path":1}', { command: 'put', entries: [] }],
    [
      '{"command":"set","key":"k","value":{"x":1},"hot":false,"path":""}',
      { command: 'set', key: 'k', value: { x: 1 }, hot: false, path: '' },
    ],
    [
      '{"command":"increment","swarm":"s","map":"m","key":"k","by":-0.5}',
      { command: 'increment', swarm: 's', map: 'm', key: 'k', by: -0.5 },
    ],
  ]
  for (const [line, request] of cases) assert.equal(decodeRequest(line), request, line)
})

test('EntryFailure: keeps the index of its entry', async () => {
  const failure = new EntryFailure(17, 'invalid_argument', 'bad key', { hint: 'choose another' })
  const back = await rejects(() => decodeAnswer(encodeFailure(failure)), /invalid_argument bad key/)
  assert.instance(back, EntryFailure)
  assert.equal([(back as EntryFailure).entry, (back as Failure).hint], [17, 'choose another'])
})

test('decodeAnswer: returns answers and failures as they were encoded', async () => {
  assert.equal(decodeAnswer(encodeAnswer({ value: [1, '2'] })), { value: [1, '2'] })
  assert.equal(decodeAnswer(encodeAnswer({ value: 2n ** 70n })), {
    value: '1180591620717411303424',
  })
  const failure = new Failure('inbox_full', 'no room', { hint: 'wait' })
  const back = (await rejects(() => decodeAnswer(encodeFailure(failure)), /no room/)) as Failure
  assert.equal([back.code, back.hint], ['inbox_full', 'wait'])
  await rejects(() => decodeAnswer('{"status":"error","code":"odd","message":"m"}'), /internal m/)
  for (const line of ['', '{}', '{"status":"ok"}', '{"status":"ok","data":[]}']) {
    await rejects(() => decodeAnswer(line), /internal .*malformed answer/)
  }
})

test('defaultFolder: follows the environment, else lies below the home', async () => {
  assert.is(stateRoot({ HOME: '/h' }), '/h/.local/state/pilot-gossip')
  assert.is(stateRoot({ HOME: '/h', XDG_STATE_HOME: '/s' }), '/s/pilot-gossip')
  assert.is(stateRoot({ HOME: '/h', XDG_STATE_HOME: 's' }), '/h/.local/state/pilot-gossip')
  assert.is(defaultFolder('kv', { XDG_STATE_HOME: '/s' }), '/s/pilot-gossip/kv')
  for (const name of ['', '..', 'a/b', '-x', 'a b', 'x'.repeat(65)]) {
    await rejects(() => defaultFolder(name, {}), /invalid_argument swarm name/)
  }
  assert.is(shellQuote('/a/b-c.d'), '/a/b-c.d')
  assert.is(shellQuote(`it's`), `'it'\\''s'`)
})

test('server: folder and socket belong to their owner alone', async () => {
  const { dir, path, client } = await start()
  assert.is(statSync(dir).mode & 0o777, 0o700)
  assert.is(statSync(path).mode & 0o777, 0o600)
  const link = newFolder()
  symlinkSync(dir, link)
  assert.is(await socketPath(link), path)
  assert.ok(await client.isRunning())
})

test('server: an existing folder keeps its mode', async () => {
  const dir = newFolder()
  mkdirSync(dir)
  chmodSync(dir, 0o755)
  const { path } = await start(echo, dir)
  assert.is(statSync(dir).mode & 0o777, 0o755)
  assert.is(statSync(path).mode & 0o777, 0o600)
})

test('server: if the path is too long, the socket lies in the temporary folder, for its owner alone', async () => {
  const { TMPDIR: before } = process.env
  process.env.TMPDIR = temporary.dir
  try {
    const { dir, path, client } = await start(echo, join(newFolder(), 'x'.repeat(120)))
    assert.ok(path.startsWith(tmpdir()), path)
    assert.ok(Buffer.byteLength(path) <= 100, path)
    assert.is(statSync(join(path, '..')).mode & 0o777, 0o700)
    assert.equal(await client.ask({ command: 'list' }), { request: { command: 'list' } })
    assert.is.not(await socketPath(await makeLong()), path)
    chmodSync(join(path, '..'), 0o755)
    await rejects(
      () => new ControlClient(dir).ask({ command: 'list' }),
      /permission_denied .*alone/,
    )
    chmodSync(join(path, '..'), 0o700)
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
})

const makeLong = async (): Promise<string> => {
  const dir = join(newFolder(), 'y'.repeat(120))
  mkdirSync(dir, { recursive: true })
  return dir
}

test('client: without an agent, the failure says how to start one', async () => {
  const dir = newFolder()
  const ask = () => new ControlClient(dir).ask({ command: 'status' })
  const failure = (await rejects(ask, /not_running/)) as Failure
  assert.is(failure.message, `no agent runs on "${dir}"`)
  assert.is(failure.hint, `start one with: pilot-gossip run --swarm NAME --data ${dir} --detach`)
  mkdirSync(dir)
  await rejects(ask, /not_running/)
  writeFileSync(join(dir, 'agent.sock'), 'no socket')
  await rejects(ask, /not_running/)
})

test('client: receives answers, failures and defects', async () => {
  const { client } = await start()
  const request = { command: 'set', map: 'm', key: 'k', value: { a: 1 } } as const
  assert.equal(await client.ask(request), { request })
  const failure = (await rejects(() => client.ask({ command: 'get', key: 'bad' }))) as Failure
  assert.equal(
    [failure.code, failure.message, failure.hint],
    ['not_found', 'no such key', 'choose another'],
  )
  await rejects(() => client.ask({ command: 'get', key: 'bug' }), /internal a defect/)
  await rejects(
    () => client.ask({ command: 'set', key: 'k', value: 'x'.repeat(MAX_REQUEST_BYTES) }),
    /invalid_argument key and value take 16777255 bytes/,
  )
})

test('server: a second one on a folder is refused, and the first continues', async () => {
  const { dir, client, server } = await start()
  const second = new ControlServer({ dir, handle: echo })
  const failure = (await rejects(() => second.open(), /already_exists/)) as Failure
  assert.is(failure.message, `an agent runs on "${dir}" already`)
  assert.is(failure.hint, 'stop it, or give this one another folder with --data DIR')
  await second.close()
  assert.ok(await client.isRunning())
  await server.close()
  assert.not(await client.isRunning())
  await second.open()
  assert.ok(await client.isRunning())
  await second.close()
})

test('server: of ten that start at once, one gets the folder', async () => {
  const dir = newFolder()
  const servers = Array.from({ length: 10 }, () => new ControlServer({ dir, handle: echo }))
  const results = await Promise.allSettled(servers.map((server) => server.open()))
  const won = results.filter(({ status }) => status === 'fulfilled')
  assert.is(won.length, 1)
  assert.ok(await new ControlClient(dir).isRunning())
  await Promise.all(servers.map((server) => server.close()))
  assert.not(await new ControlClient(dir).isRunning())
})

test('server: a socket that answers is not taken over, even without a lock', async () => {
  const { dir, path } = await start()
  const other = newFolder()
  mkdirSync(other)
  symlinkSync(path, join(other, 'agent.sock'))
  await rejects(() => new ControlServer({ dir: other, handle: echo }).open(), /already_exists/)
  assert.ok(await new ControlClient(dir).isRunning())
})

test('server: takes over the socket of a killed process', async () => {
  const dir = newFolder()
  mkdirSync(dir)
  const path = await socketPath(dir)
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`
  const child = spawn(process.execPath, ['-e', script])
  await once(child.stdout, 'data')
  await rejects(() => new ControlServer({ dir, handle: echo }).open(), /already_exists/)
  child.kill('SIGKILL')
  await once(child, 'close')
  assert.ok(existsSync(path), 'the test is worth nothing without a stale socket')
  const { client } = await start(echo, dir)
  assert.ok(await client.isRunning())
})

test('server: the failure names a folder that cannot be made or used', async () => {
  const file = newFolder()
  writeFileSync(file, '')
  const openOn = (dir: string) => new ControlServer({ dir, handle: echo }).open()
  const failure = (await rejects(() => openOn(file), /not_found the data folder/)) as Failure
  assert.match(failure.message, `the data folder "${file}" cannot be used: `)
  assert.is(failure.hint, 'a file is where a folder should be: give another path')
  await rejects(() => openOn(join(file, 'below')), /not_found the data folder/)
  await rejects(() => openOn('/proc/nothing/below'), /cannot be used/)
  await rejects(() => openOn('/proc/nothing'), /the data folder "\/proc\/nothing" cannot be used/)
})

test('server: answers each line of garbage with an error, and the client may continue', async () => {
  const { path } = await start()
  const { socket, received } = await dial(path)
  socket.write(Buffer.from('nonsense\n\n{"command":"status"}\n'))
  socket.write(Buffer.from([0xff, 0xfe, 0x0a]))
  socket.write('{"command":"list"}\n')
  const answers = await until('five answers', () => {
    const all = answersOf(received())
    return all.length === 5 && all
  })
  assert.equal(
    answers.map(({ status, message, data }) => message ?? data ?? status),
    [
      'the request is not a JSON object',
      'the request is not a JSON object',
      { request: { command: 'status' } },
      'the line is not UTF-8',
      { request: { command: 'list' } },
    ],
  )
  socket.destroy()
})

test('server: refuses a line of 100 MB without storing it, and serves others meanwhile', async () => {
  const { path, client } = await start()
  const { socket, received } = await dial(path)
  const chunk = Buffer.alloc(MEGABYTE, 'x')
  let sent = 0
  const flood = (async () => {
    while (sent < 100 && !socket.destroyed) {
      sent++
      const isFull = !socket.write(chunk)
      if (isFull) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
    }
    socket.end()
  })()
  await until('the refusal', () => received() !== '')
  assert.equal(await client.ask({ command: 'list' }), { request: { command: 'list' } })
  await flood
  await until('the end', () => socket.destroyed)
  const [answer] = answersOf(received())
  assert.is(answer?.code, 'too_large')
  assert.is(answer?.message, 'the line is longer than 16777216 bytes')
  assert.ok(sent > 1, 'nothing was sent')
})

test('server: a client that leaves in the middle disturbs no other', async () => {
  let isAsked = false
  let release: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const { path, client } = await start(async (request) => {
    if (request.command === 'status') {
      isAsked = true
      await gate
    }
    return { request }
  })
  const half = await dial(path)
  half.socket.write('{"command":"li')
  half.socket.end()
  const gone = await dial(path)
  gone.socket.write('{"command":"status"}\n')
  await until('the question', () => isAsked)
  gone.socket.destroy()
  release()
  await until('the end', () => half.socket.destroyed)
  assert.is(half.received(), '')
  assert.equal(await client.ask({ command: 'list' }), { request: { command: 'list' } })
})

test('server: a client that has closed its side still gets its answers', async () => {
  const { path } = await start(async (request) => {
    await new Promise((resolve) => setImmediate(resolve))
    return { request }
  })
  const { socket, received } = await dial(path)
  socket.end('{"command":"list"}\n{"command":"status"}\n')
  await once(socket, 'close')
  assert.is(answersOf(received()).length, 2)
})

test('server: answers the requests of one client in order', async () => {
  let running = 0
  let most = 0
  const { path } = await start(async (request) => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    return { request }
  })
  const { socket, received } = await dial(path)
  const lines = Array.from({ length: 200 }, (_, index) => `{"command":"get","key":"${index}"}\n`)
  socket.end(lines.join(''))
  await once(socket, 'close')
  const keys = answersOf(received()).map(
    ({ data }) => (data as { request: { key: string } }).request.key,
  )
  assert.equal(
    keys,
    lines.map((_, index) => String(index)),
  )
  assert.is(most, 1)
})

test('server: fifty clients at once each get their own answer', async () => {
  const { client } = await start()
  const keys = Array.from({ length: 50 }, (_, index) => `k${index}`)
  const answers = await Promise.all(keys.map((key) => client.ask({ command: 'get', key })))
  assert.equal(
    answers.map(({ request }) => (request as { key: string }).key),
    keys,
  )
})

/** A server whose watchers receive what the test emits. */
const startWatched = async () => {
  const watchers = new Set<(data: Record<string, unknown>) => void>()
  const handle: Handle = (request) =>
    request.command === 'watch'
      ? new Subscription({ watching: true }, (emit) => {
          watchers.add(emit)
          return () => watchers.delete(emit)
        })
      : { request }
  const started = await start(handle)
  const emitToAll = (data: Record<string, unknown>) => {
    for (const emit of watchers) emit(data)
  }
  return { ...started, watchers, emitToAll }
}

test('watch: reports every change until the client leaves', async () => {
  const { client, watchers, emitToAll } = await startWatched()
  const got: unknown[] = []
  const controller = new AbortController()
  const done = client.watch({ command: 'watch' }, (change) => got.push(change), {
    onReady: () => emitToAll({ n: 1 }),
    signal: controller.signal,
  })
  await until('the first change', () => got.length === 1)
  emitToAll({ n: 2 })
  emitToAll({ n: 3 })
  await until('three changes', () => got.length === 3)
  assert.equal(got, [{ n: 1 }, { n: 2 }, { n: 3 }])
  controller.abort()
  await done
  await until('the watcher to be forgotten', () => watchers.size === 0)
})

test('watch: rejects when the agent ends', async () => {
  const { client, server, watchers, dir } = await startWatched()
  const watching = rejects(
    () => client.watch({ command: 'watch' }, () => undefined),
    /not_running the agent on .* has stopped/,
  )
  await until('the watcher', () => watchers.size === 1)
  await server.close()
  const failure = (await watching) as Failure
  assert.is(failure.message, `the agent on "${dir}" has stopped`)
  assert.is(watchers.size, 0)
})

test('watch: one that fails to begin is an error, and disturbs no other', async () => {
  const { client } = await start((request) => {
    if (request.command !== 'watch') return { request }
    return new Subscription({ watching: true }, () => {
      throw new Failure('invalid_argument', 'no map')
    })
  })
  await rejects(
    () => client.watch({ command: 'watch' }, () => undefined),
    /invalid_argument no map/,
  )
  assert.ok(await client.ask({ command: 'list' }))
})

test('watch: a client that does not read is disconnected, one that does is not', async () => {
  const { path, client, watchers, emitToAll } = await startWatched()
  const { socket } = await dial(path)
  socket.pause()
  socket.write('{"command":"watch"}\n')
  let read = 0
  const controller = new AbortController()
  const done = client.watch({ command: 'watch' }, () => read++, { signal: controller.signal })
  await until('both watchers', () => watchers.size === 2)
  const text = 'x'.repeat(MEGABYTE)
  let emitted = 0
  await until('one to be let go', () => {
    if (emitted - read < 4) {
      emitted++
      emitToAll({ text })
    }
    return watchers.size === 1
  })
  await until('the other to have all', () => read === emitted)
  controller.abort()
  await done
  socket.destroy()
})

/** A thousand rows of some kilobytes; `drawn` counts those that were drawn. */
const startRows = async () => {
  const drawn = { rows: 0, isOver: false }
  const text = 'x'.repeat(8_000)
  function* rows(): Generator<string> {
    try {
      for (let index = 0; index < 1_000; index++) {
        drawn.rows++
        yield JSON.stringify([`k${index}`, text])
      }
    } finally {
      drawn.isOver = true
    }
  }
  const started = await start((request) =>
    request.command === 'export' ? new Rows(rows(), { map: 'm' }) : { request },
  )
  return { ...started, drawn }
}

test('rows: arrive complete and in order, and the connection stays usable', async () => {
  const { client } = await startRows()
  const keys: string[] = []
  const rows = client.rows({ command: 'export' })
  let next = await rows.next()
  for (; !next.done; next = await rows.next()) keys.push(...next.value.map(([key]) => key))
  assert.equal(next.value, { map: 'm', isEnd: true, count: 1_000 })
  assert.equal(
    keys,
    Array.from({ length: 1_000 }, (_, index) => `k${index}`),
  )
  const connection = await client.open()
  connection.send({ command: 'export' })
  while (!(await connection.receive())?.isEnd);
  assert.equal(await connection.ask({ command: 'list' }), { request: { command: 'list' } })
  connection.close()
})

test('rows: list and keys of an agent that does not stream them', async () => {
  const { client } = await start(({ command }) =>
    command === 'list' ? { map: 'm', entries: { k: 1, l: [2] } } : { map: 'm', keys: ['k', 'l'] },
  )
  for (const [command, expected] of [
    [
      'list',
      [
        ['k', 1],
        ['l', [2]],
      ],
    ],
    ['keys', ['k', 'l']],
  ] as const) {
    const rows = client.rows<unknown>({ command, rows: true })
    assert.equal((await rows.next()).value, expected)
    const { done, value } = await rows.next()
    assert.ok(done && 'map' in value && value.map === 'm')
  }
})

test('rows: wait for a client that does not read, and others are served meanwhile', async () => {
  const { client, drawn } = await startRows()
  const rows = client.rows({ command: 'export' })
  await rows.next()
  // Drawn rows lie in buffers of bounded size, so drawing stops long before the end.
  const seen = { rows: -1, times: 0 }
  await until('the server to wait', async () => {
    await client.ask({ command: 'list' })
    seen.times = seen.rows === drawn.rows ? seen.times + 1 : 0
    seen.rows = drawn.rows
    return seen.times === 5
  })
  assert.ok(
    drawn.rows < 500,
    `${drawn.rows} of 1000 rows were drawn for a client that does not read`,
  )
  assert.not(drawn.isOver)
  await rows.return({})
  await until('the rows to be given up', () => drawn.isOver)
  assert.ok(drawn.rows < 1_000)
})

test('rows: reject if they fail midway, or if the agent ends', async () => {
  const { client, server } = await start((request) => {
    const isLong = 'map' in request && request.map === 'long'
    function* rows(): Generator<string> {
      for (let index = 0; index < 100 || isLong; index++) yield '["k",1]'
      throw new Failure('damaged', 'no more to be read')
    }
    return new Rows(rows(), {})
  })
  await rejects(async () => {
    for await (const _ of client.rows({ command: 'export' }));
  }, /damaged no more to be read/)
  const endless = client.rows({ command: 'export', map: 'long' })
  await endless.next()
  await server.close()
  await rejects(async () => {
    for await (const _ of endless);
  }, /not_running the agent on .* has stopped/)
})

test('Farewell: reaches the client before the server closes', async () => {
  const dir = newFolder()
  let left = 0
  const server: ControlServer = new ControlServer({
    dir,
    handle: () =>
      new Farewell({ stopping: true }, () => {
        left++
        void server.close()
      }),
  })
  await server.open()
  const client = new ControlClient(dir)
  assert.equal(await client.ask({ command: 'stop' }), { stopping: true })
  assert.is(left, 1)
  await until('the server to be gone', async () => !(await client.isRunning()))
})

test('connection: takes many requests, answered in order', async () => {
  const { client } = await start()
  const connection = await client.open()
  for (let index = 0; index < 100; index++) connection.send({ command: 'get', key: `k${index}` })
  for (let index = 0; index < 100; index++) {
    assert.equal(await connection.receive(), { request: { command: 'get', key: `k${index}` } })
  }
  await rejects(() => connection.ask({ command: 'get', key: 'bad' }), /not_found/)
  assert.equal(await connection.ask({ command: 'list' }), { request: { command: 'list' } })
  connection.close()
  await rejects(() => connection.ask({ command: 'list' }), /not_running .* has stopped/)
})

test('connection: a missing answer is a timeout, not an endless wait', async () => {
  const { client } = await start(() => new Promise(() => undefined))
  const connection = await client.open()
  connection.send({ command: 'status' })
  await rejects(() => connection.receive(50), /timeout .* did not answer in time/)
  connection.close()
})

test('server: clients beyond the limit get an error, and are served when others have left', async () => {
  const { path, client, server } = await start()
  const all = await Promise.all(Array.from({ length: 256 }, () => dial(path)))
  const [first] = all
  await rejects(
    () => client.ask({ command: 'list' }),
    /connection_failed the agent already serves 256 clients, its maximum/,
  )
  first?.socket.destroy()
  await until('a place', async () => {
    try {
      return await client.ask({ command: 'list' })
    } catch (error) {
      if ((error as Failure).code === 'connection_failed') return false
      throw error
    }
  })
  for (const { socket } of all) socket.destroy()
  await server.close()
})

test('server: after close its folder is free and its clients are disconnected', async () => {
  const { dir, path, server } = await start()
  const { socket } = await dial(path)
  await server.close()
  await server.close()
  await until('the client to be let go', () => socket.destroyed)
  assert.not(existsSync(path))
  assert.not(existsSync(join(dir, 'agent.lock')))
})

test.run()
