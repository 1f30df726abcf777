/**
 * Awareness in a swarm, with a clock that the test moves: how states are passed on and expire, which
 * states are ignored, and how often messages are sent.
 */
import * as assert from 'uvu/assert'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import {
  type AwarenessEntry,
  decodeAwareness,
  encodeAwareness,
  type Rejection,
} from '../../../crdt/index.ts'
import { AwarenessGossip } from '../../../src/agent/awareness/awareness-gossip.ts'
import { lifeOf, SwarmAwareness } from '../../../src/agent/awareness/swarm-awareness.ts'
import { suite } from '../../helpers/suite.ts'

const test = suite('awareness gossip')

interface Timer {
  readonly run: () => void
  at: number
  readonly every: number | undefined
}

/** `Date.now`, `setTimeout` and `setInterval` that only move when the test moves them. */
class Clock {
  now = 1_700_000_000_000
  readonly #timers = new Set<Timer>()
  readonly #dateNow = Date.now
  readonly #real = { setTimeout, setInterval, clearTimeout, clearInterval }

  readonly #arm = (run: () => void, ms: number, every?: number): Timer => {
    const timer = { run, at: this.now + ms, every, unref: () => timer }
    this.#timers.add(timer)
    return timer
  }

  get timers(): number {
    return this.#timers.size
  }

  stop(): void {
    Date.now = () => this.now
    const stop = (timer: Timer): void => void this.#timers.delete(timer)
    Object.assign(globalThis, {
      setTimeout: (run: () => void, ms = 0) => this.#arm(run, ms),
      setInterval: (run: () => void, ms: number) => this.#arm(run, ms, ms),
      clearTimeout: stop,
      clearInterval: stop,
    })
  }

  go(): void {
    Object.assign(globalThis, this.#real)
    Date.now = this.#dateNow
  }

  move(ms: number): void {
    const end = this.now + ms
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.at - b.at)
      if (!next || next.at > end) break
      this.now = Math.max(this.now, next.at)
      if (next.every === undefined) this.#timers.delete(next)
      else next.at += next.every
      next.run()
    }
    this.now = end
  }
}

class Node {
  readonly awareness: Awareness
  readonly gossip: AwarenessGossip
  /** The sends that it asked for. */
  readonly sends: { readonly since: number; readonly to: string | undefined }[] = []
  peers: Node[] = []
  readonly name: string
  count: number | undefined

  constructor(name: string, client: number, create?: (doc: Y.Doc) => Awareness) {
    this.name = name
    const doc = new Y.Doc()
    doc.clientID = client
    this.awareness = create?.(doc) ?? new SwarmAwareness(doc)
    // y-protocols has the real clock from its load: its times are set to ours.
    const date = (clients: Iterable<number>): void => {
      for (const client of clients) {
        const known = this.awareness.meta.get(client)
        if (known) this.awareness.meta.set(client, { clock: known.clock, lastUpdated: Date.now() })
      }
    }
    date([client])
    this.awareness.on('update', ({ added, updated, removed }: Record<string, number[]>) =>
      date([...added!, ...updated!, ...removed!]),
    )
    this.gossip = new AwarenessGossip(this.awareness, {
      send: (since, to) => {
        this.sends.push({ since, to })
        for (const peer of this.peers) {
          if (to !== undefined && peer.name !== to) continue
          const bytes = this.gossip.encodeSince(since, 100_000)
          if (bytes) peer.gossip.receive(bytes, this.name)
        }
      },
      countPeers: () => this.count ?? this.peers.length,
    })
  }

  sees(client: number): unknown {
    return this.awareness.getStates().get(client)
  }

  receive(...entries: AwarenessEntry[]): void {
    this.gossip.receive(encodeAwareness({ isQuery: false, entries }), 'x')
  }

  end(): void {
    this.gossip.destroy()
    this.awareness.destroy()
  }
}

