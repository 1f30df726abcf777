/** The everyday commands with an agent in this process: what they print, and how they exit. */
import { mkdirSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { stringify } from '../../src/control/protocol.ts'
import { readEntry } from '../../src/maps/index.ts'
import { MemoryHub } from '../../src/transports/memory/memory.ts'
import { dataOf, type Ended, failureOf, inProcess } from '../helpers/cli.ts'
import { closeAll, type Served, serve } from '../helpers/control.ts'
import { createHome } from '../helpers/home.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('cli entries')

const home = createHome()
const { dir: homeDir, env, folder } = home
let a: Served
let b: Served

test.before(async () => {
  const hub = new MemoryHub()
  b = await serve(homeDir, { name: 'b', hub })
  a = await serve(homeDir, { name: 'a', hub, peers: ['b'] })
})

test.after(async () => {
  await closeAll()
  await home.close()
})

const tell = (...args: string[]): Promise<Ended> => home.tell('a', ...args)

/** Runs the command, and expects this output and exit code 0. */
const prints = async (args: readonly string[], stdout: string): Promise<void> =>
  assert.equal(await tell(...args), { code: 0, stdout, stderr: '' })

test('set: the agent refuses JSON that is too deep, with the key and advice', async () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  const objects = (depth: number): string => `${'{"a":'.repeat(depth)}null${'}'.repeat(depth)}`
  const stderr =
    'pilot-gossip: value of "deep" is nested more than 63 deep\nhint: split it over several keys\n'
  for (const value of [nested(3_000), nested(5_000), nested(200_000), objects(50_000)]) {
    assert.equal(await tell('set', 'deep', value), { code: 2, stdout: '', stderr })
  }
  for (const args of [
    ['append', 'deep', nested(50_000)],
    ['set', 'deep', nested(50_000), '--path', '/a'],
  ])
    assert.equal(await tell(...args), { code: 2, stdout: '', stderr })
  const file = folder('deep.ndjson')
  writeFileSync(file, `{"key":"ok","value":1}\n{"key":"deep","value":${nested(50_000)}}\n`)
  const imported = await tell('import', file)
  assert.equal([imported.code, imported.stdout], [2, ''])
  assert.match(
    imported.stderr,
    /^pilot-gossip: line 2: value of "deep" is nested more than 63 deep/,
  )
  const json = folder('deep.json')
  writeFileSync(json, `{"deep":${objects(20_000)}}`)
  const whole = await tell('import', json)
  assert.is(whole.code, 2)
  assert.match(
    whole.stderr,
    /^pilot-gossip: entry "deep": value of "deep" is nested more than \d+ deep/,
  )
  await prints(['delete', 'ok'], 'deleted ok\n')
})

test('stringify: writes deep values like JSON.stringify', () => {
  const value = { a: [1, 'x"', null, true, {}, []], 'b c': { d: -1.5, gone: undefined } }
  let deep: unknown = value
  for (let depth = 0; depth < 20_000; depth++) deep = { in: [deep] }
  assert.is(
    stringify(deep),
    `${'{"in":['.repeat(20_000)}${JSON.stringify(value)}${']}'.repeat(20_000)}`,
  )
  assert.is(stringify(value), JSON.stringify(value))
})

test('--path: set, get and delete of parts', async () => {
  await prints(
    ['set', 'task', '{"owner":"ann","items":[1]}'],
    'task = {"owner":"ann","items":[1]}\n',
  )
  await prints(['get', 'task', '--path', '/owner'], 'ann\n')
  await prints(['set', 'task', '2', '--path', '/items/-'], 'task /items/- = 2\n')
  await prints(['get', 'task', '--path', '/items'], '[1,2]\n')
  await prints(['delete', 'task', '--path', '/items/0'], 'deleted task /items/0\n')
  await prints(['get', 'task'], '{"owner":"ann","items":[2]}\n')
  assert.equal(dataOf(await tell('get', 'task', '--path', '/items/0', '--json')), {
    map: 'state',
    key: 'task',
    path: '/items/0',
    value: 2,
  })
  assert.equal(await tell('get', 'task', '--path', '/none'), {
    code: 1,
    stdout: '',
    stderr:
      'pilot-gossip: nothing at "/none" in the value of "task"\nhint: run get without --path to see the whole value\n',
  })
  const bad = await tell('set', 'task', '1', '--path', 'owner')
  assert.equal([bad.code, bad.stdout], [2, ''])
  assert.match(
    bad.stderr,
    /^pilot-gossip: path "owner" is not a JSON Pointer\nhint: write it as \//,
  )
})

