import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { isFailure } from '../../../src/errors.ts'
import {
  backboneAddress,
  formatAddress,
  parseAddress,
} from '../../../src/transports/pilot/address.ts'
import * as answers from '../../../src/transports/pilot/answers.ts'
import { needsHelp, readAbilities } from '../../../src/transports/pilot/version.ts'
import { rejects, suite } from '../../helpers/suite.ts'

interface Captured {
  readonly version: string
  readonly info: string
  readonly peers: string
  readonly search: string
  readonly trust: string
  readonly lookup: string
  readonly sent: string
  readonly unknown: string
  readonly setTags: string
  readonly extrasSetTags: string
  readonly down: string
  readonly inbox: Readonly<Record<string, string>>
}

/** The answers of the six versions, word for word. */
const captured: Readonly<Record<string, Captured>> = JSON.parse(
  readFileSync(new URL('../../fixtures/pilot/answers.json', import.meta.url), 'utf8'),
)

const ok = (stdout: string) => answers.readAnswer({ stdout, stderr: '' })
const failed = (stderr: string) => rejects(() => answers.readAnswer({ stdout: '', stderr }))
const failure = async (error: Promise<Error>) => {
  const thrown = await error
  if (!isFailure(thrown)) throw thrown
  return thrown
}

const test = suite('pilot answers')

const PUSH = '{"type":"gossip_push","version":1,"state":{"a":1},"sender":"1","timestamp":"1"}'
const NODES: Readonly<Record<string, number>> = {
  '1.7.2': 9,
  '1.10.0': 7,
  '1.13.8': 4,
  '1.13.11': 12,
  '1.17.0': 14,
  '1.18.0': 10,
}

for (const [version, texts] of Object.entries(captured)) {
  const nodeId = NODES[version] ?? -1

  test(`reads the answers of ${version}`, () => {
    const node = answers.readNode(ok(texts.info))
    assert.equal(node, {
      nodeId,
      address: formatAddress(nodeId),
      hostname: `v${version.replaceAll('.', '-')}-1`,
      tags: [],
    })
    const looked = answers.readNode(ok(texts.lookup))
    assert.equal(looked, {
      nodeId: 1,
      address: '0:0000.0000.0001',
      hostname: 'agent1',
      tags: ['swarm:kv'],
    })
    assert.equal(answers.readTrusted(ok(texts.trust)), [nodeId])
    assert.equal(answers.readPeerAddresses(ok(texts.search)), [])
    assert.ok(answers.isAcknowledged(ok(texts.sent)))
    assert.not.ok(answers.isAcknowledged(ok(texts.info)))
  })

  test(`reads the failures of ${version}`, async () => {
    const down = await failure(failed(texts.down))
    assert.is(down.code, 'not_running')
    assert.match(down.message, 'daemon is not running')
    assert.match(down.hint ?? '', 'pilotctl daemon start')
    const unknown = await failure(failed(texts.unknown))
    assert.is(unknown.code, 'not_found')
    assert.match(unknown.message, '"nosuch"')
    assert.ok(unknown.hint)
    const wrong = version === '1.7.2' ? texts.extrasSetTags : texts.setTags
    assert.is((await failure(failed(wrong))).code, 'invalid_argument')
  })

  test(`reads the inbox files of ${version}`, () => {
    const [first] = Object.values(texts.inbox)
    const from = formatAddress(nodeId)
    assert.equal(answers.readInboxFile(first ?? ''), { kind: 'message', from, text: PUSH })
  })
}

test('reads the abilities of each version', () => {
  const can = Object.values(captured).map(({ version }) => readAbilities(version))
  assert.equal(
    can.map(({ stdin }) => stdin),
    [false, false, false, false, true, true],
  )
  assert.equal([...new Set(can.map((one) => one.maxMessageBytes))], [120_000, 4_194_304])
  assert.ok(readAbilities('2.0.0').stdin)
  assert.ok(readAbilities('v1.17.0-rc1').stdin)
  assert.not.ok(readAbilities('1.9.1').stdin)
  assert.ok(needsHelp('dev'))
  assert.ok(needsHelp(''))
  assert.not.ok(needsHelp('1.13.8'))
  assert.ok(
    readAbilities('dev', 'Flags:\n  --data <text>  message payload; "-" reads it from stdin\n')
      .stdin,
  )
  assert.not.ok(readAbilities('dev', '  --data <text>  message payload (required)\n').stdin)
})

test('maps every code, and gives each a hint', async () => {
  const codes = {
    not_running: 'not_running',
    not_found: 'not_found',
    connection_failed: 'connection_failed',
    timeout: 'timeout',
    trust_required: 'trust_required',
    invalid_argument: 'invalid_argument',
    permission_denied: 'permission_denied',
    already_exists: 'already_exists',
    auth_required: 'permission_denied',
    internal: 'internal',
    unheard_of: 'internal',
    constructor: 'internal',
  }
  for (const [code, ours] of Object.entries(codes)) {
    const error = await failure(failed(JSON.stringify({ status: 'error', code, message: 'm' })))
    assert.is(error.code, ours, code)
    assert.match(error.message, 'pilotctl: m')
    if (ours !== 'internal') assert.ok(error.hint, code)
  }
})

