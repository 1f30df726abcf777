/** The command line without an agent: what is parsed, refused and printed. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { checkNode } from '../../src/cli/checks.ts'
import { asksForJson } from '../../src/cli/main.ts'
import { parseDuration, parseFanout, parseNetwork } from '../../src/cli/parse.ts'
import { showAge } from '../../src/cli/peer-table.ts'
import { type Notice, ProblemLog } from '../../src/cli/problems.ts'
import { planRun } from '../../src/cli/run-plan.ts'
import { findTarget, namedFolder } from '../../src/cli/target.ts'
import { cut, printable, showJson, showKey, styler, table, widthOf } from '../../src/cli/text.ts'
import { mailboxName } from '../../src/cli/transport-mailbox.ts'
import { TRANSPORTS } from '../../src/cli/transports.ts'
import { parseJson, parseValue, trimLineBreak } from '../../src/cli/value.ts'
import { ControlServer } from '../../src/control/server.ts'
import { Failure } from '../../src/errors.ts'
import { failureOf, inProcess, ROOT } from '../helpers/cli.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('cli')

const temporary = temporaryFolder()
test.after(() => temporary.remove())

test('parseValue: JSON if it parses, else a string', () => {
  const values: readonly (readonly [string, unknown])[] = [
    ['hello', 'hello'],
    ['', ''],
    ['"hello"', 'hello'],
    ['1', 1],
    ['-1.5e3', -1500],
    ['01234', '01234'],
    ['true', true],
    ['null', null],
    ['NaN', 'NaN'],
    ['[1, "a", {}]', [1, 'a', {}]],
    ['{"a":1}', { a: 1 }],
    ['{a:1}', '{a:1}'],
    [' 1 ', 1],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992],
    ['1e22', 1e22],
    ['1152921504606846976', 2 ** 60],
    [String(2 ** 60), 2 ** 60],
    [String(-(2 ** 69)), -(2 ** 69)],
    ['"9007199254740993"', '9007199254740993'],
    [
      '{"9007199254740993":"a \\" 9007199254740993"}',
      { '9007199254740993': 'a " 9007199254740993' },
    ],
    ['9007199254740993 apples', '9007199254740993 apples'],
    ['0.1', 0.1],
  ]
  for (const [text, value] of values) assert.equal(parseValue(text), value, text)
})

test('parseValue: refuses a number that would change', async () => {
  for (const text of ['9007199254740993', '-9007199254740993', '{"a":["x",9007199254740993]}']) {
    const failure = (await rejects(() => parseValue(text), /invalid_argument/)) as Failure
    assert.match(failure.message, /^number -?9007199254740993 cannot be kept exactly$/)
    assert.is(failure.hint, 'give it as a string: --string, or in quotes inside JSON')
  }
  await rejects(() => parseValue('1e400'), /number 1e400 cannot/)
  await rejects(() => parseValue(`1${'0'.repeat(400)}`), /number 10{39}\u2026 cannot/)
  await rejects(() => parseValue('18446744073709551615'), /18446744073709551615/)
})

test('parseValue: refuses a number that would become 0 or lose digits', async () => {
  const refused = [
    '1e-400',
    '-1e-400',
    '1E-324',
    '2.4e-324',
    '4.9e-324',
    '1.23456789e-320',
    `0.${'0'.repeat(400)}1`,
    `1e-${'9'.repeat(30)}`,
    '{"a":["1e-400",1e-400]}',
  ]
  for (const text of refused) await rejects(() => parseValue(text), /cannot be kept exactly/)
  const kept: readonly (readonly [string, number])[] = [
    ['0e-400', 0],
    ['-0.0e-400', -0],
    ['5e-324', 5e-324],
    ['0.5e-323', 5e-324],
    ['1.0e-310', 1e-310],
    ['2.2250738585072014e-308', 2.2250738585072014e-308],
    ['1.2345678901234567890123e-300', 1.2345678901234568e-300],
  ]
  for (const [text, value] of kept) assert.is(parseValue(text), value, text)
  assert.is(parseValue('1e-400 apples'), '1e-400 apples')
})

test('parseJson: handles long strings beside a long number', () => {
  const string = JSON.stringify('\n"1e999\\'.repeat(2_000_000))
  assert.is((parseJson(`[${string},1e5]`) as unknown[])[1], 1e5)
})

test('trimLineBreak: removes one line break', () => {
  assert.is(trimLineBreak('a\n'), 'a')
  assert.is(trimLineBreak('a\r\n'), 'a')
  assert.is(trimLineBreak('a\n\n'), 'a\n')
  assert.is(trimLineBreak(' a '), ' a ')
})

test('parseDuration: needs a unit, and has bounds', async () => {
  const good = { '5s': 5000, '500ms': 500, '1m': 60_000, '1.5s': 1500, '24h': 86_400_000 }
  for (const [text, ms] of Object.entries(good)) assert.is(parseDuration('--interval', text), ms)
  const bad = [
    '',
    '5',
    's',
    '-5s',
    '5 s',
    '99ms',
    '0s',
    '25h',
    '1e3s',
    '5S',
    'soon',
    '1s1s',
    '\u0665s',
  ]
  for (const text of bad) {
    const failure = (await rejects(() => parseDuration('--interval', text))) as Failure
    assert.is(failure.code, 'invalid_argument')
    assert.is(failure.message, `--interval "${text}" is not usable`)
    assert.is(failure.hint, 'give a time from 100ms to 24h, with its unit: 500ms, 5s, 1m')
  }
})

test('parseFanout, parseNetwork: take whole numbers within bounds', async () => {
  assert.is(parseFanout('--fanout', '3'), 3)
  assert.is(parseNetwork('--network', '65535'), 65_535)
  for (const text of ['0', '-1', '1.5', 'three', '', '1001', '1e2', '0x3']) {
    const failure = (await rejects(() => parseFanout('--fanout', text), /invalid_argu/)) as Failure
    assert.is(failure.message, `--fanout "${text}" is not usable`)
    assert.is(failure.hint, 'give a number of peers from 1 to 1000')
  }
  await rejects(() => parseNetwork('--network', '65536'), /--network "65536" is not usable/)
})

const env = { XDG_STATE_HOME: '/s' }

test('planRun: a folder implies the mailbox, the default is Pilot', () => {
  assert.equal(planRun({ swarm: 'kv' }, env), {
    swarm: 'kv',
    dir: '/s/pilot-gossip/kv',
    isDefaultDir: true,
    peers: [],
    transport: { kind: 'pilot' },
    rooms: [],
    config: {},
  })
  const options = { swarm: 'kv', mailbox: '/m', data: '/d', peer: ['a', 'b'], fanout: '4' }
  assert.equal(planRun({ ...options, interval: '2s' }, env), {
    swarm: 'kv',
    dir: '/d',
    isDefaultDir: false,
    peers: ['a', 'b'],
    transport: { kind: 'mailbox', dir: '/m', name: mailboxName('/d') },
    rooms: [],
    config: { fanout: 4, intervalMs: 2000 },
  })
  assert.equal(planRun({ swarm: 'kv', pilotctl: '/p', network: '7' }, env).transport, {
    kind: 'pilot',
    pilotctl: '/p',
    network: 7,
  })
})

test('planRun: rooms and the bridge', () => {
  const given = { swarm: 'kv', room: ['notes', 'a/b'], ws: '1234' }
  const plan = planRun({ ...given, 'ws-origin': ['https://a.example'], 'ws-read-only': true }, env)
  assert.equal(plan.rooms, ['notes', 'a/b'])
  assert.equal(plan.bridge, { port: 1234, origins: ['https://a.example'], readOnly: true })
  assert.is(planRun({ swarm: 'kv', ws: '0', 'ws-host': '::1' }, env).bridge?.host, '::1')
  const rooms = Array.from({ length: 100 }, (_, i) => `room ${i}`)
  assert.equal(planRun({ swarm: 'kv', room: [...rooms, 'room 7'] }, env).rooms, rooms)
})

test('planRun: what others may do', () => {
  const given = { swarm: 'kv', accept: 'listed', 'read-only-peer': ['r'], ban: ['m'] }
  const access = { accept: 'listed', readOnlyPeers: ['r'], banned: ['m'] }
  assert.equal(planRun(given, env).access, access)
  assert.equal(planRun({ swarm: 'kv', 'read-only': true }, env).access, { readOnly: true })
})

test('planRun: the name in a mailbox comes from the data folder', () => {
  assert.match(mailboxName('/a'), /^agent-[0-9a-f]{8}$/)
  assert.is(mailboxName('/a'), mailboxName('/a'))
  assert.is.not(mailboxName('/a'), mailboxName('/b'))
  const plan = planRun({ swarm: 'kv', mailbox: '/m', name: 'left' }, env)
  assert.equal(plan.transport, { kind: 'mailbox', dir: '/m', name: 'left' })
})

test('TRANSPORTS: each kind has options of its own, and is described from its plan', () => {
  const names = TRANSPORTS.flatMap(({ options }) => Object.keys(options))
  assert.is(new Set(names).size, names.length)
  for (const { name, options, impliedBy, checkOptions, describe, plan } of TRANSPORTS) {
    if (impliedBy !== undefined) assert.ok(Object.hasOwn(options, impliedBy), name)
    for (const option of Object.keys(checkOptions)) assert.ok(Object.hasOwn(options, option), name)
    const made = plan(impliedBy === 'mailbox' ? { mailbox: '/tmp/x' } : {}, '/data')
    assert.is(made.kind, name)
    assert.equal(JSON.parse(JSON.stringify(made)), made)
    assert.type(describe(made).peers, 'string')
  }
})

test('planRun: refuses unusable options', async () => {
  const bad: readonly (readonly [Parameters<typeof planRun>[0], string])[] = [
    [{ swarm: 'kv', ws: '65536' }, '--ws "65536" is not a port'],
    [{ swarm: 'kv', ws: '' }, '--ws "" is not a port'],
    [{ swarm: 'kv', 'ws-read-only': true }, '--ws-read-only needs --ws'],
    [{ swarm: 'kv', room: ['__proto__'] }, '"__proto__" cannot be the name of a room'],
    [
      { swarm: 'kv', room: Array.from({ length: 101 }, (_, i) => `room ${i}`) },
      '--room is given 101 times',
    ],
    [{}, 'run needs the name of a swarm'],
    [{ swarm: '../x' }, 'swarm name "../x" cannot be used'],
    [{ swarm: '' }, 'swarm name "" cannot be used'],
    [{ swarm: 'kv', transport: 'udp' }, '--transport "udp" is not usable'],
    [{ swarm: 'kv', transport: 'mailbox' }, 'the mailbox transport needs a folder'],
    [{ swarm: 'kv', mailbox: '' }, 'the mailbox transport needs a folder'],
    [
      { swarm: 'kv', transport: 'pilot', mailbox: '/m' },
      'the pilot transport does not take --mailbox',
    ],
    [{ swarm: 'kv', name: 'a' }, 'the pilot transport does not take --name'],
    [{ swarm: 'kv', mailbox: '/m', network: '7' }, 'the mailbox transport does not take --network'],
    [{ swarm: 'kv', pilotctl: '' }, '--pilotctl is empty'],
    [{ swarm: 'kv', peer: [''] }, '--peer "" is not usable'],
    [{ swarm: 'kv', ban: [''] }, '--ban "" is not usable'],
    [{ swarm: 'kv', 'read-only-peer': [''] }, '--read-only-peer "" is not usable'],
    [{ swarm: 'kv', accept: 'some' }, '--accept "some" is not usable'],
    [{ swarm: 'kv', accept: 'listed' }, '--accept listed needs a peer'],
    [{ swarm: 'kv', data: '' }, '--data is empty'],
    [{ swarm: 'kv', fanout: '0' }, '--fanout "0" is not usable'],
    [{ swarm: 'kv', interval: '5' }, '--interval "5" is not usable'],
  ]
  for (const [options, message] of bad) {
    const failure = (await rejects(() => planRun(options, env))) as Failure
    assert.equal([failure.code, failure.message], ['invalid_argument', message])
  }
})

test('namedFolder: an option beats the environment, a folder beats a swarm', () => {
  const all = { ...env, PILOT_GOSSIP_DATA: '/e', PILOT_GOSSIP_SWARM: 'es' }
  assert.is(namedFolder({}, env), undefined)
  assert.is(namedFolder({}, { ...env, PILOT_GOSSIP_DATA: '', PILOT_GOSSIP_SWARM: '' }), undefined)
  assert.is(namedFolder({}, { ...env, PILOT_GOSSIP_SWARM: 'es' }), '/s/pilot-gossip/es')
  assert.is(namedFolder({}, all), '/e')
  assert.is(namedFolder({ data: '/d' }, all), '/d')
  assert.is(namedFolder({ swarm: 'kv', data: '/d' }, env), '/d')
  assert.is(namedFolder({ swarm: 'kv' }, env), '/s/pilot-gossip/kv')
  assert.is(planRun({ swarm: 'kv' }, all).dir, '/e')
  assert.is(planRun({}, { ...env, PILOT_GOSSIP_SWARM: 'es' }).swarm, 'es')
})

test('findTarget: without a name, the only running agent is meant', async () => {
  const here = { XDG_STATE_HOME: join(temporary.dir, 'only') }
  const root = join(temporary.dir, 'only', 'pilot-gossip')
  const none = (await rejects(() => findTarget({}, here), /not_running/)) as Failure
  assert.is(none.message, `no agent runs below "${root}"`)
  assert.match(none.hint ?? '', 'pilot-gossip run --swarm NAME --detach')
  mkdirSync(join(root, 'dead'), { recursive: true })
  writeFileSync(join(root, 'file'), '')
  const one = new ControlServer({ dir: join(root, 'one'), handle: () => ({}) })
  const two = new ControlServer({ dir: join(root, 'two'), handle: () => ({}) })
  try {
    await one.open()
    assert.equal(await findTarget({}, here), { dir: join(root, 'one') })
    assert.equal(await findTarget({ swarm: 'two' }, here), { dir: join(root, 'two'), swarm: 'two' })
    await two.open()
    const many = (await rejects(() => findTarget({}, here), /invalid_argument/)) as Failure
    assert.is(many.message, '2 agents run: one, two')
    assert.is(many.hint, 'choose one with --swarm NAME')
  } finally {
    await one.close()
    await two.close()
  }
})

test('printable: escapes what could control a terminal', () => {
  assert.is(printable('a\x1b[2J\n\u009b\u202e'), 'a\\x1b[2J\\x0a\\x9b\\u202e')
  assert.is(printable('gr\u00fc\u00df \u{1f600}'), 'gr\u00fc\u00df \u{1f600}')
  assert.is(showKey('task:7'), 'task:7')
  assert.is(showKey('two words'), '"two words"')
  assert.is(showKey(''), '""')
  assert.is(showKey('a\x1b'), '"a\\u001b"')
  assert.is(showJson('a\u0085'), '"a\\x85"')
})

test('table: as wide as its cells, up to the limit', () => {
  const rows = [
    ['a', '1'],
    ['long', '{"x":1}'],
  ]
  assert.is(table(['KEY', 'VALUE'], rows), 'KEY   VALUE\na     1\nlong  {"x":1}\n')
  assert.is(
    table(['KEY', 'VALUE'], rows, { width: 10, head: (line) => `*${line}*` }),
    '*KEY   VAL\u2026*\na     1\nlong  {"x\u2026\n',
  )
  assert.is(cut('abc', 3), 'abc')
  assert.is(styler(false)('red', 'x'), 'x')
  assert.is(styler(true)('red', 'x'), '\x1b[31mx\x1b[0m')
})

test('widthOf: counts columns as a terminal shows them', () => {
  const widths: readonly (readonly [string, number])[] = [
    ['', 0],
    ['plain ~', 7],
    ['gr\u00fc\u00df', 4],
    ['日本', 4],
    ['ｶﾅ', 2],
    ['ｶﾞ', 2],
    ['Ａ\u3000', 4],
    ['한국', 4],
    ['\u1112\u1161\u11ab', 2], // the first of the two before, in parts
    ['e\u0301\u0308x', 2],
    ['\u0301', 0],
    ['a\u200bb\ufeff', 2],
    ['\u{1f600}', 2],
    ['\u{1f469}\u{1f3fd}\u200d\u{1f680}', 2], // an astronaut
    ['\u{1f1e9}\u{1f1ea}\u{1f1ea}\u{1f1f8}', 4], // two flags
    ['\u2764', 1],
    ['\u2764\ufe0f', 2],
    ['1\ufe0f\u20e3', 2],
    ['\u{20bb7}', 2],
    ['\u0928\u092e\u0938\u094d\u0924\u0947', 4],
    ['\u05e9\u05c1', 1],
    ['→ ½ α я', 7],
  ]
  for (const [text, width] of widths) assert.is(widthOf(text), width, JSON.stringify(text))
})

test('table: aligns any script, and cuts no character in two', () => {
  const rows = [
    ['日本', '東京'],
    ['\u{1f469}\u200d\u{1f680}', 'e\u0301'],
    ['a', '1'],
  ]
  assert.is(
    table(['KEY', 'V'], rows),
    'KEY   V\n日本  東京\n\u{1f469}\u200d\u{1f680}    e\u0301\na     1\n',
  )
  const long = ['key', '東京都港区']
  assert.is(table(['K', 'V'], [long], { width: 10 }), 'K    V\nkey  東京…\n')
  assert.is(table(['K', 'V'], [long], { width: 11 }), 'K    V\nkey  東京…\n')
  assert.is(table(['K', 'V'], [long], { width: 15 }), 'K    V\nkey  東京都港区\n')
  assert.is(cut('\u{1f1e9}\u{1f1ea}\u{1f1ea}\u{1f1f8}', 3), '\u{1f1e9}\u{1f1ea}…')
  assert.is(cut('e\u0301e\u0301e\u0301', 2), 'e\u0301…')
})

test('showAge: picks the unit that fits', () => {
  const now = Date.parse('2026-01-02T00:00:00Z')
  const before = (seconds: number) => new Date(now - seconds * 1000).toISOString()
  const ages = [0, 59, 60, 3599, 3600, 86_399, 86_400, 200_000].map((s) => showAge(before(s), now))
  assert.equal(ages, [
    '0 s ago',
    '59 s ago',
    '1 min ago',
    '59 min ago',
    '1 h ago',
    '23 h ago',
    '1 day ago',
    '2 days ago',
  ])
  assert.is(showAge(null, now), 'never')
  assert.is(showAge(before(-5), now), '0 s ago')
})

test('ProblemLog: reports each kind once a minute, with a count', () => {
  let now = 1000
  const notices: Notice[] = []
  const log = new ProblemLog(
    (one) => notices.push(one),
    () => now,
  )
  const send = (to: string) =>
    log.add({ type: 'send', to, failure: new Failure('timeout', 'no answer', { hint: 'wait' }) })
  for (let index = 0; index < 5; index++) send(`peer${index}`)
  log.add({ type: 'refused', from: 'x', reason: 'too_deep', message: 'deep' })
  log.add({ type: 'transport', failure: new Failure('timeout', 'slow') })
  log.add({ type: 'unsendable', to: 'y', bytes: 9 })
  log.add({ type: 'observer_failed', error: new Error('oh') })
  log.add({ type: 'diverged', from: 'b', document: 'kv', writers: [7, 9] })
  now += 59_999
  send('late')
  now += 1
  send('next')
  assert.equal(
    notices.map(({ code, message, count }) => `${code}: ${message} (${count})`),
    [
      'timeout: could not send to peer0: no answer (1)',
      'too_deep: refused a message from x: deep (1)',
      'timeout: slow (1)',
      'too_large: a change of 9 bytes is too long for a message to y (1)',
      'internal: a listener on the document failed: oh (1)',
      'damaged: b has different content under the same digest: two agents wrote as writer 7, 9 (1)',
      'timeout: could not send to next: no answer (6)',
    ],
  )
  assert.is(notices[0]?.hint, 'wait')
})

test('asksForJson: finds --json before and after the command, but not as a value', () => {
  assert.ok(asksForJson(['--json', 'get', 'k']))
  assert.ok(asksForJson(['get', 'k', '--json']))
  assert.not(asksForJson(['get', 'k']))
  assert.not(asksForJson(['set', 'k', '--', '--json']))
})

test('checkNode: an old Node.js is a problem', () => {
  assert.is(checkNode('20.19.0').level, 'ok')
  assert.is(checkNode('24.0.0').level, 'ok')
  assert.equal(checkNode('20.18.3'), {
    name: 'node',
    level: 'problem',
    detail: 'Node.js 20.18.3',
    hint: 'install Node.js 20.19 or later',
  })
  assert.is(checkNode('18.99.0').level, 'problem')
})

test('version: goes to standard output, with code 0', async () => {
  for (const args of [['--version'], ['-V'], ['version']]) {
    assert.equal(await inProcess(args), { code: 0, stdout: '0.1.0\n', stderr: '' })
  }
  assert.is(
    (await inProcess(['--version', '--json'])).stdout,
    '{"status":"ok","data":{"version":"0.1.0"}}\n',
  )
})

/** Misuse: the arguments, the line on standard error, and the hint. */
const misuses: readonly (readonly [args: string[], message: string, hint: string])[] = [
  [['fly'], 'unknown command "fly"', 'see: pilot-gossip help'],
  [['lits'], 'unknown command "lits"', 'did you mean list?'],
  [['rm', 'k'], 'unknown command "rm"', 'did you mean delete?'],
  [['help', 'gte'], 'unknown command "gte"', 'did you mean get?'],
  [['Get', 'k'], 'unknown command "Get"', 'did you mean get?'],
  [['get'], 'get needs KEY', 'usage: pilot-gossip get KEY'],
  [['set', 'k'], 'set needs VALUE', 'usage: pilot-gossip set KEY VALUE'],
  [['get', 'k', '--fast'], 'unknown option "--fast"', 'see: pilot-gossip get --help'],
  [['get', 'k', '--mpa', 'x'], 'unknown option "--mpa"', 'did you mean --map?'],
  [['get', 'k', '--hot'], 'unknown option of get "--hot"', 'it is one of: set, import'],
  [['get', 'k', '--__proto__'], 'unknown option "--__proto__"', 'see: pilot-gossip get --help'],
  [
    ['get', 'k', '-x'],
    'unknown option "-x"',
    'before a value that begins with a dash put --: pilot-gossip get … -- -x',
  ],
  [
    ['set', 'k', '-5x'],
    'unknown option "-5x"',
    'before a value that begins with a dash put --: pilot-gossip set … -- -5x',
  ],
  [['get', 'k', 'l'], 'unexpected argument "l"', 'usage: pilot-gossip get KEY'],
  [['watch', 'k', 'l'], 'unexpected argument "l"', 'usage: pilot-gossip watch [KEY]'],
  [['list', '--data'], '--data needs a value', 'give it: --data DIR'],
  [
    ['list', '--data', '--map', 'm'],
    '--data needs a value, but "--map" follows',
    'give it: --data DIR; one that begins with a dash: --data=--map',
  ],
  [['list', '--json=yes'], '--json takes no value, but was given "yes"', 'leave "=yes" out'],
  [['export', '--format', 'xml'], '--format "xml" is not usable', 'give json or ndjson'],
  [['completion', 'csh'], 'SHELL "csh" is not usable', 'give bash, zsh or fish'],
  [['--map', 'm'], 'no command given', 'see: pilot-gossip help'],
  [
    ['run'],
    'run needs the name of a swarm',
    'add --swarm NAME; all agents of a swarm give the same name',
  ],
  [
    ['run', '--swarm', 'kv', '--interval', 'soon'],
    '--interval "soon" is not usable',
    'give a time from 100ms to 24h, with its unit: 500ms, 5s, 1m',
  ],
  [
    ['run', '--swarm', 'kv', '--fanout', '-1'],
    '--fanout "-1" is not usable',
    'give a number of peers from 1 to 1000',
  ],
  [
    ['get', 'k', '--swarm', 'a b'],
    'swarm name "a b" cannot be used',
    'use 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit',
  ],
  [
    ['set', 'k', '9007199254740993', '--data', '/nowhere'],
    'number 9007199254740993 cannot be kept exactly',
    'give it as a string: --string, or in quotes inside JSON',
  ],
]