test('set --hot: the key reads like any other', async () => {
  await prints(['set', 'beat', '1', '--hot'], 'beat = 1\n')
  await prints(['set', 'beat', '2'], 'beat = 2\n')
  await prints(['get', 'beat'], '2\n')
})

test('has: prints the answer, and exits with it', async () => {
  await prints(['has', 'task'], 'true\n')
  assert.equal(await tell('has', 'nope'), { code: 1, stdout: 'false\n', stderr: '' })
  assert.equal(await tell('has', 'nope', '--json'), {
    code: 1,
    stdout: '{"status":"ok","data":{"map":"state","key":"nope","has":false}}\n',
    stderr: '',
  })
})

test('keys: one a line, sorted, escaped for the terminal', async () => {
  for (const key of ['b', 'a key', 'c\u001b[2J']) await tell('set', key, '1', '--map', 'keys')
  await prints(['keys', '--map', 'keys'], '"a key"\nb\n"c\\u001b[2J"\n')
  assert.equal(dataOf(await tell('keys', '--map', 'keys', '--json')), {
    map: 'keys',
    keys: ['a key', 'b', 'c\u001b[2J'],
  })
  assert.equal(await tell('keys', '--map', 'none'), {
    code: 0,
    stdout: '',
    stderr: 'map "none" is empty\n',
  })
})

test('list and keys: a map of several batches is one table, one list and one object', async () => {
  const keys = Array.from({ length: 3_000 }, (_, i) => `key${String(i).padStart(4, '0')}`)
  const long = `z${'z'.repeat(40)}`
  const entries = [...keys, long].map((key): [string, string] => [key, `value of ${key}`])
  const file = folder('long.ndjson')
  const lines = entries.map(([key, value]) => JSON.stringify({ key, value }))
  writeFileSync(file, lines.join('\n'))
  assert.is((await tell('import', file, '--map', 'long')).code, 0)
  assert.equal(dataOf(await tell('list', '--map', 'long', '--json')), {
    map: 'long',
    entries: Object.fromEntries(entries),
  })
  assert.equal(dataOf(await tell('keys', '--map', 'long', '--json')), {
    map: 'long',
    keys: [...keys, long],
  })
  await prints(['keys', '--map', 'long'], `${[...keys, long].join('\n')}\n`)
  // The last key is longer than those of the first batch, which set the width.
  const rows = entries.map(([key, value]) => `${key}  "${value}"\n`)
  await prints(['list', '--map', 'long'], `KEY      VALUE\n${rows.join('')}`)
})

test('prefixes, patterns and pages: list, keys, export, watch and delete', async () => {
  const inMap = ['--map', 'pages']
  for (const key of ['task:1', 'task:2', 'task:3', 'other', "it's"])
    await tell('set', key, `"${key}"`, ...inMap)
  await prints(['keys', '--prefix', 'task:', ...inMap], 'task:1\ntask:2\ntask:3\n')
  assert.equal(await tell('keys', '--glob', 'o*r', ...inMap), {
    code: 0,
    stdout: 'other\n',
    stderr: '',
  })
  assert.equal(await tell('keys', '--prefix', 'none', ...inMap), {
    code: 0,
    stdout: '',
    stderr: 'no such key in map "pages"\n',
  })
  assert.equal(await tell('list', '--prefix', 'task:', '--limit', '2', ...inMap), {
    code: 0,
    stdout: 'KEY     VALUE\ntask:1  "task:1"\ntask:2  "task:2"\n',
    stderr: 'there are more: add --cursor task:2\n',
  })
  assert.equal(await tell('keys', '--limit', '1', ...inMap), {
    code: 0,
    stdout: "it's\n",
    stderr: "there are more: add --cursor 'it'\\''s'\n",
  })
  const page = await tell('list', '--glob', 'task:?', '--limit=2', '--json', ...inMap)
  assert.equal(dataOf(page), {
    entries: { 'task:1': 'task:1', 'task:2': 'task:2' },
    map: 'pages',
    cursor: 'task:2',
  })
  const rest = await tell('list', '--glob', 'task:?', '--cursor', 'task:2', '--json', ...inMap)
  assert.equal(dataOf(rest), { entries: { 'task:3': 'task:3' }, map: 'pages' })
  await prints(['export', '--prefix', 'oth', ...inMap], '{"key":"other","value":"other"}\n')
  for (const args of [
    ['keys', '--limit', '0'],
    ['keys', '--limit', '1.5'],
    ['list', '--prefix', 'a', '--glob', 'a*'],
    ['watch', '--prefix', 'a', '--glob', 'a*'],
    ['delete'],
    ['delete', 'k', '--prefix', 'a'],
  ])
    assert.is((await tell(...args)).code, 2, args.join(' '))
  await prints(['delete', '--glob', 'task:[12]', ...inMap], 'deleted 0 keys\n')
  await prints(['delete', '--prefix', 'task:', ...inMap], 'deleted 3 keys\n')
  await prints(['keys', ...inMap], "it's\nother\n")
})