const onClock =
  (run: (clock: Clock, add: (...args: ConstructorParameters<typeof Node>) => Node) => void) =>
  () => {
    const clock = new Clock()
    const nodes: Node[] = []
    clock.stop()
    try {
      run(clock, (...args) => {
        const node = new Node(...args)
        nodes.push(node)
        return node
      })
    } finally {
      for (const node of nodes) {
        node.peers = []
        node.end()
      }
      clock.go()
    }
  }

const link = (...nodes: Node[]): void => {
  for (const node of nodes) node.peers = nodes.filter((other) => other !== node)
}

/** Each node knows only the next one. */
const chain = (...nodes: Node[]): void => {
  nodes.forEach((node, i) => {
    node.peers = [nodes[i - 1], nodes[i + 1]].filter((other) => other !== undefined)
  })
}

test(
  'a state appears, changes and leaves at peers',
  onClock((clock, add) => {
    const [a, b] = [add('a', 1), add('b', 2)]
    link(a, b)
    a.awareness.setLocalStateField('name', 'Ada')
    clock.move(1_000)
    assert.equal(b.sees(1), { name: 'Ada' })
    assert.equal(a.sees(2), {})
    a.awareness.setLocalStateField('name', 'Bob')
    clock.move(1_000)
    assert.equal(b.sees(1), { name: 'Bob' })
    a.awareness.setLocalState(null)
    clock.move(1_000)
    assert.is(b.sees(1), undefined)
  }),
)

test(
  'passes a state on with its age',
  onClock((clock, add) => {
    const all = [add('a', 1), add('b', 2), add('c', 3), add('d', 4)]
    chain(...all)
    const [a, , , d] = all as [Node, Node, Node, Node]
    a.awareness.setLocalStateField('name', 'Ada')
    const made = clock.now
    clock.move(2_000)
    assert.equal(d.sees(1), { name: 'Ada' })
    assert.is(d.awareness.meta.get(1)?.lastUpdated, made, 'as old as it is, not as it came')
  }),
)

test(
  'a state that is not renewed expires everywhere, and is not passed on any more',
  onClock((clock, add) => {
    const [a, b, c] = [add('a', 1), add('b', 2), add('c', 3)]
    link(a, b, c)
    clock.move(1_000)
    assert.equal(b.sees(1), {})
    // The node is cut off; the others go on.
    a.peers = []
    for (const node of [b, c]) node.peers = node.peers.filter((peer) => peer !== a)
    clock.move(25_000)
    assert.ok(b.sees(1), 'not before its time')
    clock.move(40_000)
    for (const node of [b, c]) {
      assert.is(node.sees(1), undefined)
      assert.equal(node.sees(node === b ? 3 : 2), {}, 'live clients stay')
    }
    clock.move(200_000)
    for (const node of [b, c]) assert.is(node.sees(1), undefined)
  }),
)

test(
  'renews the states of live clients for hours',
  onClock((clock, add) => {
    const [a, b] = [add('a', 1), add('b', 2)]
    link(a, b)
    let removed = 0
    b.awareness.on('change', (change: { removed: number[] }) => {
      removed += change.removed.length
    })
    clock.move(2 * 3_600_000)
    assert.equal(b.sees(1), {})
    assert.is(removed, 0)
  }),
)

test(
  'a listener that throws does not throw from a timer, and states are renewed and expire as usual',
  onClock((clock, add) => {
    const thrown: unknown[] = []
    const create = (doc: Y.Doc) => new SwarmAwareness(doc, (error) => thrown.push(error))
    const [a, b] = [add('a', 1, create), add('b', 2)]
    link(a, b)
    clock.move(1_000)
    for (const event of ['change', 'update']) {
      a.awareness.on(event, (_: unknown, origin: unknown) => {
        if (origin === 'local' || origin === 'timeout') throw new Error(`of ${event}`)
      })
    }
    clock.move(120_000)
    assert.equal(b.sees(1), {}, 'it was renewed')
    assert.ok(thrown.length > 2)
    a.peers = []
    b.peers = []
    const before = thrown.length
    clock.move(60_000)
    assert.is(a.sees(2), undefined)
    assert.ok(thrown.slice(before).some((error) => String(error).includes('of change')))
    a.awareness._observers.clear()
  }),
)

