/**
 * A provider that has ended leaves nothing behind. It also works with undo, with documents without
 * garbage collection, with long texts in short messages, and over the transport of an agent.
 */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Agent } from '../../src/agent/agent.ts'
import type { GossipConfig } from '../../src/gossip/index.ts'
import { PilotGossipProvider } from '../../src/provider/index.ts'
import { MemoryHub } from '../../src/transports/memory/memory.ts'
import { eventsOf, onStage, QUICK, type Stage, textOf, turns, write } from '../helpers/provider.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('provider: ends and loads')

const listenersOf = (doc: Y.Doc): number =>
  [...doc._observers.values()].reduce((sum, listeners) => sum + listeners.size, 0)

/** A program for a child process, which must end by itself. */
const child = async (program: string): Promise<{ code: number | null; stdout: string }> => {
  const here = fileURLToPath(new URL('.', import.meta.url))
  const started = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    { cwd: here, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let stdout = ''
  started.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  const timer = setTimeout(() => started.kill(), 40_000)
  const code = await new Promise<number | null>((resolve) => started.once('close', resolve))
  clearTimeout(timer)
  return { code, stdout }
}

test('leaves no listener on the document', () =>
  onStage(async (stage) => {
    const doc = new Y.Doc()
    const before = listenersOf(doc)
    for (let i = 0; i < 3; i++) {
      const a = stage.add('a', { doc })
      void a.awareness
      doc.getMap('subs').set('one', new Y.Doc({ guid: 'one', autoLoad: true }))
      write(a, 'x')
      if (i > 0) await until('connected', () => a.connected)
      await a.destroy()
      assert.is(listenersOf(doc), before, `${i}: ${[...doc._observers.keys()]}`)
      assert.is(a._observers.size, 0)
    }
  }))

test('leaves no timer, so the process ends by itself', async () => {
  const { code, stdout } = await child(`
    import * as Y from 'yjs'
    const { PilotGossipProvider } = await import('../../src/provider/index.ts')
    const { MemoryHub, MemoryTransport } = await import('../../src/transports/memory/memory.ts')
    const resources = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const hub = new MemoryHub()
    const before = resources()
    const make = (name) => new PilotGossipProvider(new MemoryTransport(hub, name), 'room', new Y.Doc())
    const [a, b, c] = ['a', 'b', 'c'].map(make)
    void a.awareness, b.awareness
    await Promise.all([a.whenSynced, b.whenSynced])
    a.doc.getMap('subs').set('s', new Y.Doc({ autoLoad: true }))
    a.doc.getText('text').insert(0, 'x')
    a.disconnect()
    a.connect()
    b.forceSync().catch(() => undefined)
    const during = resources()
    await Promise.all([a.destroy(), b.destroy(), c.destroy()])
    console.log(before, during > before, resources(), hub.addresses.length)
  `)
  assert.is(stdout.trim(), '0 true 0 0')
  assert.is(code, 0)
})

test('destroy ends a provider at once that waits for a daemon', async () => {
  const { code, stdout } = await child(`
    import * as Y from 'yjs'
    const { PilotGossipProvider } = await import('../../src/provider/index.ts')
    const { MemoryHub, MemoryTransport } = await import('../../src/transports/memory/memory.ts')
    const hub = new MemoryHub()
    const held = new MemoryTransport(hub, 'a')
    await held.open({})
    const a = new PilotGossipProvider(new MemoryTransport(hub, 'a'), 'room', new Y.Doc())
    await new Promise((resolve) => a.once('connection-error', resolve))
    await a.destroy()
    console.log('ended')
  `)
  assert.is(stdout.trim(), 'ended')
  assert.is(code, 0)
})

test('a delete reaches documents with and without garbage collection', () =>
  onStage(async (stage) => {
    const a = stage.add('a', { doc: new Y.Doc({ gc: false }) })
    const b = stage.add('b')
    write(a, 'hello')
    await until('b has it', () => textOf(b) === 'hello')
    const before = Y.snapshot(a.doc)
    b.doc.getText('text').delete(0, 5)
    write(b, 'bye')
    await until('a has that', () => textOf(a) === 'bye')
    assert.is(Y.createDocFromSnapshot(a.doc, before).getText('text').toString(), 'hello')
    const c = stage.add('c', { doc: new Y.Doc({ gc: false }) })
    await until('c too', () => textOf(c) === 'bye')
  }))

test('undo reverts local changes for all peers, and no changes of others', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    const undo = new Y.UndoManager(a.doc.getText('text'))
    write(a, 'mine')
    await until('b has it', () => textOf(b) === 'mine')
    write(b, ' yours')
    await until('a has it', () => textOf(a) === 'mine yours')
    undo.undo()
    assert.is(textOf(a), ' yours')
    await until('b sees the undo', () => textOf(b) === ' yours')
    assert.is(undo.undoStack.length, 0)
    undo.redo()
    await until('b sees the redo', () => textOf(b) === 'mine yours')
    undo.destroy()
  }))

