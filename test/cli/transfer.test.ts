/** `import` and `export`: formats, batches, bad lines, slow readers, agents that die, many at once. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Progress } from '../../src/cli/progress.ts'
import { Rows } from '../../src/control/answers.ts'
import { ControlServer } from '../../src/control/server.ts'
import { Failure } from '../../src/errors.ts'
import { keysOf, readEntries } from '../../src/maps/index.ts'
import { BIN, type Ended, inProcess, ROOT, runCli } from '../helpers/cli.ts'
import { closeAll, type Served, serve } from '../helpers/control.ts'
import { createHome } from '../helpers/home.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('cli transfer')

const home = createHome()
const { dir: homeDir, env, folder, start } = home
let a: Served
let files = 0

test.before(async () => {
  a = await serve(homeDir, { name: 'a' })
})

test.after(async () => {
  await home.killAll()
  await closeAll()
  await home.close()
})

const tell = (...args: string[]): Promise<Ended> => home.tell('a', ...args)

/** A file with this text, in a folder of its own. */
const fileOf = (text: string | Buffer, name = 'in.ndjson'): string => {
  const dir = folder(`f${files++}`)
  mkdirSync(dir)
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

const newFile = (name = 'out.ndjson'): string => {
  const file = fileOf('', name)
  rmSync(file)
  return file
}

const entriesOf = (map: string): Record<string, unknown> => readEntries(a.agent.doc, map)

const linesOf = (count: number, from = 0): string =>
  Array.from({ length: count }, (_, index) => {
    const n = from + index
    return `{"key":"k${String(n).padStart(6, '0')}","value":{"n":${n}}}\n`
  }).join('')

test('import and export: NDJSON comes out as it went in, sorted by key', async () => {
  const text = [
    '{"key":"a","value":null}',
    '{"key":"b c","value":"x\\ny"}',
    '{"key":"d","value":{"list":[1,2.5,{"deep":[]}],"yes":true}}',
    '{"key":"\u00e9","value":"\u{1f600}"}',
  ]
  const shuffled = [text[2], '', text[0], '  ', `${text[3]}\r`, text[1]].join('\n')
  const file = fileOf(`\ufeff${shuffled}`)
  assert.equal(await tell('import', file, '--map', 'same'), {
    code: 0,
    stdout: 'imported 4 entries into map "same"\n',
    stderr: '',
  })
  const whole = `${text.join('\n')}\n`
  assert.equal(await tell('export', '--map', 'same'), { code: 0, stdout: whole, stderr: '' })
  assert.equal(await tell('export', '-', '--map', 'same', '--json'), {
    code: 0,
    stdout: whole,
    stderr: '',
  })
  const out = newFile()
  assert.equal(await tell('export', out, '--map', 'same'), {
    code: 0,
    stdout: `exported 4 entries of map "same" to ${out}\n`,
    stderr: '',
  })
  assert.is(readFileSync(out, 'utf8'), whole)
  const json = await tell('import', out, '--map', 'copy', '--json')
  assert.equal(JSON.parse(json.stdout), {
    status: 'ok',
    data: { map: 'copy', file: out, imported: 4 },
  })
  assert.equal(entriesOf('copy'), entriesOf('same'))
})

test('import and export: a JSON object comes out as it went in', async () => {
  const object = { a: 1, 'b c': [null, 'x'], d: { e: {} } }
  const file = fileOf(JSON.stringify(object), 'in.JSON')
  await tell('import', file, '--map', 'object')
  assert.equal(entriesOf('object'), object)
  const out = newFile('out.json')
  const json = await tell('export', out, '--map', 'object', '--json')
  assert.equal(JSON.parse(json.stdout), {
    status: 'ok',
    data: { map: 'object', file: out, format: 'json', exported: 3 },
  })
  assert.is(readFileSync(out, 'utf8'), '{\n  "a": 1,\n  "b c": [null,"x"],\n  "d": {"e":{}}\n}\n')
  const named = fileOf(readFileSync(out), 'whatever.txt')
  assert.is((await tell('import', named, '--format', 'json', '--map', 'o2')).code, 0)
  assert.equal(entriesOf('o2'), object)
  const lines = await tell('export', '--format', 'ndjson', '--map', 'object')
  assert.is(lines.stdout.split('\n')[0], '{"key":"a","value":1}')
})

test('import and export: an empty map, and an empty input', async () => {
  assert.equal(await tell('export', '--map', 'none'), { code: 0, stdout: '', stderr: '' })
  const object = await tell('export', '--format', 'json', '--map', 'none')
  assert.equal(object, { code: 0, stdout: '{}\n', stderr: '' })
  assert.is(
    (await tell('import', fileOf('\n\n'), '--map', 'none')).stdout,
    'imported 0 entries into map "none"\n',
  )
  assert.is((await tell('import', fileOf('{}', 'a.json'))).code, 0)
})

test('import --hot: uses the layout for keys that are overwritten all day', async () => {
  await tell('import', fileOf('{"key":"k","value":1}'), '--map', 'hot', '--hot')
  assert.equal(entriesOf('hot'), { k: 1 })
  assert.not(a.agent.doc.share.has('hot'))
})

test('import: many lines are a few requests, each one transaction', async () => {
  let transactions = 0
  const count = (): void => {
    transactions++
  }
  a.agent.doc.on('update', count)
  const { stdout } = await tell('import', fileOf(linesOf(10_000)), '--map', 'many')
  a.agent.doc.off('update', count)
  assert.is(stdout, 'imported 10000 entries into map "many"\n')
  assert.is(keysOf(a.agent.doc, 'many').length, 10_000)
  assert.ok(transactions >= 3 && transactions <= 20, `${transactions} transactions`)
})

/** Bad lines, each after 5,000 good ones and before one more; all in a batch after the first. */
const badLines: readonly (readonly [string | Buffer, RegExp])[] = [
  ['nonsense', /^line 5001 is not an entry: nonsense;/],
  ['{"key":"k"}', /^line 5001 is not an entry: \{"key":"k"\};/],
  ['{"key":1,"value":1}', /^line 5001 is not an entry/],
  ['[1]', /^line 5001 is not an entry/],
  ['{"key":"k","value":1} x', /^line 5001 is not an entry/],
  ['{"key":"k","value":9007199254740993}', /^line 5001: number 9007199254740993 cannot be kept/],
  ['{"key":"k","value":[1e999]}', /^line 5001: number 1e999 cannot be kept/],
  ['{"key":"__proto__","value":1}', /^line 5001: key "__proto__" is reserved/],
  ['{"key":"","value":1}', /^line 5001: the key is empty/],
  ['{"key":"k","value":"\\ud800"}', /^line 5001: value is .*lone surrogate/],
  [
    `{"key":"k","value":"${'x'.repeat(8_400_000)}"}`,
    /^line 5001: value of "k" takes 8400002 bytes/,
  ],
  [`{"key":"k","value":"${'x'.repeat(16_777_180)}"}`, /^line 5001: key and value take \d+ bytes/],
  [`{"key":"k","value":"${'x'.repeat(17_000_000)}"}`, /^line 5001: the line is longer than/],
  [Buffer.from([0x22, 0xff, 0x22]), /^line 5001: the line is not UTF-8/],
]

for (const [index, [bad, expected]] of badLines.entries()) {
  test(`import: stops at a bad line, and keeps those before: ${String(bad).slice(0, 40)}`, async () => {
    const map = `bad${index}`
    const file = fileOf(
      Buffer.concat([
        Buffer.from(linesOf(5_000)),
        Buffer.from(bad),
        Buffer.from('\n{"key":"behind","value":1}\n'),
      ]),
    )
    const { code, stdout, stderr } = await tell('import', file, '--map', map, '--json')
    assert.equal([code, stdout], [2 - Number(/longer than/.test(stderr)), ''])
    const { message } = JSON.parse(stderr)
    assert.match(message, expected)
    assert.match(message, /; 5000 entries before were imported$/)
    const keys = keysOf(a.agent.doc, map)
    assert.equal([keys.length, keys.at(-1)], [5_000, 'k004999'])
  })
}

test('import: a bad first line imports nothing', async () => {
  const { stderr } = await tell('import', fileOf('{"a":1}\n'), '--map', 'first')
  assert.is(
    stderr,
    'pilot-gossip: line 1 is not an entry: {"a":1}; no entry was imported\nhint: write {"key":"k","value":1}, one a line; for a file that is one JSON object: --format json\n',
  )
})

test('import: refuses as a whole what is not a JSON object', async () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    [
      '{"key":"a","value":1}\n{"key":"b","value":2}\n',
      /the input is not JSON: .*no entry was imported\nhint: for one entry a line: --format ndjson/,
    ],
    ['[1]', /JSON, but not an object of keys and values; no entry was imported/],
    ['{"a":1e999}', /number 1e999 cannot be kept exactly; no entry/],
    ['', /the input is not JSON/],
    [
      '{"a":1,"__proto__":2,"z":3}',
      /entry "__proto__": key "__proto__" is reserved.*; 1 entry before was imported/,
    ],
  ]
  for (const [text, expected] of bad) {
    const { code, stdout, stderr } = await tell('import', fileOf(text, 'a.json'), '--map', 'whole')
    assert.equal([code, stdout], [2, ''], text)
    assert.match(stderr, expected)
  }
  assert.equal(entriesOf('whole'), { a: 1 })
  const long = fileOf('', 'long.json')
  truncateSync(long, 64 * 1024 * 1024 + 1)
  const { code, stderr } = await tell('import', long)
  assert.is(code, 1)
  assert.match(stderr, /^pilot-gossip: a JSON object may have 67108864 bytes, no more; no entry/)
})