test(
  'renews the last valid state in place of one that cannot be sent',
  onClock((clock, add) => {
    for (const state of [{ at: 1n }, undefined, 0, [], 'x'] as never[]) {
      const [a, b] = [add('a', 1), add('b', 2)]
      link(a, b)
      a.awareness.setLocalState({ name: 'Ada' })
      clock.move(1_000)
      a.awareness.setLocalState(state)
      clock.move(200_000)
      assert.equal(b.sees(1), { name: 'Ada' })
      a.awareness.setLocalState({ name: 'Bea' })
      clock.move(1_000)
      assert.equal(b.sees(1), { name: 'Bea' })
      for (const node of [a, b]) node.end()
    }
  }),
)

test(
  'a new node queries the states, and receives those of all live clients and no removals',
  onClock((clock, add) => {
    const a = add('a', 1)
    a.receive({ client: 8, clock: 1, age: 0, state: { name: 'old' } })
    a.receive({ client: 8, clock: 2, age: 0, state: null })
    a.receive({ client: 9, clock: 1, age: 5_000, state: { name: 'live' } })
    clock.move(5_000)
    const b = add('b', 2)
    link(a, b)
    clock.move(200)
    assert.equal(b.sees(1), {})
    assert.equal(b.sees(9), { name: 'live' })
    assert.is(b.awareness.meta.has(8), false)
    assert.ok(a.sends.some(({ since, to }) => since === 0 && to === 'b'))
  }),
)

test(
  'queries three times at most, and not after it has received a state',
  onClock((_clock, add) => {
    const a = add('a', 1)
    const isQuery = (): boolean => {
      const bytes = a.gossip.encodeSince(1, 10_000)
      return bytes !== undefined && decodeAwareness(bytes).isQuery
    }
    assert.equal([isQuery(), isQuery(), isQuery(), isQuery()], [true, true, true, false])
    const b = add('b', 2)
    b.receive({ client: 9, clock: 1, age: 0, state: {} })
    const bytes = b.gossip.encodeSince(1, 10_000)
    assert.is(decodeAwareness(bytes!).isQuery, false)
  }),
)

test(
  'ignores a state of our own client from a peer',
  onClock((clock, add) => {
    const [a, b] = [add('a', 1), add('b', 2)]
    link(a, b)
    a.awareness.setLocalStateField('name', 'Ada')
    clock.move(1_000)
    a.receive({ client: 1, clock: 2 ** 50, age: 0, state: { name: 'Eve' } })
    assert.equal(a.awareness.getLocalState(), { name: 'Ada' })
    a.receive({ client: 1, clock: 2 ** 51, age: 0, state: null })
    assert.equal(a.awareness.getLocalState(), { name: 'Ada' })
  }),
)

test(
  'a client whose state was forged with a higher clock raises its clock and is seen again',
  onClock((clock, add) => {
    const [a, b, c] = [add('a', 1), add('b', 2), add('c', 3)]
    link(a, b, c)
    a.awareness.setLocalStateField('name', 'Ada')
    clock.move(1_000)
    for (const node of [b, c])
      node.receive({ client: 1, clock: clock.now + 1e9, age: 0, state: { name: 'Eve' } })
    assert.equal(b.sees(1), { name: 'Eve' })
    clock.move(2_000)
    for (const node of [b, c]) assert.equal(node.sees(1), { name: 'Ada' })
  }),
)