test('reads an unknown node as not_found', async () => {
  const lookup = {
    status: 'error',
    code: 'connection_failed',
    message: 'lookup: registry: node not found',
  }
  assert.is((await failure(failed(JSON.stringify(lookup)))).code, 'not_found')
  const send = {
    status: 'error',
    code: 'trust_required',
    message: 'cannot look up peer 0:0000.0000.0FFF (registry: node not found); refusing tunnel',
  }
  assert.is((await failure(failed(JSON.stringify(send)))).code, 'not_found')
  const refused = {
    status: 'error',
    code: 'trust_required',
    message: 'refusing tunnel to private node',
  }
  assert.is((await failure(failed(JSON.stringify(refused)))).code, 'trust_required')
})

test('finds the failure among other lines, on either stream', async () => {
  const line = '{"status":"error","code":"timeout","message":"late","hint":"their hint"}'
  const error = await failure(failed(`warning: {old config}\n${line}\nupdate available\n`))
  assert.is(error.code, 'timeout')
  assert.is(error.hint, 'their hint')
  const pretty = JSON.stringify(JSON.parse(line), null, 2)
  assert.is((await failure(failed(pretty))).code, 'timeout')
  const out = await failure(rejects(() => ok(line)))
  assert.is(out.code, 'timeout')
})

test('rejects other output, with a short quote', async () => {
  for (const stdout of ['', 'nonsense', 'null', '[]', '7', '{}', '{"status":"ok"', '{"data":{}}']) {
    const error = await failure(rejects(() => ok(stdout)))
    assert.is(error.code, 'internal', stdout)
    assert.ok(error.message.includes(stdout))
    assert.ok(error.hint)
  }
  const long = await failure(rejects(() => ok('x'.repeat(100_000))))
  assert.ok(long.message.length < 500)
  assert.equal(ok('{"status":"ok"}'), {})
})

test('reads lists of any shape, and checks every entry', async () => {
  for (const entries of [
    null,
    undefined,
    7,
    'x',
    {},
    [null, 'x', {}, { node_id: 'x' }, { node_id: -1 }, { node_id: 1.5 }],
  ]) {
    assert.equal(answers.readTrusted({ trusted: entries }), [])
    assert.equal(answers.readMembers({ nodes: entries }), [])
    assert.equal(answers.readPeerAddresses({ peers: entries }), [])
  }
  assert.equal(answers.readTrusted({ trusted: [{ node_id: 7 }, 8] }), [7, 8])
  const members = [{ address: '1:0001.0000.000a' }, { node_id: 11, address: 'x' }]
  assert.equal(answers.readMembers({ nodes: members }), ['0:0000.0000.000A', '0:0000.0000.000B'])
  assert.equal(
    answers.readPeerAddresses({
      peers: [{ address: '0:0000.0000.0002', node_id: 2 }, { node_id: 3 }],
    }),
    ['0:0000.0000.0002'],
  )
  await rejects(
    () => answers.readNode({ hostname: 'x' }),
    /internal .*returned no address.*hostname/,
  )
  assert.equal(answers.readNode({ node_id: 1, tags: ['#a', 7, ''] }).tags, ['a'])
})

test('reads TEXT like JSON, and ignores everything else', () => {
  const file = (fields: object) =>
    answers.readInboxFile(
      JSON.stringify({ type: 'JSON', from: '0:0000.0000.0001', data: 'x', ...fields }),
    )
  const message = { kind: 'message', from: '0:0000.0000.0001', text: 'x' }
  assert.equal(file({}), message)
  assert.equal(file({ type: 'TEXT' }), message)
  assert.equal(file({ data_encoding: 'utf8', new_field: [1] }), message)
  assert.equal(file({ from: '1:0001.0000.0001' }), message)
  for (const fields of [
    { type: 'BINARY', data: undefined, data_b64: 'eA==' },
    { type: 'BINARY' },
    { type: undefined },
    { data: 7 },
    { data: { type: 'gossip_push' } },
    { data: undefined },
    { data_encoding: 'base64' },
    { from: 'agent7' },
    { from: 7 },
    { from: undefined },
  ])
    assert.equal(file(fields), { kind: 'foreign' }, JSON.stringify(fields))
  for (const content of ['null', '[]', '"x"', '7', '{}'])
    assert.equal(answers.readInboxFile(content), { kind: 'foreign' })
  for (const content of ['', '{', '{"type":"JSON","da', '\0\0\0'])
    assert.equal(answers.readInboxFile(content), { kind: 'partial' })
})

test('reads an address of any network as the same node', async () => {
  assert.is(formatAddress(10), '0:0000.0000.000A')
  assert.is(formatAddress(0xffffffff), '0:0000.FFFF.FFFF')
  assert.is(parseAddress('0:0000.0001.000a'), 0x1000a)
  assert.is(backboneAddress('31:001F.0000.000a'), '0:0000.0000.000A')
  for (const text of [
    '',
    'agent7',
    '10',
    '1:0000.0000.000A',
    '0:0000.000A',
    '0:0000.0000.000G',
    ' 0:0000.0000.000A',
    '0:0000.0000.000A\n',
    '-1:0000.0000.000A',
  ])
    assert.is(backboneAddress(text), undefined, text)
  for (const nodeId of [-1, 1.5, 2 ** 32, Number.NaN])
    await rejects(() => formatAddress(nodeId), /not a node id/)
})

test.run()
