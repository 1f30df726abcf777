/**
 * Two peers answer the same pull at length, because the first timed out before its answer began:
 * the requester keeps one answer and sends "enough" to the other peer.
 */
import * as assert from 'uvu/assert'
import type { GossipConfig } from '../../src/gossip/index.ts'
import { docOf } from '../helpers/docs.ts'
import {
  bytesOf,
  DOC,
  type Member,
  type Message,
  noise,
  packedState,
  pushText,
  stateIn,
  Table,
} from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: superseded answers')

const PULL_MS = 1_000
const MESSAGE_BYTES = 4_000
const KEYS = 200

/**
 * `a` lacks 60 KB that its peers have. It pulls from `b` and, when that has not answered in time,
 * from `c`. Each peer sends its next part only when the test lets the last one arrive.
 */
const asked = (config: Partial<GossipConfig> = { pullTimeoutMs: PULL_MS }) => {
  const table = new Table({
    maxMessageBytes: MESSAGE_BYTES,
    config: { batchMs: 1e8, ...config },
  })
  const [a, b, c] = table.seat('a', 'b', 'c')
  const source = docOf(99)
  for (let i = 0; i < KEYS; i++) source.getMap('map').set(`key${i}`, noise(280, i))
  const text = pushText({ [DOC]: { update: packedState(source) } })
  for (const name of ['b', 'c']) table.deliver({ from: 'x', to: name, text })
  table.post.length = 0
  table.fate = (from) => (from === 'a' ? 'sent' : 'hangs')
  const underWay = new Map<string, Message>()
  /** Delivers what `a` sends and nothing else; the replies are under way. */
  const hear = (): void => {
    for (let next = table.post.shift(); next; next = table.post.shift())
      for (const reply of table.deliver(next)) underWay.set(reply.from, reply)
  }
  const differs = (member: Member): void => {
    const { address: from, replica } = member
    table.deliver({ from, to: 'a', text: pushText({ [DOC]: { digest: replica.digest } }) })
  }
  /**
   * The message of that peer arrives, `a` reacts, and the peer sends the next one. Returns whether
   * there is a next one.
   */
  const arrive = (member: Member, isHeard = true): boolean => {
    const message = underWay.get(member.address)
    if (!message) return false
    underWay.delete(member.address)
    table.deliver(message)
    if (isHeard) hear()
    else table.post.length = 0
    for (const next of table.handle(member, { type: 'sent', to: 'a' }))
      underWay.set(next.from, next)
    return underWay.has(member.address)
  }
  differs(b)
  differs(c)
  hear()
  table.now = a.gossip.wakeAt
  table.handle(a, { type: 'wake' })
  hear()
  assert.equal([...underWay.keys()], ['b', 'c'])
  const sent = ({ address }: Member): Message[] =>
    table.log.filter(({ from, to }) => from === address && to === 'a')
  return { table, a, b, c, arrive, hear, sent, differs, underWay }
}

const isEnough = (message: Message): boolean =>
  message.from === 'a' && stateIn(message).enough === true

test('the answer that begins first is kept, and the other peer stops after its first part', () => {
  const { table, a, b, c, arrive, sent } = asked()
  for (let more = true; more; ) {
    more = arrive(b)
    arrive(c)
  }
  assert.is(a.map.size, KEYS)
  assert.is(a.replica.digest, b.replica.digest)
  assert.is(sent(c).length, 1)
  assert.ok(bytesOf([...sent(b), ...sent(c)]) < 1.2 * bytesOf(sent(b)))
  assert.is(
    table.log.filter(isEnough).length,
    2,
    'once when superseded, once for the part that had left',
  )
})

test('an answer that is not needed any more is stopped', () => {
  const { a, b, c, arrive, sent } = asked()
  while (arrive(c));
  assert.is(a.replica.digest, c.replica.digest)
  while (arrive(b));
  assert.is(sent(b).length, 1)
})

test('a lost "enough" is repeated when the next part arrives', () => {
  const { b, c, arrive, sent } = asked()
  arrive(b, false)
  arrive(c, false)
  assert.is(sent(c).length, 2)
  arrive(c)
  arrive(c)
  assert.is(sent(c).length, 2)
})

test('a peer that does not know the field costs bytes, not data', () => {
  const { a, b, c, arrive } = asked()
  for (let more = true; more; ) {
    const isMoreOfB = arrive(b, false)
    more = arrive(c, false) || isMoreOfB
  }
  assert.is(a.map.size, KEYS)
  assert.is(a.replica.digest, b.replica.digest)
})

test('the stopped peer is asked again when the kept answer ends halfway', () => {
  const { table, a, b, c, arrive, hear, underWay } = asked()
  arrive(b)
  arrive(c)
  assert.is(underWay.has('c'), false)
  underWay.delete('b')
  for (let i = 0; i < 20 && !underWay.has('c'); i++) {
    table.now = a.gossip.wakeAt
    table.handle(a, { type: 'wake' })
    hear()
  }
  while (arrive(c));
  assert.is(a.replica.digest, c.replica.digest)
})

test('a vector in the same message as "enough" is answered', () => {
  const { table, a, b, arrive, underWay } = asked()
  arrive(b)
  const { vector } = a.replica.syncRequest()
  const { digest } = a.replica
  table.deliver({ from: 'a', to: 'b', text: pushText({ [DOC]: { digest, vector, enough: true } }) })
  while (arrive(b));
  assert.is(underWay.size, 1)
  assert.is(a.replica.digest, b.replica.digest)
})

test('a peer that sends "enough" unasked changes nothing', () => {
  const { table, a, b, arrive } = asked()
  const text = pushText({ [DOC]: { digest: b.replica.digest, enough: true } })
  table.deliver({ from: 'x', to: 'b', text })
  table.deliver({ from: 'c', to: 'b', text })
  while (arrive(b));
  assert.is(a.replica.digest, b.replica.digest)
})

test('what else is queued for the stopped peer is sent', () => {
  const { table, a, b, c, arrive, sent } = asked()
  c.map.set('late', 1)
  table.change(c)
  table.round(c)
  arrive(b)
  arrive(c)
  assert.is(sent(c).length, 2)
  assert.is(stateIn(sent(c)[1]!).answer, undefined)
  arrive(c)
  while (arrive(b));
  while (arrive(c));
  assert.is(a.map.get('late'), 1)
})

/** How long `a` waits for `b` after it has learned that `b` differs. */
const patienceOf = ({ table, a, b, differs, hear }: ReturnType<typeof asked>): number => {
  b.map.set('more', 1)
  differs(b)
  hear()
  return a.gossip.wakeAt - table.now
}

test('the pull after a late answer waits longer', () => {
  const usual = asked({ pullTimeoutMs: 10_000 })
  while (usual.arrive(usual.b));
  assert.is(patienceOf(usual), 10_000)
})

test.run()
