/**
 * The transport contract, part two: opening, closing, opening again, and what is left afterwards.
 *
 * ```ts
 * lifecycleCases(new TransportKit(createWorld, {}))
 * ```
 */
import assert from 'node:assert/strict'
import { deferred } from '../deferred.ts'
import { isFailure } from '../errors.ts'
import { type ContractCase, rejectionOf } from './contract.ts'
import { Recorder } from './recorder.ts'
import type { TransportKit } from './transport-kit.ts'

/** What keeps the process alive, apart from file reads and writes under way. */
const handles = (): string[] =>
  process
    .getActiveResourcesInfo()
    .filter((kind) => /^(Timeout|Immediate|FSEvent|ProcessWrap|StatWatcher)/.test(kind))
    .sort()

const reopenCase = (kit: TransportKit, how: 'after close' | 'during close'): ContractCase =>
  kit.case(
    `open again ${how}: has the same address, and calls only the new hooks`,
    async (open) => {
      const [a, seen] = [await open('a'), new Recorder()]
      const b = await open('b', seen)
      const { address } = b
      await kit.deliver(a, address, kit.wrap('before'), () => seen.has(kit.wrap('before')))
      let last = seen
      for (const turn of [1, 2]) {
        const received = last.texts
        const closing = b.close()
        if (how === 'after close') await closing
        const later = new Recorder()
        await b.open(later)
        await closing
        assert.equal(b.address, address)
        const text = kit.wrap(`turn ${turn}`)
        await kit.deliver(a, address, text, () => later.has(text))
        await kit.deliver(b, a.address, text, () => true)
        assert.deepEqual(last.texts, received, 'the old hooks are called no more')
        assert.ok(!later.has(kit.wrap('before')))
        last = later
      }
      assert.deepEqual(seen.problems, [])
    },
  )

export const lifecycleCases = (kit: TransportKit): readonly ContractCase[] => [
  kit.case(
    'the address: empty before open, then different from that of each peer',
    async (open, world) => {
      const idle = await world.transport('a')
      assert.equal(idle.address, '')
      const a = await open('a')
      const b = await open('b')
      assert.notEqual(a.address, '')
      assert.notEqual(a.address, b.address)
      assert.equal(a.kind, b.kind)
      assert.ok(a.maxMessageBytes >= 100_000)
    },
  ),

  kit.case('send: rejects with closed before open and after close', async (open, world) => {
    const b = await open('b')
    const idle = await world.transport('a')
    assert.ok(isFailure(await rejectionOf(() => idle.send(b.address, kit.wrap('x'))), 'closed'))
    const a = await open('a')
    await a.close()
    assert.ok(isFailure(await rejectionOf(() => a.send(b.address, kit.wrap('x'))), 'closed'))
  }),

  reopenCase(kit, 'after close'),
  reopenCase(kit, 'during close'),

  kit.case('open while open: rejects with already_exists', async (open, world) => {
    const seen = new Recorder()
    const [a, b] = [await open('a'), await open('b', seen)]
    const other = new Recorder()
    assert.ok(isFailure(await rejectionOf(() => b.open(other)), 'already_exists'))
    await kit.deliver(a, b.address, kit.wrap('x'), () => seen.has(kit.wrap('x')))
    assert.deepEqual(other.received, [])
    const c = await world.transport('c')
    const opening = c.open(new Recorder())
    assert.ok(isFailure(await rejectionOf(() => c.open(other)), 'already_exists'))
    await opening
    await c.close()
  }),

  kit.case(
    'close during open: rejects that open with closed, and the next open works',
    async (open, world) => {
      const a = await open('a')
      const [b, seen] = [await world.transport('b'), new Recorder()]
      const first = new Recorder()
      const opening = b.open(first).catch((error: unknown) => error)
      const closing = b.close()
      await b.open(seen)
      await closing
      // If the transport opens at once, it was open before `close`, and its open resolves.
      const failure = await opening
      assert.ok(failure === undefined || isFailure(failure, 'closed'))
      await kit.deliver(a, b.address, kit.wrap('x'), () => seen.has(kit.wrap('x')))
      assert.deepEqual(first.received, [])
      await b.close()
      assert.ok(isFailure(await rejectionOf(() => b.send(a.address, kit.wrap('x'))), 'closed'))
    },
  ),

  kit.case('close: may be called twice, at the same time, and before open', async (open, world) => {
    await (await world.transport('c')).close()
    const a = await open('a')
    await Promise.all([a.close(), a.close()])
    await a.close()
  }),

  kit.case('after close: nothing is received', async (open) => {
    const hold = deferred<void>()
    const seen = new Recorder(() => hold.promise)
    const other = new Recorder()
    const a = await open('a')
    const b = await open('b', seen)
    const c = await open('c', other)
    await kit.deliver(a, b.address, kit.wrap('first'), () => seen.received.length > 0)
    for (const text of ['second', 'third']) await a.send(b.address, kit.wrap(text))
    await kit.deliver(a, c.address, kit.wrap('between'), () => other.has(kit.wrap('between')))
    const closing = b.close()
    hold.resolve()
    await closing
    const received = seen.texts
    // It may succeed or fail: the message must not be received.
    await a.send(b.address, kit.wrap('fourth')).catch((error) => assert.ok(isFailure(error)))
    await kit.deliver(a, c.address, kit.wrap('after'), () => other.has(kit.wrap('after')))
    assert.deepEqual(seen.texts, received)
    assert.ok(!seen.has(kit.wrap('fourth')))
    assert.ok(!seen.has(kit.wrap('third')), 'went on to the next message while closing')
  }),

  kit.case(
    'discover and resolve: omit its own address, and resolve an address to itself',
    async (open) => {
      const a = await open('a')
      const b = await open('b')
      const found = await a.discover()
      assert.ok(!found.includes(a.address), 'found itself')
      assert.ok(Array.isArray(found))
      assert.equal(await a.resolve(b.address), b.address)
    },
  ),

  kit.case('after close: no timer, watcher or child process is left', async (open, world) => {
    const seen = new Recorder()
    const dead = await world.dead()
    const before = handles()
    const a = await open('a')
    const b = await open('b', seen)
    await kit.deliver(a, b.address, kit.wrap('x'), () => seen.has(kit.wrap('x')))
    const pending = rejectionOf(() => a.send(dead, kit.wrap('y')))
    await a.close()
    await b.close()
    assert.deepEqual(handles(), before)
    assert.ok(isFailure(await pending))
  }),
]
