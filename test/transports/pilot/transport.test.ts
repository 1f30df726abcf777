import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { isFailure } from '../../../src/errors.ts'
import { Recorder } from '../../../src/testing/index.ts'
import {
  PilotTransport,
  type PilotTransportOptions,
} from '../../../src/transports/pilot/transport.ts'
import { type FakeNode, type FakeSwarm, fakeSwarm } from '../../fixtures/pilot/fake.ts'
import { rejects, suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const test = suite('pilot transport')

const A = '0:0000.0000.0001'
const B = '0:0000.0000.0002'
const push = (n: number): string => `{"type":"gossip_push","n":${n}}`
const isPush = (text: string): boolean => text.includes('gossip_push')

type Settings = Partial<PilotTransportOptions>
type Open = (node: FakeNode, settings?: Settings, hooks?: Recorder) => Promise<PilotTransport>

/** Runs `play` in a swarm of folders; closes the transports it opened. */
const within = (play: (fake: FakeSwarm, open: Open) => Promise<void>) => async () => {
  const fake = fakeSwarm()
  const opened: PilotTransport[] = []
  const open: Open = async (node, settings = {}, hooks = new Recorder()) => {
    const transport = new PilotTransport({ ...node.options, tag: false, ...settings })
    opened.push(transport)
    await transport.open(hooks)
    return transport
  }
  try {
    await play(fake, open)
  } finally {
    for (const transport of opened) await transport.close()
    fake.close()
  }
}

const started = (fake: FakeSwarm, command: string): number =>
  fake.calls().filter(({ event, args }) => event === 'start' && args[0] === command).length

for (const version of ['1.7.2', '1.10.0', '1.13.11', '1.18.0'])
  test(
    `opens, tags its node, sends and receives with ${version}`,
    within(async (fake, open) => {
      const one = fake.node(1, { tags: ['mine'] }, version)
      const two = fake.node(2, {}, version)
      const seen = new Recorder(() => {}, isPush)
      const a = await open(one, { tag: true })
      await open(two, { tag: true }, seen)
      assert.is(a.address, A)
      assert.is(a.maxMessageBytes, version === '1.18.0' ? 4_194_304 : 120_000)
      assert.equal(one.fields().tags, ['mine', 'swarm:kv'])
      assert.equal(two.fields().tags, ['swarm:kv'])
      await a.send(B, push(1))
      await until('the push', () => seen.has(push(1)))
      assert.equal(seen.received, [{ from: A, text: push(1) }])
      await until('its end', () => readdirSync(two.inbox).length === 0)
    }),
  )

test(
  'keeps the tags of its node',
  within(async (fake, open) => {
    fake.set('refuse-colon', true)
    const tagged = fake.node(1, { tags: ['swarm-kv', 'b'] })
    const full = fake.node(2, { tags: ['a', 'b', 'c'] })
    const plain = fake.node(3, { tags: ['a'] })
    const private_ = fake.node(4)
    const seen = new Recorder()
    await open(tagged, { tag: true }, seen)
    assert.equal(tagged.fields().tags, ['swarm-kv', 'b'])
    await open(plain, { tag: true }, seen)
    assert.equal(plain.fields().tags, ['a', 'swarm-kv'])
    await open(private_, {}, seen)
    assert.is(private_.fields().tags, undefined)
    assert.equal(seen.problems, [])
    const full_ = await open(full, { tag: true }, seen)
    assert.equal(full.fields().tags, ['a', 'b', 'c'])
    assert.match(seen.problems[0]?.message ?? '', /could not be tagged "swarm:kv": .*3 tags: a b c/)
    await full_.send(A, push(1))
  }),
)

test(
  'rejects open without a daemon or a program, with a hint',
  within(async (fake, open) => {
    const node = fake.node(1)
    fake.set('down-1', true)
    const down = await rejects(() => open(node), /not_running/)
    assert.ok(isFailure(down) && down.hint?.includes('daemon start'))
    const none = await rejects(
      () => open(node, { pilotctl: '/no/pilotctl' }),
      /not_found .*"\/no\/pilotctl"/,
    )
    assert.ok(isFailure(none) && none.hint?.includes('pip install'))
    await rejects(
      () => open(node, { env: { ...node.env, FAKE_SAY: 'usage: something else\n' } }),
      /internal .*answered "usage: something else"/,
    )
    await rejects(
      () => open(node, { env: { ...node.env, FAKE_SAY: '{"status":"ok","data":{}}' } }),
      /internal .*returned no address/,
    )
  }),
)

test(
  'refuses invalid options',
  within(async (fake, open) => {
    const node = fake.node(1)
    for (const settings of [{ swarm: 'a b' }, { pollMs: 0 }, { timeoutMs: Number.NaN }])
      await rejects(() => open(node, settings), /invalid_argument/)
  }),
)

test(
  'refuses invalid messages before any process is started',
  within(async (fake, open) => {
    fake.node(2)
    const a = await open(fake.node(1, {}, '1.13.11'))
    await rejects(
      () => a.send(B, 'x'.repeat(120_001)),
      /too_large .*120001 bytes; .*1\.13\.11 .*120000/,
    )
    await rejects(() => a.send(B, '\u20ac'.repeat(40_001)), /too_large .*120003/)
    await rejects(() => a.send(B, ''), /invalid_argument/)
    await rejects(() => a.send(B, 'a\0b'), /invalid_argument .*NUL/)
    for (const to of ['n2', '--help', '2', ''])
      await rejects(() => a.send(to, 'x'), /invalid_argument .*address/)
    assert.is(started(fake, 'send-message'), 0)
  }),
)

test(
  'is not delayed by a peer that hangs',
  within(async (fake, open) => {
    fake.node(2)
    fake.set('hang-3', true)
    const seen = new Recorder()
    const a = await open(fake.node(1), { timeoutMs: 60_000 })
    await open(fake.node(2), {}, seen)
    let settled = 0
    const hanging = Array.from({ length: 7 }, async () => {
      const error = await rejects(() => a.send('0:0000.0000.0003', push(0)), /closed/)
      settled++
      return error
    })
    await until('them to hang', () => started(fake, 'send-message') === 7, 30_000)
    await Promise.all([1, 2].map((n) => a.send(B, push(n))))
    await until('both', () => seen.has(push(1)) && seen.has(push(2)))
    assert.is(settled, 0)
    await a.close()
    for (const error of await Promise.all(hanging)) assert.ok(isFailure(error) && error.hint)
  }),
)

test(
  'ends hanging calls when it is closed',
  within(async (fake, open) => {
    fake.set('hang-3', true)
    const a = await open(fake.node(1))
    const hanging = rejects(() => a.send('0:0000.0000.0003', push(0)), /closed/)
    await until('it to hang', () => started(fake, 'send-message') === 1)
    await a.close()
    await hanging
    await rejects(() => a.send(B, push(1)), /closed/)
    await rejects(() => a.discover(), /closed/)
    await rejects(() => a.resolve('n1'), /closed/)
  }),
)

test(
  'may be closed while it opens',
  within(async (fake) => {
    const transport = new PilotTransport(fake.node(1).options)
    fake.set('mute-1', true) // otherwise it may be open before it is closed
    const opening = rejects(() => transport.open(new Recorder()), /closed/)
    await until('it to ask', () => started(fake, 'info') === 1)
    await transport.close()
    await opening
    fake.set('mute-1', false)
    assert.is(transport.address, '')
    await transport.open(new Recorder())
    assert.is(transport.address, A)
    await transport.close()
  }),
)

test(
  'can be opened once at a time',
  within(async (fake, open) => {
    const a = await open(fake.node(1))
    await rejects(() => a.open(new Recorder()), /already_exists .*open already/)
    assert.is(a.address, A)
  }),
)

test(
  'leaves no helper process of earlier openings',
  within(async (fake) => {
    const transport = new PilotTransport(fake.node(1).options)
    const children = (): number =>
      execFileSync('ps', ['-A', '-o', 'ppid=,args='], { encoding: 'utf8' })
        .split('\n')
        .filter(
          (line) => Number.parseInt(line, 10) === process.pid && /launcher-process/.test(line),
        ).length
    const before = children()
    for (let turn = 0; turn < 3; turn++) {
      await transport.open(new Recorder())
      await transport.close()
      assert.is(children(), before)
    }
    fake.set('down-1', true)
    await rejects(() => transport.open(new Recorder()), /not_running/)
    await transport.close()
    assert.is(children(), before, 'also where it could not be opened')
  }),
)

test(
  'reports once that the daemon is down, still receives, and works when it is back',
  within(async (fake, open) => {
    fake.node(2)
    const seen = new Recorder()
    const node = fake.node(1)
    const a = await open(node, {}, seen)
    const b = await open(fake.node(2))
    await b.send(A, push(1))
    await until('the first', () => seen.has(push(1)))
    fake.set('down-1', true)
    for (let round = 0; round < 3; round++) {
      await rejects(() => a.send(B, push(0)), /not_running/)
      await rejects(() => a.discover(), /not_running/)
    }
    assert.equal(
      seen.problems.map(({ code }) => code),
      ['not_running'],
    )
    const waiting = { type: 'JSON', from: B, data: push(2) }
    writeFileSync(join(node.inbox, 'JSON-20261122-125129.834.json'), JSON.stringify(waiting))
    await until('what lies in the inbox', () => seen.has(push(2)))
    fake.set('down-1', false)
    await a.send(B, push(3))
    fake.set('down-1', true)
    await rejects(() => a.send(B, push(0)), /not_running/)
    assert.is(seen.problems.length, 2)
  }),
)

test(
  'resolves hostnames, node ids and addresses',
  within(async (fake, open) => {
    fake.node(2, { hostname: 'agent-two' })
    const a = await open(fake.node(1))
    assert.is(await a.resolve('agent-two'), B)
    assert.is(await a.resolve('2'), B)
    assert.is(await a.resolve('1:0001.0000.0002'), B)
    assert.is(await a.resolve('0:0000.0000.00ff'), '0:0000.0000.00FF')
    await rejects(() => a.resolve('nobody'), /not_found .*"nobody"/)
    await rejects(() => a.resolve('99'), /not_found/)
    await rejects(() => a.resolve('--help'), /invalid_argument .*"--help"/)
    await rejects(() => a.resolve(''), /invalid_argument/)
    await rejects(() => a.resolve('99999999999999'), /not_found|invalid_argument/)
  }),
)

test(
  'discovers tagged nodes that it trusts and members of its network, never itself',
  within(async (fake, open) => {
    fake.node(2, { tags: ['swarm:kv'] })
    fake.node(3, { tags: ['swarm:other'] })
    fake.node(4, { tags: ['swarm-kv'] })
    fake.node(5)
    const trusted = [1, 2, 3, 4, 5, 99]
    const a = await open(fake.node(1, { trusted }))
    assert.equal([...(await a.discover())].sort(), [B, '0:0000.0000.0004'])
    const withNetwork = await open(fake.node(4), { network: 1 })
    assert.equal([...(await withNetwork.discover())].sort(), [B, '0:0000.0000.0003'])
    const wrong = await open(fake.node(3), { network: 7 })
    assert.equal(await wrong.discover(), [])
  }),
)

test(
  'uses the given inbox',
  within(async (fake, open) => {
    const elsewhere = join(fake.root, 'elsewhere')
    const seen = new Recorder()
    await open(fake.node(1), { inbox: fake.node(2).inbox, pollMs: 50 }, seen)
    const c = await open(fake.node(3))
    await c.send(B, push(1))
    await until('the message', () => seen.has(push(1)))
    assert.not.ok(existsSync(elsewhere))
  }),
)

test(
  'delivers a message again after reopening, if receive never ended',
  within(async (fake, open) => {
    const stuck = new Recorder(() => new Promise(() => {}))
    const node = fake.node(2)
    const a = await open(fake.node(1))
    const b = await open(node, {}, stuck)
    await a.send(B, push(1))
    await until('it to be taken', () => stuck.has(push(1)))
    await b.close()
    const seen = new Recorder()
    await open(node, {}, seen)
    await until('it again', () => seen.has(push(1)))
    await until('its end', () => readdirSync(node.inbox).length === 0)
  }),
)

test(
  'does not take a success without acknowledgement for one',
  within(async (fake, open) => {
    fake.node(2)
    const say = '{"status":"ok","data":{"bytes":1,"address":"0:0000.0000.0001","node_id":1}}'
    const node = fake.node(1)
    const a = await open(node, { env: { ...node.env, FAKE_SAY: say } })
    await rejects(() => a.send(B, push(1)), /timeout .*did not acknowledge/)
  }),
)

test.run()
