/** Programs that join through an agent of this host, because they cannot have its folder or daemon. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ControlClient } from '../../src/control/client.ts'
import { GuestTransport } from '../../src/control/guest-transport.ts'
import type { Failure } from '../../src/errors.ts'
import { type OpenedMap, openMap } from '../../src/open-map.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { Relay } from '../../src/transports/relay.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { fails, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('guests of an agent')

const temporary = temporaryFolder()
const opened: { close(): Promise<void> }[] = []
let folders = 0

const folder = (): string => join(temporary.dir, `f${folders++}`)

const config = { intervalMs: 200 }

/** An agent on the mailbox, as `run` or a first script starts it. */
const openAt = async (mailbox: string, name: string, data: string): Promise<OpenedMap> => {
  const map = await openMap({ swarm: 'kv', mailbox, name, data, config })
  opened.push(map)
  return map
}

test.after(async () => {
  for (const one of opened.reverse()) await one.close()
  temporary.remove()
})

test("openMap: two maps on one data folder share one agent, and see each other's writes", async () => {
  const [mailbox, data] = [folder(), folder()]
  const first = await openAt(mailbox, 'a', data)
  first.set('before', 1)
  const second = await openAt(mailbox, 'a', data)
  assert.is(second.agent.status().transport, 'guest')
  assert.is(second.get('before'), 1, 'what the agent had was not here when the map opened')
  second.set('by', 'guest')
  await second.flushed()
  assert.is(first.get('by'), 'guest')
  first.set('by', 'agent')
  await until('the write of the agent', () => second.get('by') === 'agent')
  second.delete('before')
  await second.flushed()
  assert.is(first.has('before'), false)
})

test("guest: after flushed, the write is on the agent's disk", async () => {
  const [mailbox, data] = [folder(), folder()]
  const first = await openAt(mailbox, 'a', data)
  const second = await openAt(mailbox, 'a', data)
  // Longer than an inline update: it is pulled, in chunks.
  const long = 'x'.repeat(3_000_000)
  second.set('long', long)
  second.set('short', 1)
  await second.flushed()
  assert.is(first.get('long'), long)
  await Promise.all([second.close(), first.close()])
  const again = await openAt(mailbox, 'a', data)
  assert.is(again.get('long'), long)
  assert.is(again.get('short'), 1)
})

test('guest: exchanges writes with the peers of the agent', async () => {
  const mailbox = folder()
  const [data] = [folder()]
  const other = await openAt(mailbox, 'b', folder())
  await openAt(mailbox, 'a', data)
  const guest = await openAt(mailbox, 'a', data)
  guest.set('from', 'guest')
  await until('the write of the guest', () => other.get('from') === 'guest')
  other.set('from', 'b')
  await until('the write of the peer', () => guest.get('from') === 'b')
  const known = other.agent.status().peers.map(({ address }) => address)
  assert.equal(known, ['a'], 'peers were given an address that they cannot reach')
})

test('guest: its last write is forwarded at once, even after it has left', async () => {
  const mailbox = folder()
  const data = folder()
  const slow = { intervalMs: 60_000 }
  const other = await openMap({ swarm: 'kv', mailbox, name: 'b', data: folder(), config: slow })
  const agent = await openMap({ swarm: 'kv', mailbox, name: 'a', data, config: slow })
  opened.push(other, agent)
  agent.set('both', 1)
  await until('a meeting', () => other.has('both'))
  const guest = await openMap({ swarm: 'kv', mailbox, name: 'a', data, config: slow })
  // Its agent names its peers, as for any newcomer.
  guest.agent.ask()
  assert.equal(
    guest.agent.status().peers.map(({ address }) => address),
    ['a'],
  )
  guest.set('last', 1)
  await guest.flushed()
  await guest.close()
  await until('the last word', () => other.has('last'))
})

test('guest: counters and lists of agent and guests lose nothing', async () => {
  const [mailbox, data] = [folder(), folder()]
  const maps = [await openAt(mailbox, 'a', data)]
  for (let i = 0; i < 3; i++) maps.push(await openAt(mailbox, 'a', data))
  const addresses = maps.map(({ agent }) => agent.address)
  assert.equal(addresses, ['a', 'a/1', 'a/2', 'a/3'])
  for (const map of maps) {
    for (let i = 0; i < 10; i++) (map as OpenedMap<number>).increment('n')
  }
  for (const map of maps) await map.flushed()
  for (const map of maps) await until('the sum', () => map.get('n') === 40)
})