test(
  'a clock that could not be raised any more is refused, and other states of the message are merged',
  onClock((clock, add) => {
    const [a, b] = [add('a', 1), add('b', 2)]
    link(a, b)
    a.awareness.setLocalStateField('name', 'Ada')
    clock.move(1_000)
    const other = { client: 7, clock: 1, age: 0, state: { name: 'Grace' } }
    for (const forged of [Number.MAX_SAFE_INTEGER, 2 ** 52, 2 ** 42]) {
      const state = { name: 'Eve' }
      assert.throws(
        () => b.receive({ client: 1, clock: forged, age: 0, state }, other),
        ({ reason }: Rejection) => reason === 'clock_jump',
      )
      assert.throws(() => b.receive({ client: 1, clock: forged, age: 0, state: null }))
      assert.equal(b.sees(1), { name: 'Ada' })
    }
    assert.equal(b.sees(7), { name: 'Grace' })
    a.awareness.setLocalStateField('name', 'Ada L.')
    clock.move(1_000)
    assert.equal(b.sees(1), { name: 'Ada L.' })
  }),
)

test(
  'the highest clock that is accepted: its owner recovers, also at a peer whose time is behind',
  onClock((clock, add) => {
    const [a, b, c] = [add('a', 1), add('b', 2), add('c', 3)]
    link(a, b, c)
    a.awareness.setLocalStateField('name', 'Ada')
    clock.move(1_000)
    const highest = clock.now + 366 * 86_400_000
    for (const forged of [highest, highest - 60_000]) {
      b.receive({ client: 1, clock: forged, age: 0, state: { name: 'Eve' } })
      clock.move(10_000)
    }
    for (const node of [b, c]) assert.equal(node.sees(1), { name: 'Ada' })
  }),
)

test(
  'two nodes with one client id do not raise their clocks without end',
  onClock((clock, add) => {
    const [a, b] = [add('a', 1), add('b', 1)]
    link(a, b)
    clock.move(60_000)
    assert.ok(
      a.sends.length + b.sends.length < 100,
      `${a.sends.length} and ${b.sends.length} times`,
    )
  }),
)

test(
  'a client that restarts with the same id is seen at once',
  onClock((clock, add) => {
    const [a, b] = [add('a', 1), add('b', 2)]
    link(a, b)
    for (let i = 0; i < 50; i++) a.awareness.setLocalStateField('i', i)
    clock.move(1_000)
    a.peers = [] // killed
    b.peers = []
    const again = add('a', 1)
    again.awareness.setLocalStateField('name', 'again')
    link(again, b)
    clock.move(500)
    assert.equal(b.sees(1), { name: 'again' })
    a.gossip.destroy()
  }),
)

test(
  'a client that restarts at clock 0, as other libraries do, is seen',
  onClock((clock, add) => {
    const b = add('b', 2)
    b.receive({ client: 1, clock: 500, age: 0, state: { name: 'before' } })
    const again = add('a', 1, (doc) => new Awareness(doc))
    again.awareness.setLocalStateField('name', 'again')
    link(again, b)
    clock.move(5_000)
    assert.equal(b.sees(1), { name: 'again' })
  }),
)

const bogus = (first: number, count: number): AwarenessEntry[] =>
  Array.from({ length: count }, (_, i) => ({ client: first + i, clock: 1, age: 0, state: { i } }))

test(
  '20,000 invented clients take limited space, and free it',
  onClock((clock, add) => {
    const [a, b] = [add('a', 1), add('b', 2)]
    link(a, b)
    clock.move(1_000)
    for (let i = 0; i < 20; i++) a.receive(...bogus(1_000_000 + i * 1_000, 1_000))
    assert.is(a.awareness.meta.size, 10_000)
    assert.equal(a.sees(2), {}, 'earlier clients stay')
    clock.move(3 * lifeOf(10_000) + 60_000)
    assert.ok(a.awareness.meta.size < 10, `${a.awareness.meta.size} are kept`)
    a.receive({ client: 77, clock: 1, age: 0, state: {} })
    assert.equal(a.sees(77), {})
  }),
)