test('entries that end: --ttl, expire and persist', async () => {
  const at = ['--map', 'ends']
  await prints(['set', 'soon', 'x', '--ttl', '50ms', ...at], 'soon = "x"\n')
  await prints(['set', 'later', 'x', '--ttl', '1.5h', ...at], 'later = "x"\n')
  const { expiresAt } = dataOf(await tell('get', 'later', '--json', ...at))
  const left = Date.parse(String(expiresAt)) - Date.now()
  assert.ok(left > 5_300_000 && left <= 5_400_000, String(expiresAt))
  await until('it has ended', async () => (await tell('has', 'soon', ...at)).code === 1)
  await prints(['keys', ...at], 'later\n')
  await prints(['persist', 'later', ...at], 'later stays\n')
  await prints(['persist', 'later', ...at], 'later had no end\n')
  assert.is(dataOf(await tell('get', 'later', '--json', ...at)).expiresAt, undefined)
  const set = dataOf(await tell('expire', 'later', '7d', '--json', ...at))
  assert.match(String(set.expiresAt), /^\d{4}-\d\d-\d\dT/)
  assert.match((await tell('expire', 'later', '1d', ...at)).stdout, /^later ends 2\d{3}-/)
  assert.is((await tell('expire', 'none', '1d', ...at)).code, 1)
  assert.is((await tell('persist', 'none', ...at)).code, 1)
  for (const time of ['7', '0s', 'soon', '20000d', '-1s'])
    assert.is((await tell('expire', 'later', time, ...at)).code, 2, time)
})

test('conditions: nothing is written unless they hold', async () => {
  const at = ['--map', 'conditions']
  await prints(['set', 'leader', 'a', '--if-absent', ...at], 'leader = "a"\n')
  const refused = await tell('set', 'leader', 'b', '--if-absent', '--json', ...at)
  const { code, message } = failureOf(refused)
  assert.equal([refused.code, code], [1, 'conflict'])
  assert.match(String(message), /"leader" in map "conditions" was not written: it is "\\?"a/)
  await prints(['set', 'leader', 'b', '--if', 'a', ...at], 'leader = "b"\n')
  assert.is((await tell('set', 'leader', 'c', '--if', 'a', ...at)).code, 1)
  assert.is((await tell('set', 'none', 'c', '--if', 'a', ...at)).code, 1)
  const got = dataOf(await tell('get', 'leader', '--versioned', '--json', ...at))
  assert.is(got.value, 'b')
  const version = String(got.version)
  await prints(['set', 'leader', 'c', '--if-version', version, ...at], 'leader = "c"\n')
  assert.is((await tell('set', 'leader', 'd', '--if-version', version, ...at)).code, 1)
  // The same value, but another write.
  await prints(['increment', 'n', ...at], '1\n')
  const first = dataOf(await tell('get', 'n', '--versioned', '--json', ...at)).version
  await prints(['increment', 'n', ...at], '2\n')
  assert.is((await tell('set', 'n', '0', '--if-version', String(first), ...at)).code, 1)
  await prints(['set', 'n', '0', '--if', '2', ...at], 'n = 0\n')
  await prints(['get', 'leader', ...at], 'c\n')
})