test('import and export: fail for unusable files and formats', async () => {
  const missing = await tell('import', folder('missing'))
  assert.is(missing.code, 1)
  assert.match(
    missing.stderr,
    /^pilot-gossip: ".*missing" cannot be read: ENOENT.*; no entry was imported\nhint: give a file/,
  )
  const directory = await tell('import', homeDir)
  assert.match(directory.stderr, /cannot be read: EISDIR/)
  const nowhere = await tell('export', join(homeDir, 'no', 'where'))
  assert.equal([nowhere.code, nowhere.stdout], [1, ''])
  assert.match(nowhere.stderr, /^pilot-gossip: ".*where" cannot be written: ENOENT/)
  const onFolder = await tell('export', fileOf('').replace(/in\.ndjson$/, ''))
  assert.equal([onFolder.code, onFolder.stdout], [1, ''])
  assert.is((await tell('export', '--format', 'xml')).code, 2)
})

test('export: the file keeps its mode, and a link stays a link', async () => {
  const file = fileOf('before', 'target.ndjson')
  chmodSync(file, 0o640)
  const link = newFile('link.ndjson')
  symlinkSync(file, link)
  await tell('set', 'k', '1', '--map', 'linked')
  assert.is((await tell('export', link, '--map', 'linked')).code, 0)
  assert.ok(lstatSync(link).isSymbolicLink())
  assert.is(readFileSync(file, 'utf8'), '{"key":"k","value":1}\n')
  assert.is(statSync(file).mode & 0o777, 0o640)
  assert.is((await tell('export', '/dev/null', '--map', 'linked')).code, 0)
  assert.ok(statSync('/dev/null').isCharacterDevice())
})