test(
  'accepts new clients after more than 10,000 have come and gone',
  onClock((clock, add) => {
    for (const create of [undefined, (doc: Y.Doc) => new Awareness(doc)]) {
      const a = add('a', 1, create)
      for (let i = 0; i < 12; i++) {
        a.receive(...bogus(1_000_000 * (i + 1), 1_000))
        a.receive(
          ...bogus(1_000_000 * (i + 1), 1_000).map((entry) => ({
            ...entry,
            clock: 2,
            state: null,
          })),
        )
        clock.move(400_000)
      }
      a.receive({ client: 77, clock: 1, age: 0, state: {} })
      assert.equal(a.sees(77), {})
    }
  }),
)

test(
  'keeps a message readable with more than a thousand clients',
  onClock((_clock, add) => {
    const a = add('a', 1)
    a.receive(...bogus(10, 1_000))
    a.receive(...bogus(2_000, 500))
    const bytes = a.gossip.encodeSince(0, 10_000_000)
    assert.is(decodeAwareness(bytes!).entries.length, 1_000)
  }),
)

test(
  'fills a message up to its maximum of bytes, the newest states first',
  onClock((_clock, add) => {
    const a = add('a', 1)
    a.receive(...bogus(10, 500))
    const bytes = a.gossip.encodeSince(0, 2_000)!
    assert.ok(bytes.length <= 2_000)
    const { entries } = decodeAwareness(bytes)
    assert.ok(entries.length > 10)
    assert.is(entries[0]?.client, 509)
  }),
)

test(
  'does not send a state that peers would refuse, and sends the others',
  onClock((_clock, add) => {
    const a = add('a', 1)
    a.receive({ client: 5, clock: 1, age: 0, state: { is: 'sent' } })
    a.awareness.setLocalStateField('text', 'x'.repeat(20_000))
    const { entries } = decodeAwareness(a.gossip.encodeSince(0, 100_000)!)
    assert.equal(
      entries.map(({ client }) => client),
      [5],
    )
  }),
)

test(
  'sends a state that changes all the time at a rate that fits the number of peers',
  onClock((clock, add) => {
    for (const [peers, most, least] of [
      [1, 101, 80],
      [100, 11, 8],
      [10_000, 3, 2],
    ] as const) {
      const a = add('a', 1)
      a.count = peers
      clock.move(6_000)
      a.sends.length = 0
      for (let i = 0; i < 1_000; i++) {
        a.awareness.setLocalStateField('i', i)
        clock.move(10)
      }
      assert.ok(
        a.sends.length <= most && a.sends.length >= least,
        `${a.sends.length} for ${peers} peers`,
      )
    }
  }),
)

test(
  'ignores a state that is too old, or older than the known one',
  onClock((_clock, add) => {
    const a = add('a', 1)
    a.receive({ client: 5, clock: 1, age: 30_000, state: {} })
    assert.is(a.sees(5), undefined)
    a.receive({ client: 5, clock: 5, age: 0, state: { is: 'new' } })
    a.receive({ client: 5, clock: 4, age: 0, state: { is: 'old' } })
    assert.equal(a.sees(5), { is: 'new' })
  }),
)

test(
  'leaves no timer and no listener',
  onClock((clock, add) => {
    const doc = new Y.Doc()
    const before = [...doc._observers.values()].reduce((sum, set) => sum + set.size, 0)
    const awareness = new SwarmAwareness(doc)
    assert.is(awareness.doc, doc)
    const gossip = new AwarenessGossip(awareness, { send: () => undefined, countPeers: () => 0 })
    assert.is(clock.timers, 2)
    gossip.destroy()
    awareness.destroy()
    assert.is(clock.timers, 0)
    assert.is(
      [...doc._observers.values()].reduce((sum, set) => sum + set.size, 0),
      before,
    )
    const ended = new SwarmAwareness(doc)
    doc.destroy()
    assert.is(ended.getLocalState(), null, 'it ends with its document')
    assert.is(clock.timers, 0)
    void add
  }),
)

test.run()
