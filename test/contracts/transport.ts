/**
 * The contract of `src/transports/transport.ts` as tests, sentence by sentence; every transport runs
 * it. Copies of a message are allowed by the contract, so they are never counted here.
 *
 * ```ts
 * transportContract('memory', async () => {
 *   const hub = new MemoryHub()
 *   return { transport: async (name) => new MemoryTransport(hub, name), dead: async () => 'x', close }
 * })
 * ```
 */
import * as assert from 'uvu/assert'
import { type Failure, isFailure } from '../../src/errors.ts'
import type {
  Incoming,
  Receive,
  Transport,
  TransportHooks,
} from '../../src/transports/transport.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'
import { warnings } from '../helpers/warnings.ts'

export interface World {
  /** A transport that is not open yet. The same name again has the same address. */
  transport(name: string): Promise<Transport>
  /** An address where nobody answers. */
  dead(): Promise<string>
  /** Ends what the world itself started; the tests close their transports. */
  close(): Promise<void>
}

export interface ContractOptions {
  /** messages may get lost: each is sent again until it was seen */
  readonly lossy?: boolean
  /** messages wait for a receiver that is away */
  readonly persistent?: boolean
  /** each message costs a process or more: fewer of them, few at once, and more patience */
  readonly slow?: boolean
  /** what is sent for a text, where a transport carries only some texts; default the text itself */
  readonly wrap?: (text: string) => string
}

/** A promise that is settled by hand. */
export const gate = (): { promise: Promise<void>; open: () => void } => {
  let open = () => {}
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open }
}

/** Hooks that remember what they were told. */
export class Recorder implements TransportHooks {
  readonly received: Incoming[] = []
  readonly problems: Failure[] = []
  readonly #then: Receive
  readonly accepts: (text: string) => boolean

  constructor(then: Receive = () => {}, accepts: (text: string) => boolean = () => true) {
    this.#then = then
    this.accepts = accepts
  }

  get texts(): string[] {
    return this.received.map((incoming) => incoming.text)
  }

  has(text: string): boolean {
    return this.received.some((incoming) => incoming.text === text)
  }

  readonly receive = (incoming: Incoming): void | Promise<void> => {
    this.received.push(incoming)
    return this.#then(incoming)
  }

  readonly onProblem = (problem: Failure): void => {
    this.problems.push(problem)
  }
}

/** What keeps the process alive and is no file read or write under way. */
const handles = (): string[] =>
  process
    .getActiveResourcesInfo()
    .filter((kind) => /^(Timeout|Immediate|FSEvent|ProcessWrap|StatWatcher)/.test(kind))
    .sort()

