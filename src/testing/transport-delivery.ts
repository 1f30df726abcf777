/**
 * The transport contract, part one: messages arrive unchanged, in the order and the batches that the
 * contract promises, and a consumed message does not come back.
 *
 * ```ts
 * deliveryCases(new TransportKit(createWorld, {}))
 * ```
 */
import assert from 'node:assert/strict'
import { deferred } from '../deferred.ts'
import { isFailure } from '../errors.ts'
import type { Incoming, Transport, TransportHooks } from '../transports/transport.ts'
import { type ContractCase, rejectionOf } from './contract.ts'
import { Recorder } from './recorder.ts'
import type { TransportKit } from './transport-kit.ts'

const TEXTS: readonly (readonly [string, string])[] = [
  ['a word', 'hello'],
  ['unicode of one to four bytes', 'a\u00e9\u20ac\u{1f41d}\u{10ffff} \u0301'],
  ['line ends and tabs', 'one\ntwo\r\nthree\rfour\tfive\u2028six\n'],
  ['quotes and what a shell would eat', `"it's" \\ \\n $HOME \`x\` %s & | > < * ? ! # ; --data -x`],
  ['a leading dash', '-'],
  ['a word that JSON knows', 'true'],
  ['JSON', '{"type":"gossip_push","n":1.50}'],
  ['blanks at both ends', '  x  '],
  ['100 KB', 'sixteen bytes!\u00e9'.repeat(6400)],
]