test('increment: prints the new sum, and refuses what is not a number', async () => {
  await prints(['increment', 'n'], '1\n')
  await prints(['increment', 'n', '41'], '42\n')
  await prints(['increment', 'n', '-0.5'], '41.5\n')
  assert.equal(dataOf(await tell('increment', 'n', '--json')), {
    map: 'state',
    key: 'n',
    by: 1,
    value: 42.5,
  })
  const word = await tell('increment', 'n', 'much')
  assert.equal(
    [word.code, word.stderr],
    [2, 'pilot-gossip: BY "much" is not a number\nhint: give a number such as 2, -1 or 0.5\n'],
  )
  for (const by of ['"1"', 'null', '', '9007199254740993', 'NaN', 'Infinity']) {
    assert.is((await tell('increment', 'n', by)).code, 2, by)
  }
  const text = await tell('increment', 'task')
  assert.equal([text.code, text.stdout], [2, ''])
  assert.match(text.stderr, /^pilot-gossip: "task" is /)
  await prints(['get', 'n'], '42.5\n')
})

test('append: prints the new length', async () => {
  await prints(['append', 'log', '{"did":"start"}'], 'log has 1 item\n')
  await prints(['append', 'log', '5', '--string'], 'log has 2 items\n')
  await prints(['get', 'log'], '[{"did":"start"},"5"]\n')
  const piped = await inProcess(['append', 'log', '-', '--data', a.dir], { env, input: 'x\n' })
  assert.is(piped.stdout, 'log has 3 items\n')
  const bad = await tell('append', 'task', '1')
  assert.equal([bad.code, bad.stdout], [2, ''])
})

test('peers: equal peers never differ, even right after a write; status agrees', async () => {
  const tables = async (): Promise<string[]> => {
    const outputs = await Promise.all(
      ['peers', 'status'].flatMap((command) =>
        [a, b].map(({ dir }) => inProcess([command, '--data', dir], { env })),
      ),
    )
    return outputs.map(({ stdout }) => stdout.slice(stdout.indexOf('PEER ')))
  }
  const areInSync = async (): Promise<boolean> =>
    (await tables()).every((table) => table.includes('  in sync  '))
  await until('both to be in sync', areInSync)
  for (const n of [1, 2, 3]) {
    await tell('set', 'fresh', String(n))
    await until('b to have it', () => readEntry(b.agent.doc, 'state', 'fresh') === n)
    const printed = await tables()
    for (const table of printed) {
      assert.match(table, /^PEER {2}STATE +HEARD +KNOWN +FAILURES\n[ab] +(in sync|pending) +\d/)
    }
    const { peers } = dataOf(await tell('peers', '--json'))
    assert.ok((peers as { inSync: unknown }[]).every(({ inSync }) => inSync !== false))
    await until('both to be in sync', areInSync)
  }
})

test('peers: a table for people, everything for programs', async () => {
  await until('b to be heard', async () => (await tell('peers')).stdout.includes('in sync'))
  assert.match(
    (await tell('peers')).stdout,
    /^PEER {2}STATE +HEARD +KNOWN +FAILURES\nb +in sync +\d+ s ago +\w+ +0\n$/,
  )
  const { swarm, node, peers } = dataOf(await tell('peers', '--json'))
  assert.equal([swarm, node, (peers as unknown[]).length], ['kv', 'a', 1])
  const alone = await serve(homeDir, { name: 'alone' })
  assert.equal(await inProcess(['peers', '--data', alone.dir], { env }), {
    code: 0,
    stdout: '',
    stderr: 'no peers yet\n',
  })
})

test('history: newest first, with writer and time', async () => {
  for (const value of ['1', '2']) await tell('set', 'past', value)
  await tell('increment', 'past', '5')
  await tell('delete', 'past')
  const { stdout } = await tell('history', 'past')
  const time = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d'
  assert.match(
    stdout,
    new RegExp(
      `^WHEN \\(UTC\\) +BY {2}WHAT\nseen ${time} {2}a {3}delete 7\n(.*increment.*\n)(.* {2}a {3}set 2\n)(.* {2}a {3}set 1\n)$`,
    ),
  )
  const { changes, left } = dataOf(await tell('history', 'past', '--json'))
  assert.is(left, 0)
  const [latest] = changes as { action: string; node: string; writer: number }[]
  assert.equal(
    [latest?.action, latest?.node, latest?.writer],
    ['delete', 'a', a.agent.doc.clientID],
  )
  const none = await tell('history', 'nothing')
  assert.equal([none.code, none.stdout], [1, ''])
  assert.match(
    none.stderr,
    /^pilot-gossip: nothing is known of key "nothing" in map "state"\nhint: /,
  )
})