export const transportContract = (
  name: string,
  createWorld: () => Promise<World>,
  options: ContractOptions = {},
): void => {
  const { lossy = false, persistent = false, slow = false, wrap = (text) => text } = options
  const bound = slow ? 60_000 : 10_000
  const timeout = { timeout: bound * 3 }
  const test = suite(`${name} keeps the contract`)

  /** Runs `play` in a world of its own and closes all it opened, whatever happens. */
  const inWorld =
    (
      play: (
        open: (name: string, hooks?: TransportHooks) => Promise<Transport>,
        world: World,
      ) => Promise<void>,
    ) =>
    async (): Promise<void> => {
      const world = await createWorld()
      const opened: Transport[] = []
      try {
        await play(async (who, hooks = new Recorder()) => {
          const transport = await world.transport(who)
          opened.push(transport)
          await transport.open(hooks)
          return transport
        }, world)
      } finally {
        for (const transport of opened) await transport.close()
        await world.close()
      }
    }

  /** Sends until `seen`: once where nothing gets lost. */
  const deliver = async (from: Transport, to: string, text: string, seen: () => boolean) => {
    await from.send(to, text)
    await until(
      `${JSON.stringify(text.slice(0, 60))} at ${to}`,
      async () => {
        if (lossy && !seen()) await from.send(to, text)
        return seen()
      },
      bound,
    )
  }

  const texts: readonly (readonly [string, string])[] = [
    ['a word', 'hello'],
    ['unicode of one to four bytes', 'a\u00e9\u20ac\u{1f41d}\u{10ffff} \u0301'],
    ['line ends and tabs', 'one\ntwo\r\nthree\rfour\tfive\u2028six\n'],
    [
      'quotes and what a shell would eat',
      `"it's" \\ \\n $HOME \`x\` %s & | > < * ? ! # ; --data -x`,
    ],
    ['a leading dash', '-'],
    ['a word that JSON knows', 'true'],
    ['JSON', '{"type":"gossip_push","n":1.50}'],
    ['blanks at both ends', '  x  '],
    ['100 KB', 'sixteen bytes!\u00e9'.repeat(6400)],
  ]

  test(
    'carries messages whole, unchanged, with the address of the sender',
    inWorld(async (open) => {
      const seen = new Recorder()
      const a = await open('a')
      const b = await open('b', seen)
      for (const [what, body] of texts) {
        const text = wrap(body)
        await deliver(a, b.address, text, () => seen.received.length > 0 && seen.has(text))
        assert.ok(seen.has(text), what)
      }
      const sent = new Set(texts.map(([, body]) => wrap(body)))
      for (const { from, text } of seen.received) {
        assert.is(from, a.address)
        assert.ok(sent.has(text), `nobody sent ${JSON.stringify(text.slice(0, 80))}`)
      }
    }),
    timeout,
  )

  test(
    'has no address before it is open, and another one than its peers after',
    inWorld(async (open, world) => {
      const idle = await world.transport('a')
      assert.is(idle.address, '')
      const a = await open('a')
      const b = await open('b')
      assert.not.equal(a.address, '')
      assert.not.equal(a.address, b.address)
      assert.is(a.kind, b.kind)
      assert.ok(a.maxMessageBytes >= 100_000)
    }),
    timeout,
  )

  test(
    'rejects to send before it was opened and after it was closed',
    inWorld(async (open, world) => {
      const b = await open('b')
      const idle = await world.transport('a')
      assert.ok(isFailure(await rejects(() => idle.send(b.address, wrap('x'))), 'closed'))
      const a = await open('a')
      await a.close()
      assert.ok(isFailure(await rejects(() => a.send(b.address, wrap('x'))), 'closed'))
    }),
    timeout,
  )

  for (const how of ['after it was closed', 'while it closes'] as const) {
    test(
      `is opened again ${how}, at its address, and receives with its new hooks alone`,
      inWorld(async (open) => {
        const [a, seen] = [await open('a'), new Recorder()]
        const b = await open('b', seen)
        const { address } = b
        await deliver(a, address, wrap('before'), () => seen.has(wrap('before')))
        let last = seen
        for (const turn of [1, 2]) {
          const received = last.texts
          const closing = b.close()
          if (how === 'after it was closed') await closing
          const later = new Recorder()
          await b.open(later)
          await closing
          assert.is(b.address, address)
          const text = wrap(`turn ${turn}`)
          await deliver(a, address, text, () => later.has(text))
          await deliver(b, a.address, text, () => true)
          assert.equal(last.texts, received, 'the old hooks are called no more')
          assert.not.ok(later.has(wrap('before')))
          last = later
        }
        assert.equal(seen.problems, [])
      }),
      timeout,
    )
  }

  test(
    'is opened once at a time',
    inWorld(async (open, world) => {
      const seen = new Recorder()
      const [a, b] = [await open('a'), await open('b', seen)]
      const other = new Recorder()
      assert.ok(isFailure(await rejects(() => b.open(other)), 'already_exists'))
      await deliver(a, b.address, wrap('x'), () => seen.has(wrap('x')))
      assert.equal(other.received, [])
      const c = await world.transport('c')
      const opening = c.open(new Recorder())
      assert.ok(isFailure(await rejects(() => c.open(other)), 'already_exists'))
      await opening
      await c.close()
    }),
    timeout,
  )

  test(
    'is closed while it opens, and opened again at once',
    inWorld(async (open, world) => {
      const a = await open('a')
      const [b, seen] = [await world.transport('b'), new Recorder()]
      const first = new Recorder()
      const opening = b.open(first).catch((error: unknown) => error)
      const closing = b.close()
      await b.open(seen)
      await closing
      // One that opens at once was open before it was closed.
      const failure = await opening
      assert.ok(failure === undefined || isFailure(failure, 'closed'))
      await deliver(a, b.address, wrap('x'), () => seen.has(wrap('x')))
      assert.equal(first.received, [])
      await b.close()
      assert.ok(isFailure(await rejects(() => b.send(a.address, wrap('x'))), 'closed'))
    }),
    timeout,
  )

  test(
    'may be closed twice, at once, and without having been opened',
    inWorld(async (open, world) => {
      await (await world.transport('c')).close()
      const a = await open('a')
      await Promise.all([a.close(), a.close()])
      await a.close()
    }),
    timeout,
  )

  test(
    'refuses a message that is longer than it carries, in bytes',
    inWorld(async (open) => {
      const a = await open('a')
      const b = await open('b')
      for (const text of ['x', '\u00e9']) {
        const long = wrap(text.repeat(Math.floor(a.maxMessageBytes / Buffer.byteLength(text)) + 1))
        const error = await rejects(() => a.send(b.address, long), /too_large/)
        assert.ok(isFailure(error))
      }
    }),
    timeout,
  )

  if (!slow) {
    test(
      'carries the longest message it says it carries',
      inWorld(async (open) => {
        const seen = new Recorder()
        const a = await open('a')
        const b = await open('b', seen)
        const text = wrap('x'.repeat(a.maxMessageBytes - Buffer.byteLength(wrap(''))))
        assert.is(Buffer.byteLength(text), a.maxMessageBytes)
        await deliver(a, b.address, text, () => seen.has(text))
      }),
      timeout,
    )
  }

  test(
    'hands over one message of a sender at a time',
    inWorld(async (open) => {
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
      const count = slow ? 4 : 20
      await Promise.all(
        senders.flatMap((sender) =>
          Array.from({ length: count }, (_, index) => {
            const text = wrap(`${sender.address} ${index}`)
            return deliver(sender, b.address, text, () => seen.has(text))
          }),
        ),
      )
      assert.equal([...most.values()], [1, 1])
    }),
    timeout,
  )

  test(
    'hands over what waits as one batch at a time, each sender in order, and consumes it after',
    inWorld(async (open) => {
      const batches: (readonly Incoming[])[] = []
      const hold = gate()
      let busy = 0
      const seen = new Recorder(() => {
        throw new Error('one by one')
      })
      const hooks: TransportHooks = {
        accepts: seen.accepts,
        receive: seen.receive,
        onProblem: seen.onProblem,
        receiveAll: async (batch, waiting) => {
          assert.is(++busy, 1, 'two batches at once')
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
      await deliver(first, b.address, wrap('first'), () => batches.length > 0)
      // While the first is being taken in, more comes, which must not be lost, nor come alone.
      const count = slow ? 4 : 40
      for (let index = 0; index < count; index++) {
        for (const sender of senders) await sender.send(b.address, wrap(`${index}`))
      }
      const other = new Recorder()
      const d = await open('d', other)
      await deliver(first, d.address, wrap('between'), () => other.has(wrap('between')))
      hold.open()
      const expected = (sender: Transport): string[] =>
        all()
          .filter(({ from }) => from === sender.address)
          .map(({ text }) => text)
          .filter((text) => text !== wrap('first'))
      const wanted = Array.from({ length: count }, (_, index) => wrap(`${index}`))
      await until(
        'all of them',
        async () => {
          const isThere = senders.every((sender) =>
            wanted.every((text) => expected(sender).includes(text)),
          )
          if (lossy && !isThere) {
            for (const sender of senders) {
              for (const text of wanted) await sender.send(b.address, text)
            }
          }
          return isThere
        },
        bound,
      )
      if (!lossy) for (const sender of senders) assert.equal(expected(sender), wanted)
      assert.equal(seen.received, [])
      if (!lossy) assert.ok(batches.length < 2 * count, `${batches.length} batches`)
      if (!persistent) return
      await b.close()
      const later = new Recorder()
      const again = await open('b', later)
      await deliver(first, again.address, wrap('after'), () => later.has(wrap('after')))
      assert.equal(later.texts, [wrap('after')], 'what was consumed came back')
    }),
    timeout,
  )

  test(
    'reports when receiveAll throws, consumes the batch, and goes on',
    inWorld(async (open) => {
      const seen: Incoming[] = []
      const problems: Failure[] = []
      const hooks: TransportHooks = {
        accepts: () => true,
        receive: () => assert.unreachable(),
        receiveAll: (batch) => {
          seen.push(...batch)
          if (batch.some(({ text }) => text === wrap('bad'))) throw new Error('poison')
        },
        onProblem: (problem) => problems.push(problem),
      }
      const a = await open('a')
      const b = await open('b', hooks)
      await deliver(a, b.address, wrap('bad'), () => problems.length > 0)
      assert.match(problems[0]?.message ?? '', 'poison')
      await deliver(a, b.address, wrap('good'), () =>
        seen.some(({ text }) => text === wrap('good')),
      )
      if (!lossy) assert.is(seen.filter(({ text }) => text === wrap('bad')).length, 1)
    }),
    timeout,
  )

  const poisons: readonly (readonly [string, () => void | Promise<void>])[] = [
    [
      'throws',
      () => {
        throw new Error('poison')
      },
    ],
    ['rejects', () => Promise.reject(new Error('poison'))],
    [
      'throws what is no Error',
      () => {
        throw 'poison'
      },
    ],
  ]
  for (const [how, fail] of poisons) {
    test(
      `tells when receive ${how}, consumes the message, and goes on`,
      inWorld(async (open) => {
        const seen = new Recorder(({ text }) => (text === wrap('bad') ? fail() : undefined))
        const a = await open('a')
        const b = await open('b', seen)
        await deliver(a, b.address, wrap('bad'), () => seen.problems.length > 0)
        assert.match(seen.problems[0]?.message ?? '', 'poison')
        assert.ok(isFailure(seen.problems[0]))
        await deliver(a, b.address, wrap('good'), () => seen.has(wrap('good')))
        if (!persistent) return
        await b.close()
        const later = new Recorder()
        const again = await open('b', later)
        await deliver(a, again.address, wrap('after'), () => later.has(wrap('after')))
        assert.not.ok(later.has(wrap('bad')), 'the poisonous message came back')
      }),
      timeout,
    )
  }

  test(
    'goes on when all hooks throw, onProblem too',
    inWorld(async (open) => {
      const warned = warnings()
      const seen: string[] = []
      let isBad = true
      const a = await open('a')
      const b = await open('b', {
        accepts: (text) => {
          if (isBad && text === wrap('not to be looked at')) throw new Error('of accepts')
          return true
        },
        receive: ({ text }) => {
          seen.push(text)
          if (isBad) throw new Error('of receive')
        },
        onProblem: () => {
          throw new Error('of onProblem')
        },
      })
      await a.send(b.address, wrap('not to be looked at'))
      await deliver(a, b.address, wrap('bad'), () => seen.includes(wrap('bad')))
      await until('it is told', () => warned.texts.some((text) => text.includes('of onProblem')))
      isBad = false
      await deliver(a, b.address, wrap('good'), () => seen.includes(wrap('good')))
      warned.end()
    }),
    timeout,
  )

  test(
    'delivers nothing that accepts refuses',
    inWorld(async (open) => {
      const seen = new Recorder(
        () => {},
        (text) => text !== wrap('not ours'),
      )
      const a = await open('a')
      const b = await open('b', seen)
      await a.send(b.address, wrap('not ours'))
      await deliver(a, b.address, wrap('ours'), () => seen.has(wrap('ours')))
      assert.not.ok(seen.has(wrap('not ours')))
      assert.equal(seen.problems, [])
      if (!persistent) return
      await b.close()
      const later = new Recorder()
      await open('b', later)
      await until('the refused message still lies there', () => later.has(wrap('not ours')), bound)
    }),
    timeout,
  )

  test(
    'tells of an address where nobody answers, while other sends go on',
    inWorld(async (open, world) => {
      const seen = new Recorder()
      const a = await open('a')
      const b = await open('b', seen)
      const dead = await world.dead()
      const lost = Array.from({ length: slow ? 3 : 20 }, (_, index) =>
        rejects(() => a.send(dead, wrap(`lost ${index}`))),
      )
      await deliver(a, b.address, wrap('alive'), () => seen.has(wrap('alive')))
      for (const error of await Promise.all(lost)) assert.ok(isFailure(error), error.message)
    }),
    timeout,
  )

  test(
    'carries messages of three senders at once',
    inWorld(async (open) => {
      const seen = new Recorder()
      const b = await open('b', seen)
      const senders = [await open('a'), await open('c'), await open('d')]
      const sent = new Map<string, string>()
      const each = slow ? 6 : 34
      const atOnce = slow ? 2 : each
      await Promise.all(
        senders.map(async (sender) => {
          const left = Array.from({ length: each }, (_, index) =>
            wrap(`${index} of ${sender.address}`),
          )
          for (const text of left) sent.set(text, sender.address)
          const work = async (): Promise<void> => {
            for (let text = left.pop(); text !== undefined; text = left.pop()) {
              const now = text
              await deliver(sender, b.address, now, () => seen.has(now))
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
    }),
    timeout,
  )

  test(
    'receives nothing after it was closed',
    inWorld(async (open) => {
      const hold = gate()
      const seen = new Recorder(() => hold.promise)
      const other = new Recorder()
      const a = await open('a')
      const b = await open('b', seen)
      const c = await open('c', other)
      await deliver(a, b.address, wrap('first'), () => seen.received.length > 0)
      for (const text of ['second', 'third']) await a.send(b.address, wrap(text))
      await deliver(a, c.address, wrap('between'), () => other.has(wrap('between')))
      const closing = b.close()
      hold.open()
      await closing
      const received = seen.texts
      // May succeed or not: what counts is that nobody receives it.
      await a.send(b.address, wrap('fourth')).catch((error) => assert.ok(isFailure(error)))
      await deliver(a, c.address, wrap('after'), () => other.has(wrap('after')))
      assert.equal(seen.texts, received)
      assert.not.ok(seen.has(wrap('fourth')))
      assert.not.ok(seen.has(wrap('third')), 'went on to the next message while closing')
    }),
    timeout,
  )

  if (persistent) {
    test(
      'hands over what came while the receiver was away, and nothing twice',
      inWorld(async (open) => {
        const a = await open('a')
        const first = new Recorder()
        const b = await open('b', first)
        const { address } = b
        await deliver(a, address, wrap('before'), () => first.has(wrap('before')))
        await b.close()
        for (const text of ['one', 'two', 'three']) await a.send(address, wrap(text))
        const later = new Recorder()
        const again = await open('b', later)
        assert.is(again.address, address)
        const waited = ['one', 'two', 'three'].map(wrap)
        await until('all that waited', () => waited.every((text) => later.has(text)), bound)
        assert.not.ok(later.has(wrap('before')), 'what was consumed came back')
      }),
      timeout,
    )
  }

  test(
    'finds its peers, and resolves an address to itself',
    inWorld(async (open) => {
      const a = await open('a')
      const b = await open('b')
      const found = await a.discover()
      assert.not.ok(found.includes(a.address), 'found itself')
      assert.ok(Array.isArray(found))
      assert.is(await a.resolve(b.address), b.address)
    }),
    timeout,
  )

  test(
    'leaves no timer, watcher or child process after close',
    inWorld(async (open, world) => {
      const seen = new Recorder()
      const dead = await world.dead()
      const before = handles()
      const a = await open('a')
      const b = await open('b', seen)
      await deliver(a, b.address, wrap('x'), () => seen.has(wrap('x')))
      const pending = rejects(() => a.send(dead, wrap('y')))
      await a.close()
      await b.close()
      assert.equal(handles(), before)
      assert.ok(isFailure(await pending))
    }),
    timeout,
  )

  test.run()
}