export const deliveryCases = (kit: TransportKit): readonly ContractCase[] => [
  kit.case(
    'a message: arrives whole and unchanged, with the address of its sender',
    async (open) => {
      const seen = new Recorder()
      const a = await open('a')
      const b = await open('b', seen)
      for (const [what, body] of TEXTS) {
        const text = kit.wrap(body)
        await kit.deliver(a, b.address, text, () => seen.received.length > 0 && seen.has(text))
        assert.ok(seen.has(text), what)
      }
      const sent = new Set(TEXTS.map(([, body]) => kit.wrap(body)))
      for (const { from, text } of seen.received) {
        assert.equal(from, a.address)
        assert.ok(sent.has(text), `nobody sent ${JSON.stringify(text.slice(0, 80))}`)
      }
    },
  ),

  kit.case('a message that is too long in bytes: send rejects with too_large', async (open) => {
    const a = await open('a')
    const b = await open('b')
    for (const text of ['x', '\u00e9']) {
      const long = kit.wrap(
        text.repeat(Math.floor(a.maxMessageBytes / Buffer.byteLength(text)) + 1),
      )
      const error = await rejectionOf(() => a.send(b.address, long), /too_large/)
      assert.ok(isFailure(error))
    }
  }),

  ...(kit.slow
    ? []
    : [
        kit.case('a message of maxMessageBytes: arrives', async (open) => {
          const seen = new Recorder()
          const a = await open('a')
          const b = await open('b', seen)
          const text = kit.wrap('x'.repeat(a.maxMessageBytes - Buffer.byteLength(kit.wrap(''))))
          assert.equal(Buffer.byteLength(text), a.maxMessageBytes)
          await kit.deliver(a, b.address, text, () => seen.has(text))
        }),
      ]),

  kit.case('receive: called for one message of a sender at a time', async (open) => {
    const busy = new Map<string, number>()
    const most = new Map<string, number>()
    const seen = new Recorder(async ({ from }) => {
      const now = (busy.get(from) ?? 0) + 1
      busy.set(from, now)
      most.set(from, Math.max(now, most.get(from) ?? 0))
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      busy.set(from, now - 1)
    })
    const b = await open('b', seen)
    const senders = [await open('a'), await open('c')]
    const count = kit.slow ? 4 : 20
    await Promise.all(
      senders.flatMap((sender) =>
        Array.from({ length: count }, (_, index) => {
          const text = kit.wrap(`${sender.address} ${index}`)
          return kit.deliver(sender, b.address, text, () => seen.has(text))
        }),
      ),
    )
    assert.deepEqual([...most.values()], [1, 1])
  }),

  kit.case(
    'receiveAll: one batch at a time, each sender in order, consumed after it resolves',
    async (open) => {
      const batches: (readonly Incoming[])[] = []
      const hold = deferred<void>()
      let busy = 0
      const seen = new Recorder(() => {
        throw new Error('one by one')
      })
      const hooks: TransportHooks = {
        accepts: seen.accepts,
        receive: seen.receive,
        onProblem: seen.onProblem,
        receiveAll: async (batch, waiting) => {
          assert.equal(++busy, 1, 'two batches at once')
          assert.ok(Number.isInteger(waiting) && waiting >= 0)
          batches.push(batch)
          if (batches.length === 1) await hold.promise
          busy--
        },
      }
      const b = await open('b', hooks)
      const senders = [await open('a'), await open('c')]
      const all = () => batches.flat()
      const first = senders[0]!
      await kit.deliver(first, b.address, kit.wrap('first'), () => batches.length > 0)
      // More messages arrive during the first batch: none may get lost, and they arrive in batches.
      const count = kit.slow ? 4 : 40
      for (let index = 0; index < count; index++) {
        for (const sender of senders) await sender.send(b.address, kit.wrap(`${index}`))
      }
      const other = new Recorder()
      const d = await open('d', other)
      await kit.deliver(first, d.address, kit.wrap('between'), () => other.has(kit.wrap('between')))
      hold.resolve()
      const expected = (sender: Transport): string[] =>
        all()
          .filter(({ from }) => from === sender.address)
          .map(({ text }) => text)
          .filter((text) => text !== kit.wrap('first'))
      const wanted = Array.from({ length: count }, (_, index) => kit.wrap(`${index}`))
      await kit.until('all messages', async () => {
        const isThere = senders.every((sender) =>
          wanted.every((text) => expected(sender).includes(text)),
        )
        if (kit.lossy && !isThere) {
          for (const sender of senders) {
            for (const text of wanted) await sender.send(b.address, text)
          }
        }
        return isThere
      })
      if (!kit.lossy) for (const sender of senders) assert.deepEqual(expected(sender), wanted)
      assert.deepEqual(seen.received, [])
      if (!kit.lossy) assert.ok(batches.length < 2 * count, `${batches.length} batches`)
      if (!kit.persistent) return
      await b.close()
      const later = new Recorder()
      const again = await open('b', later)
      await kit.deliver(first, again.address, kit.wrap('after'), () => later.has(kit.wrap('after')))
      assert.deepEqual(later.texts, [kit.wrap('after')], 'what was consumed came back')
    },
  ),

  kit.case('accepts: a message that it refuses is not delivered, and not removed', async (open) => {
    const seen = new Recorder(
      () => {},
      (text) => text !== kit.wrap('not ours'),
    )
    const a = await open('a')
    const b = await open('b', seen)
    await a.send(b.address, kit.wrap('not ours'))
    await kit.deliver(a, b.address, kit.wrap('ours'), () => seen.has(kit.wrap('ours')))
    assert.ok(!seen.has(kit.wrap('not ours')))
    assert.deepEqual(seen.problems, [])
    if (!kit.persistent) return
    await b.close()
    const later = new Recorder()
    await open('b', later)
    await kit.until('the refused message still lies there', () => later.has(kit.wrap('not ours')))
  }),

  kit.case(
    'three senders at the same time: every message arrives, with its sender',
    async (open) => {
      const seen = new Recorder()
      const b = await open('b', seen)
      const senders = [await open('a'), await open('c'), await open('d')]
      const sent = new Map<string, string>()
      const each = kit.slow ? 6 : 34
      const atOnce = kit.slow ? 2 : each
      await Promise.all(
        senders.map(async (sender) => {
          const left = Array.from({ length: each }, (_, index) =>
            kit.wrap(`${index} of ${sender.address}`),
          )
          for (const text of left) sent.set(text, sender.address)
          const work = async (): Promise<void> => {
            for (let text = left.pop(); text !== undefined; text = left.pop()) {
              const now = text
              await kit.deliver(sender, b.address, now, () => seen.has(now))
            }
          }
          await Promise.all(Array.from({ length: atOnce }, work))
        }),
      )
      for (const [text, from] of sent) {
        assert.ok(
          seen.received.some((incoming) => incoming.text === text && incoming.from === from),
        )
      }
      for (const { text } of seen.received) assert.ok(sent.has(text))
    },
  ),

  ...(kit.persistent
    ? [
        kit.case(
          'messages for a receiver that was away: arrive after open, and only once',
          async (open) => {
            const a = await open('a')
            const first = new Recorder()
            const b = await open('b', first)
            const { address } = b
            await kit.deliver(a, address, kit.wrap('before'), () => first.has(kit.wrap('before')))
            await b.close()
            for (const text of ['one', 'two', 'three']) await a.send(address, kit.wrap(text))
            const later = new Recorder()
            const again = await open('b', later)
            assert.equal(again.address, address)
            const waited = ['one', 'two', 'three'].map(kit.wrap)
            await kit.until('the messages that waited', () =>
              waited.every((text) => later.has(text)),
            )
            assert.ok(!later.has(kit.wrap('before')), 'what was consumed came back')
          },
        ),
      ]
    : []),
]