test('export: a failure leaves the earlier file, and nothing else', async () => {
  const dir = folder('broken')
  const server = new ControlServer({
    dir,
    handle: () => {
      function* rows(): Generator<string> {
        for (let index = 0; index < 50_000; index++) yield `["k${index}",1]`
        throw new Failure('damaged', 'no more to be read')
      }
      return new Rows(rows(), { map: 'state' })
    },
  })
  await server.open()
  const file = fileOf('before')
  const { code, stdout, stderr } = await inProcess(['export', file, '--data', dir], { env })
  assert.equal([code, stdout], [1, ''])
  assert.match(stderr, /^pilot-gossip: no more to be read\n/)
  assert.is(readFileSync(file, 'utf8'), 'before')
  assert.equal(readdirSync(join(file, '..')), ['in.ndjson'])
  await server.close()
})

test('import: concurrent imports and writes lose nothing', async () => {
  const done = await Promise.all([
    ...[0, 1, 2, 3].map((n) => tell('import', fileOf(linesOf(3_000, n * 3_000)), '--map', 'busy')),
    ...Array.from({ length: 40 }, (_, n) => tell('set', `own${n}`, String(n), '--map', 'busy')),
    ...Array.from({ length: 40 }, () => tell('increment', 'sum', '--map', 'busy')),
  ])
  assert.equal(
    done.filter(({ code }) => code !== 0),
    [],
  )
  const entries = entriesOf('busy')
  assert.is(Object.keys(entries).length, 12_000 + 40 + 1)
  assert.is(entries.sum, 40)
})

test('import and export: one feeds the other by a pipe', async () => {
  await tell('import', fileOf(linesOf(20_000)), '--map', 'piped')
  const out = await runCli(['export', '--map', 'piped', '--data', a.dir], env)
  assert.equal([out.code, out.stderr], [0, ''])
  assert.is(out.stdout, linesOf(20_000))
  const back = await runCli(['import', '--map', 'back', '--data', a.dir], env, out.stdout)
  assert.equal(back, { code: 0, stdout: 'imported 20000 entries into map "back"\n', stderr: '' })
  assert.equal(entriesOf('back'), entriesOf('piped'))
})

test('import: slow input is written before its end', async () => {
  const one = start(['import', '-', '--map', 'slow', '--data', a.dir])
  for (const key of ['first', 'second']) {
    one.child.stdin?.write(`{"key":"${key}","value":1}\n`)
    await until(`${key} to be there`, () => entriesOf('slow')[key] === 1)
  }
  one.child.stdin?.end()
  assert.is((await one.ended).stdout, 'imported 2 entries into map "slow"\n')
})

test('import: a refused entry ends it though the input continues', async () => {
  const one = start(['import', '-', '--map', 'refused', '--data', a.dir])
  one.child.stdin?.write('{"key":"good","value":1}\n{"key":"__proto__","value":1}\n')
  const { code, stderr } = await one.ended
  assert.is(code, 2)
  assert.match(
    stderr,
    /^pilot-gossip: line 2: key "__proto__" is reserved.*; 1 entry before was imported\n/,
  )
})