for (const [args, message, hint] of misuses) {
  test(`misuse: ${args.join(' ')}`, async () => {
    assert.equal(await inProcess(args), {
      code: 2,
      stdout: '',
      stderr: `pilot-gossip: ${message}\nhint: ${hint}\n`,
    })
    const { code, stdout, stderr } = await inProcess(['--json', ...args])
    assert.equal([code, stdout], [2, ''])
    assert.equal(JSON.parse(stderr), { status: 'error', code: 'invalid_argument', message, hint })
  })
}

test('--json: alone it is not a command', async () => {
  const { code, stdout, stderr } = await inProcess(['--json'])
  assert.equal([code, stdout], [2, ''])
  assert.match(stderr, '"message":"no command given"')
})

test('commands: without an agent they fail with code 1', async () => {
  const dir = join(temporary.dir, 'nobody')
  for (const args of [
    ['set', 'k', 'v'],
    ['get', 'k'],
    ['delete', 'k'],
    ['list'],
    ['watch'],
    ['status'],
  ]) {
    assert.equal(await inProcess([...args, '--data', dir]), {
      code: 1,
      stdout: '',
      stderr: `pilot-gossip: no agent runs on "${dir}"\nhint: start one with: pilot-gossip run --swarm NAME --data ${dir} --detach\n`,
    })
  }
})