test('wait: for a key that is there, one that comes, and a value', async () => {
  await tell('set', 'ready', '{"x":[1,{"y":null}]}')
  await prints(['wait', 'ready'], '{"x":[1,{"y":null}]}\n')
  await prints(
    ['wait', 'ready', '{"x":[1,{"y":null}]}', '--timeout', '10s'],
    '{"x":[1,{"y":null}]}\n',
  )
  const waiting = tell('wait', 'build', 'done', '--timeout', '30s', '--json')
  let isOver = false
  void waiting.then(() => {
    isOver = true
  })
  await until('the value to be noticed', async () => {
    for (const value of ['started', 'half', 'done', 'over']) await tell('set', 'build', value)
    return isOver
  })
  assert.equal(dataOf(await waiting), { map: 'state', key: 'build', value: 'done' })
  const fromPeer = tell('wait', 'from b', '--timeout', '30s')
  await b.client.ask({ command: 'set', key: 'from b', value: 7 })
  assert.equal(await fromPeer, { code: 0, stdout: '7\n', stderr: '' })
  const text = tell('wait', 'zip', '01', '--string', '--timeout', '30s')
  await tell('set', 'zip', '01', '--string')
  assert.equal(await text, { code: 0, stdout: '01\n', stderr: '' })
})

test('wait: misses no write, however close', async () => {
  const rounds = Array.from({ length: 60 }, async (_, index) => {
    const waiting = tell('wait', `moment${index}`, '--timeout', '30s')
    // Each time at another moment of the start of the wait.
    for (let turn = 0; turn < index; turn++) await new Promise((resolve) => setImmediate(resolve))
    await a.client.ask({ command: 'set', key: `moment${index}`, value: index })
    assert.equal(await waiting, { code: 0, stdout: `${index}\n`, stderr: '' })
  })
  await Promise.all(rounds)
})

test('wait: gives up in time, and when the agent ends', async () => {
  assert.equal(await tell('wait', 'never', '--timeout', '100ms'), {
    code: 1,
    stdout: '',
    stderr:
      'pilot-gossip: no key "never" after 100ms\nhint: wait longer with --timeout, or run watch to see what comes\n',
  })
  await tell('set', 'other', '1')
  const wrong = await tell('wait', 'other', '2', '--timeout', '100ms', '--json')
  assert.is(wrong.code, 1)
  assert.equal(failureOf(wrong), {
    status: 'error',
    code: 'timeout',
    message: 'key "other" is not 2 after 100ms',
    hint: 'wait longer with --timeout, or run watch to see what comes',
  })
  assert.is((await tell('wait', 'k', '--timeout', '5')).code, 2)
  const going = await serve(homeDir, { name: 'going' })
  const waiting = inProcess(['wait', 'k', '--data', going.dir], { env })
  const watcher = new AbortController()
  await going.client.watch({ command: 'watch', key: 'k' }, () => undefined, {
    onReady: () => watcher.abort(),
    signal: watcher.signal,
  })
  await going.close()
  const gone = await waiting
  assert.equal([gone.code, gone.stdout], [1, ''])
  assert.match(
    gone.stderr,
    /^pilot-gossip: (the agent on ".*" has stopped|no agent runs on ".*")\nhint: start /,
  )
})

test('commands: without an agent they say how to start one', async () => {
  const dir = folder('none')
  mkdirSync(dir)
  const commands = [
    ['set', 'k', '1'],
    ['get', 'k'],
    ['delete', 'k'],
    ['has', 'k'],
    ['keys'],
    ['list'],
    ['increment', 'k'],
    ['append', 'k', '1'],
    ['watch'],
    ['wait', 'k', '--timeout', '1s'],
    ['import', folder('no file')],
    ['export', folder('out')],
    ['peers'],
    ['history', 'k'],
    ['status'],
  ]
  for (const args of commands) {
    assert.equal(await inProcess([...args, '--data', dir], { env }), {
      code: 1,
      stdout: '',
      stderr: `pilot-gossip: no agent runs on "${dir}"\nhint: start one with: pilot-gossip run --swarm NAME --data ${dir} --detach\n`,
    })
  }
})

test.run()