/** A command whose standard output is read only when the test reads it. */
const spawnCli = (args: readonly string[]): { child: ChildProcess; stderr: () => string } => {
  const child = spawn(process.execPath, ['--import', 'tsx', BIN, ...args], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return { child, stderr: () => stderr }
}

test('export: a slow reader gets everything, one that closes early is not a failure', async () => {
  const text = 'x'.repeat(2_000)
  const lines = Array.from({ length: 3_000 }, (_, n) => `{"key":"k${n}","value":"${text}"}\n`)
  await tell('import', fileOf(lines.join('')), '--map', 'wide')
  const { child, stderr } = spawnCli(['export', '--map', 'wide', '--data', a.dir])
  // Nothing is read until the agent has answered others for a while: no pipe holds 6 MB.
  await once(child.stdout!, 'readable')
  for (let turn = 0; turn < 20; turn++) await tell('has', 'k1', '--map', 'wide')
  assert.is(child.exitCode, null)
  let got = ''
  for await (const chunk of child.stdout!.setEncoding('utf8')) got += chunk
  assert.equal([...got.split('\n')].sort(), [...lines.join('').split('\n')].sort())
  assert.is(stderr(), '')
  const head = spawnCli(['export', '--map', 'wide', '--data', a.dir])
  await once(head.child.stdout!, 'readable')
  head.child.stdout!.destroy()
  const [code] = await once(head.child, 'close')
  assert.equal([code, head.stderr()], [0, ''])
})

/** Unlike `once`, it ignores errors: the test checks which process still lives. */
const drained = ({ stdin }: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    stdin?.once('drain', resolve)
  })

test('import: what was reported as imported survives a kill of the agent', async () => {
  const data = folder('killed')
  const mailbox = folder('mailbox')
  const run = ['run', '--swarm', 'kv', '--mailbox', mailbox, '--data', data, '--json']
  const agent = start(run)
  await agent.shows(/\n/)
  const importing = start(['import', '--data', data])
  let sent = 0
  let hasEnded = false
  void importing.ended.then(() => {
    hasEnded = true
  })
  importing.child.stdin?.on('error', () => undefined) // it ends before its input does
  const feed = (async () => {
    while (!hasEnded) {
      const isFull = importing.child.stdin?.write(linesOf(1_000, sent)) === false
      sent += 1_000
      if (isFull) await Promise.race([drained(importing.child), importing.ended])
    }
  })()
  const count = async (): Promise<number> => {
    const { stdout } = await inProcess(['keys', '--data', data, '--json'], { env })
    return stdout === '' ? 0 : JSON.parse(stdout).data.keys.length
  }
  await until('some of it to be there', async () => (await count()) > 5_000)
  agent.child.kill('SIGKILL')
  const { code, stdout, stderr } = await importing.ended
  await feed
  assert.equal([code, stdout], [1, ''])
  const imported = Number(/has stopped; (\d+) entries before were imported\n/.exec(stderr)?.[1])
  assert.ok(imported > 0 && imported < sent, stderr)
  assert.match(
    stderr,
    /\nhint: start it again with: pilot-gossip run .* --detach; importing it again is safe\n$/,
  )
  const again = start(run)
  await again.shows(/\n/)
  const { stdout: kept } = await inProcess(['export', '--data', data], { env })
  assert.is(kept.slice(0, linesOf(imported).length), linesOf(imported))
  again.child.kill('SIGTERM')
  assert.is((await again.ended).code, 0)
})

test('Progress: reports long work now and then, and clears its line', () => {
  let time = 0
  let printed: string[] = []
  const start = (isShown: boolean): Progress =>
    new Progress('lines', { isShown, print: (text) => printed.push(text), now: () => time })
  const progress = start(true)
  for (; time < 1_000; time += 10) progress.at(time)
  progress.end()
  assert.equal(printed, [])
  for (; time <= 2_000; time += 10) progress.at(time * 1_000)
  assert.equal(printed, [
    '\r\x1b[K1,000,000 lines, 1,000,000 a second',
    '\r\x1b[K1,250,000 lines, 1,000,000 a second',
    '\r\x1b[K1,500,000 lines, 1,000,000 a second',
    '\r\x1b[K1,750,000 lines, 1,000,000 a second',
    '\r\x1b[K2,000,000 lines, 1,000,000 a second',
  ])
  printed = []
  progress.end()
  progress.end()
  assert.equal(printed, ['\r\x1b[K'])
  printed = []
  const silent = start(false)
  time += 10_000
  silent.at(5)
  silent.end()
  assert.equal(printed, [])
})

test.run()