test('run: fails if it cannot use the folder, or finds no pilotctl', async () => {
  const file = join(temporary.dir, 'a-file')
  writeFileSync(file, '')
  const inFile = await inProcess(['run', '--swarm', 'kv', '--data', join(file, 'below')])
  assert.equal([inFile.code, inFile.stdout], [1, ''])
  assert.match(
    inFile.stderr,
    /^pilot-gossip: the data folder ".*below" cannot be used: .*\nhint: a file /,
  )
  const data = join(temporary.dir, 'run')
  const mailbox = await inProcess(['run', '--swarm', 'kv', '--data', data, '--mailbox', '/proc/no'])
  assert.is(mailbox.code, 1)
  assert.match(
    mailbox.stderr,
    /^pilot-gossip: the mailbox folder "\/proc\/no" cannot be used: .*\nhint: give /,
  )
  const args = ['run', '--swarm', 'kv', '--data', data, '--pilotctl', '/no/pilotctl', '--json']
  const program = await inProcess(args)
  assert.is(program.code, 1)
  assert.equal(failureOf(program), {
    status: 'error',
    code: 'not_found',
    message: 'pilotctl was not found at "/no/pilotctl"',
    hint: 'install it (pip install pilotprotocol) or give the path of the program',
  })
})

test('SKILL.md: starts agents in the background', () => {
  const skill = readFileSync(join(ROOT, 'SKILL.md'), 'utf8')
  const starts = [...skill.matchAll(/pilot-gossip run [^`\n]*/g)].map(([start]) => start)
  assert.is(starts.length, 2)
  for (const start of starts) assert.match(start, / --detach\b/)
})

test('doctor: without pilotctl it exits with 1, unless a mailbox is checked', async () => {
  const home = { HOME: temporary.dir, XDG_STATE_HOME: temporary.dir }
  const args = ['doctor', '--swarm', 'kv', '--json']
  const pilot = await inProcess([...args, '--pilotctl', '/no/pilotctl'], { env: home })
  assert.is(pilot.code, 1)
  const { status, code, message, hint, data } = failureOf(pilot)
  assert.equal([status, code], ['error', 'not_found'])
  assert.is(message, 'pilotctl: pilotctl was not found at "/no/pilotctl"')
  const { checks } = data as { checks: { name: string; ok: boolean; hint?: string }[] }
  assert.equal(
    checks.map(({ name, ok }) => `${name} ${ok}`),
    ['node true', 'data true', 'agent true', 'pilotctl false'],
  )
  assert.is(hint, 'install it (pip install pilotprotocol) or give the path of the program')
  assert.is(checks[3]?.hint, hint)
  const both = ['doctor', '--data', '/proc/no', '--pilotctl', '/no/pilotctl', '--json']
  const two = failureOf(await inProcess(both, { env: home }))
  assert.match(String(two.message), /^data: \/proc\/no cannot be written: .*; 1 more problem$/)
  const mailbox = await inProcess([...args, '--mailbox', join(temporary.dir, 'm')], { env: home })
  assert.is(mailbox.code, 0)
  const people = await inProcess(['doctor', '--mailbox', '/proc/no'], { env: home })
  assert.is(people.code, 1)
  assert.match(people.stdout, /^ok +node +Node\.js /)
  assert.match(people.stdout, /\nPROBLEM +mailbox +\/proc\/no cannot be written: /)
  const noData = await inProcess(['doctor', '--data', '/proc/no', '--mailbox', temporary.dir])
  assert.is(noData.code, 1)
  assert.match(noData.stdout, /PROBLEM +data +\/proc\/no cannot be written/)
})

test.run()