test('guest: outlives the agent, and continues when it is back', async () => {
  const [mailbox, data] = [folder(), folder()]
  const first = await openAt(mailbox, 'a', data)
  const problems: Failure[] = []
  const second = await openMap({
    swarm: 'kv',
    mailbox,
    name: 'a',
    data,
    config,
    onProblem: (problem) => {
      if (problem.type === 'transport') problems.push(problem.failure)
    },
  })
  opened.push(second)
  await first.close()
  await until('the problem', () => problems.some(({ code }) => code === 'not_running'))
  second.set('alone', 1)
  assert.is(second.get('alone'), 1)
  const again = await openAt(mailbox, 'a', data)
  await until('what was written alone', () => again.get('alone') === 1)
  second.set('together', 2)
  await second.flushed()
  assert.is(again.get('together'), 2)
})

test('guest: an agent of another swarm refuses it', async () => {
  const [mailbox, data] = [folder(), folder()]
  await openAt(mailbox, 'a', data)
  const failure = await fails(openMap({ swarm: 'other', mailbox, name: 'a', data, config }))
  assert.is(failure.code, 'invalid_argument')
  assert.match(failure.message, '"kv"')
})

test('openMap: with a transport of its own, a folder in use is refused', async () => {
  const [mailbox, data] = [folder(), folder()]
  await openAt(mailbox, 'a', data)
  const transport = new MemoryTransport(new MemoryHub(), 'x')
  const failure = await fails(openMap({ swarm: 'kv', transport, data }))
  assert.is(failure.code, 'already_exists')
})

test('openMap: commands reach the agent of a script', async () => {
  const [mailbox, data] = [folder(), folder()]
  const map = await openAt(mailbox, 'a', data)
  const client = new ControlClient(data)
  await client.ask({ command: 'set', key: 'k', value: 1 })
  assert.is(map.get('k'), 1)
  assert.is((await client.ask({ command: 'hello' })).swarm, 'kv')
  const failure = await fails(client.ask({ command: 'stop' }))
  assert.is(failure.code, 'invalid_argument')
})

test('guest: one that hangs or sends garbage disturbs no other', async () => {
  const [mailbox, data] = [folder(), folder()]
  const map = await openAt(mailbox, 'a', data)
  const rude = await new ControlClient(data).open()
  rude.send({ command: 'join' })
  const first = await rude.receive()
  assert.is(first?.address, 'a/1')
  /** Skips messages that the agent sends in between. */
  const answer = async () => {
    for (;;) {
      const data = await rude.receive()
      if (data?.text === undefined) return data
    }
  }
  for (const line of [{}, { id: 1 }, { id: 2, text: 7 }]) {
    rude.sendLine(line)
    assert.is((await fails(answer())).code, 'invalid_argument')
  }
  rude.sendLine({ id: 3, text: '{"type":"gossip_push"' })
  assert.equal(await answer(), { id: 3 }, 'refused and counted, as from any peer')
  map.set('k', 1)
  await map.flushed()
  const guest = await openAt(mailbox, 'a', data)
  assert.is(guest.agent.address, 'a/2')
  assert.is(guest.get('k'), 1)
  rude.close()
  const client = new ControlClient(data)
  await until('the free place', async () => {
    const next = await client.open()
    next.send({ command: 'join' })
    const joined = await next.receive()
    next.close()
    return joined?.address === 'a/1'
  })
})

test('guest: an agent admits 32, and refuses the next with a reason', async () => {
  const relay = new Relay(new MemoryTransport(new MemoryHub(), 'a'))
  assert.throws(() => relay.admit(async () => undefined), /not connected/)
  await relay.open({ accepts: () => true, receive: () => undefined, onProblem: () => undefined })
  const guests = Array.from({ length: 32 }, () => relay.admit(async () => undefined))
  assert.throws(() => relay.admit(async () => undefined), /32 programs/)
  guests[3]!.leave()
  assert.is(relay.admit(async () => undefined).address, 'a/4')
  assert.is(relay.isPrivate('a/4'), true)
  assert.is(relay.isPrivate('ab/4'), false)
  assert.is((await fails(relay.send('a/99', 'x'))).code, 'not_found', 'it is shown as gone')
  await relay.close()
})

test('guest transport: fails without an agent, and after its end', async () => {
  const transport = new GuestTransport({ dir: folder(), swarm: 'kv' })
  const hooks = { accepts: () => true, receive: () => undefined, onProblem: () => undefined }
  assert.is((await fails(transport.open(hooks))).code, 'not_running')
  assert.is((await fails(transport.send('a', 'x'))).code, 'closed')
  await transport.close()
  await transport.close()
})

test.run()
