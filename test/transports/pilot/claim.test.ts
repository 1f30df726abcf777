/** Two agents of one swarm beside one Pilot daemon: the second joins through the first. */
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Failure } from '../../../src/errors.ts'
import { Recorder } from '../../../src/testing/index.ts'
import { InboxTaken } from '../../../src/transports/pilot/claim.ts'
import {
  PilotTransport,
  type PilotTransportOptions,
} from '../../../src/transports/pilot/transport.ts'
import { type FakeNode, type FakeSwarm, fakeSwarm } from '../../fixtures/pilot/fake.ts'
import { fails, suite } from '../../helpers/suite.ts'

const test = suite('one agent of a swarm at a daemon')

type Settings = Partial<PilotTransportOptions>
type Make = (node: FakeNode, settings?: Settings) => PilotTransport

const within = (play: (fake: FakeSwarm, make: Make) => Promise<void>) => async () => {
  const fake = fakeSwarm()
  const made: PilotTransport[] = []
  try {
    await play(fake, (node, settings = {}) => {
      const transport = new PilotTransport({ ...node.options, tag: false, ...settings })
      made.push(transport)
      return transport
    })
  } finally {
    for (const transport of made) await transport.close()
    fake.close()
  }
}

test(
  'the second agent is refused, with the owner of the inbox and where to reach it',
  within(async (fake, make) => {
    const node = fake.node(1)
    const first = make(node, { data: '/var/lib/kv' })
    await first.open(new Recorder())
    const second = make(node)
    const failure = await fails(second.open(new Recorder()))
    assert.instance(failure, InboxTaken)
    assert.is((failure as unknown as InboxTaken).data, '/var/lib/kv')
    assert.is(failure.code, 'already_exists')
    assert.match(failure.message, `process ${process.pid}`)
    assert.match(failure.message, '"/var/lib/kv"')
    await first.close()
    await second.open(new Recorder())
  }),
)

test(
  'an owner without a data folder is named by its process',
  within(async (fake, make) => {
    const node = fake.node(1)
    await make(node).open(new Recorder())
    const failure = await fails(make(node).open(new Recorder()))
    assert.is((failure as unknown as InboxTaken).data, undefined)
    assert.match(failure.message, `process ${process.pid}`)
  }),
)

test(
  'agents of other swarms, and at other daemons, do not conflict',
  within(async (fake, make) => {
    const node = fake.node(1)
    await make(node).open(new Recorder())
    await make(node, { swarm: 'other' }).open(new Recorder())
    await make(fake.node(2)).open(new Recorder())
  }),
)

test(
  'an open that fails, and a close, leave no lock',
  within(async (fake, make) => {
    const node = fake.node(1)
    const locks = join(dirname(node.inbox), 'pilot-gossip')
    fake.set('down-1', true)
    const transport = make(node)
    await fails(transport.open(new Recorder()))
    fake.set('down-1', false)
    await transport.open(new Recorder())
    assert.equal(readdirSync(locks), ['kv.lock'])
    await transport.close()
    assert.equal(readdirSync(locks), [])
    // The inbox belongs to Pilot: it contains no file of ours.
    assert.equal(existsSync(node.inbox) ? readdirSync(node.inbox) : [], [])
  }),
)

test(
  'an agent that cannot create the lock continues, and reports what it cannot detect',
  within(async (fake, make) => {
    const node = fake.node(1)
    const above = dirname(node.inbox)
    mkdirSync(above, { recursive: true })
    // A dangling link: no user can create a folder in its place.
    symlinkSync(join(above, 'nowhere', 'at', 'all'), join(above, 'pilot-gossip'))
    const recorder = new Recorder()
    await make(node).open(recorder)
    const [problem] = recorder.problems as [Failure]
    assert.match(problem.message, /cannot be detected/)
    chmodSync(above, 0o700)
  }),
)

test.run()