test('sends a text of a million characters in messages of 120,000 bytes', () =>
  onStage(
    async (stage) => {
      const a = stage.add('a')
      // Typed at many places, as usual: one run of characters could not be cut.
      const words = Array.from({ length: 20_000 }, (_, i) =>
        `${i.toString(36)} `.repeat(12).slice(0, 50),
      )
      a.doc.transact(() => {
        for (const [index, word] of words.entries())
          write(a, index % 2 === 0 ? word : word.toUpperCase())
      })
      assert.is(textOf(a).length > 900_000, true)
      const b = stage.add('b')
      await until('b has it', () => textOf(b).length === textOf(a).length)
      assert.is(textOf(b) === textOf(a), true)
      write(b, 'end')
      await until('a has it', () => textOf(a).endsWith('end'))
    },
    new MemoryHub({ maxMessageBytes: 120_000 }),
  ))

const agentOn = (stage: Stage, name: string, config: Partial<GossipConfig> = {}): Agent =>
  new Agent({
    swarm: 'pilot-gossip',
    transport: stage.transport(name),
    config: { ...QUICK, ...config },
  })

test('pushes a long burst before the time of its batch is over', () =>
  onStage(async (stage) => {
    const agent = agentOn(stage, 'a', { batchMs: 60_000, intervalMs: 60_000 })
    await agent.start()
    const a = stage.keep(new PilotGossipProvider(agent, 'room', new Y.Doc()))
    stage.add('b')
    await a.whenSynced
    const { gossip } = agent.runtime
    assert.ok(gossip)
    await until('nothing is on its way', () => gossip.sending === 0)
    const before = gossip.counters.pushesSent
    write(a, 'short')
    assert.is(gossip.counters.pushesSent, before, 'it is gathered')
    for (let i = 0; i < 30; i++) write(a, 'x'.repeat(100))
    assert.is(gossip.counters.pushesSent, before + 1, 'it was enough')
    await agent.stop()
  }))

test('shares a room over an agent that starts later, and leaves when the agent stops', () =>
  onStage(async (stage) => {
    const agent = agentOn(stage, 'a')
    const a = stage.keep(new PilotGossipProvider(agent, 'room', new Y.Doc()))
    const b = stage.add('b')
    await turns()
    assert.is(a.status, 'connecting')
    await agent.start()
    write(a, 'x')
    await until('b has it', () => textOf(b) === 'x')
    const events = eventsOf(a)
    await agent.stop()
    assert.is(a.status, 'disconnected')
    assert.ok(events.includes('close'))
    assert.is(a.shouldConnect, false)
    a.connect()
    await until('it says why not', () => events.includes('error closed'))
    assert.is(a.shouldConnect, false)
    write(a, 'y')
    await a.destroy()
  }))

test('an agent goes on after its providers have ended', () =>
  onStage(async (stage) => {
    const agent = agentOn(stage, 'a')
    await agent.start()
    const a = stage.keep(new PilotGossipProvider(agent, 'room', new Y.Doc()))
    await until('connected', () => a.connected)
    await a.destroy()
    assert.is(agent.runtime.isStarted, true)
    assert.is(agent.runtime.has('room'), false)
    const taken = stage.keep(new PilotGossipProvider(agent, 'pilot-gossip', new Y.Doc()))
    const events = eventsOf(taken)
    await until("the agent's own name is taken", () => events.includes('error already_exists'))
    await taken.destroy()
    const never = new PilotGossipProvider(agentOn(stage, 'never'), 'room', new Y.Doc())
    await never.destroy()
    await agent.stop()
  }))

test('forceSync rejects over an agent that was stopped', () =>
  onStage(async (stage) => {
    const agent = agentOn(stage, 'a')
    await agent.start()
    const a = stage.keep(new PilotGossipProvider(agent, 'room', new Y.Doc()))
    await until('connected', () => a.connected)
    const forced = rejects(() => a.forceSync(), /closed/)
    await agent.stop()
    await forced
  }))

test.run()
