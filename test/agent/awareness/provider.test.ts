/** Awareness of a provider as its user sees it: which clients are there, and which have left. */
import * as assert from 'uvu/assert'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { PilotGossipProvider } from '../../../src/provider/index.ts'
import { MemoryHub } from '../../../src/transports/memory/memory.ts'
import { Network, seeded } from '../../../src/transports/memory/network.ts'
import { eventsOf, onStage, turns, write } from '../../helpers/provider.ts'
import { suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const test = suite('provider: awareness')

const seenBy = (provider: PilotGossipProvider, other: PilotGossipProvider): unknown =>
  provider.awareness.getStates().get(other.doc.clientID)?.name

const enter = (provider: PilotGossipProvider, name: string): void =>
  provider.awareness.setLocalStateField('name', name)

test('all providers see the states of all, and their changes', () =>
  onStage(async (stage) => {
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => stage.add(name))
    for (const [index, provider] of all.entries()) enter(provider, `${index}`)
    await until('all see all', () =>
      all.every((provider) => all.every((other, index) => seenBy(provider, other) === `${index}`)),
    )
    enter(all[0]!, 'new')
    await until('all see it', () => all.every((provider) => seenBy(provider, all[0]!) === 'new'))
  }))

test('a provider that joins later sees the states of all', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    enter(a, 'Ada')
    await until('a', () => a.connected)
    const b = stage.add('b')
    void b.awareness
    await until('b sees a', () => seenBy(b, a) === 'Ada')
  }))

test('works from when it is first read', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    enter(a, 'Ada')
    await a.whenSynced
    await b.whenSynced
    await until('b sees a', () => seenBy(b, a) === 'Ada')
  }))

for (const end of ['disconnect', 'destroy'] as const) {
  test(`${end}: removes the state at peers at once, also during a push`, () =>
    onStage(async (stage) => {
      const [a, b, c] = [stage.add('a'), stage.add('b'), stage.add('c')]
      for (const [index, provider] of [a, b, c].entries()) enter(provider, `${index}`)
      await until('both see it', () => [b, c].every((node) => seenBy(node, a) === '0'))
      await until('and it sees them', () => seenBy(a, b) === '1')
      write(a, 'last')
      await a[end]()
      await until('they see that it has gone', () =>
        [b, c].every((node) => !node.awareness.getStates().has(a.doc.clientID)),
      )
      if (end === 'destroy') return
      assert.equal([...a.awareness.getStates().keys()], [a.doc.clientID])
      assert.equal(a.awareness.getLocalState(), { name: '0' }, 'its own state stays')
      a.connect()
      await until('it is back', () => [b, c].every((node) => seenBy(node, a) === '0'))
      await until('and sees them', () => seenBy(a, b) === '1')
    }))
}

test('disconnect emits no event for the own state, and destroy emits one', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    enter(a, 'Ada')
    enter(b, 'Bob')
    await until('they see each other', () => seenBy(b, a) === 'Ada' && seenBy(a, b) === 'Bob')
    const events: string[] = []
    const own = a.doc.clientID
    for (const event of ['change', 'update'] as const) {
      a.awareness.on(event, (changes: Record<'added' | 'updated' | 'removed', number[]>) => {
        for (const [what, clients] of Object.entries(changes))
          for (const client of clients)
            events.push(`${event} ${what} ${client === own ? 'own' : 'b'}`)
      })
    }
    for (const round of [1, 2]) {
      a.disconnect()
      assert.equal(events.splice(0), ['change removed b', 'update removed b'], `${round}`)
      await until('b sees it go', () => seenBy(b, a) === undefined)
      a.connect()
      await until('they see each other', () => seenBy(b, a) === 'Ada' && seenBy(a, b) === 'Bob')
      events.length = 0
    }
    await a.destroy()
    await until('b sees it go', () => seenBy(b, a) === undefined)
    assert.equal(events, [
      'change removed b',
      'update removed b',
      'change removed own',
      'update removed own',
    ])
  }))

test('destroy completes although listeners throw', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    enter(a, 'Ada')
    enter(b, 'Bob')
    await until('they see each other', () => seenBy(b, a) === 'Ada' && seenBy(a, b) === 'Bob')
    const events = eventsOf(a)
    let thrown = 0
    a.awareness.on('update', () => {
      thrown++
      throw new Error('of a listener')
    })
    await a.destroy()
    assert.ok(thrown >= 2)
    assert.is(events.filter((line) => line === 'problem observer_failed').length, thrown)
    assert.equal(stage.hub.addresses, ['b'])
    await until('b sees it go', () => seenBy(b, a) === undefined)
  }))

test('is seen over a network that loses a third of the messages', () =>
  onStage(
    async (stage) => {
      const [a, b] = [stage.add('a'), stage.add('b')]
      enter(a, 'Ada')
      enter(b, 'Bob')
      const moving = setInterval(() => enter(a, 'Ada'), 50)
      await until('b sees a', () => seenBy(b, a) === 'Ada')
      clearInterval(moving)
    },
    new MemoryHub({ network: new Network({ random: seeded(3), latency: [1, 20], loss: 0.3 }) }),
  ))

test('uses an awareness of the program, and does not destroy it', () =>
  onStage(async (stage) => {
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    awareness.setLocalStateField('name', 'Ada')
    const a = stage.add('a', { doc, awareness })
    const b = stage.add('b')
    assert.is(a.awareness, awareness)
    void b.awareness
    await until('b sees a', () => seenBy(b, a) === 'Ada')
    enter(b, 'Bob')
    await until('a sees b', () => seenBy(a, b) === 'Bob')
    a.disconnect()
    assert.equal(awareness.getLocalState(), { name: 'Ada' })
    assert.is(awareness.getStates().get(b.doc.clientID)?.name, 'Bob')
    await a.destroy()
    assert.equal(awareness.getLocalState(), { name: 'Ada' })
    awareness.destroy()
  }))

test('has none with awareness: false, and sends none', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const sent: string[] = []
    const send = via.send.bind(via)
    via.send = async (to, text) => {
      sent.push(text)
      await send(to, text)
    }
    const a = stage.add('a', { via, awareness: false })
    assert.throws(() => a.awareness, TypeError)
    const b = stage.add('b')
    enter(b, 'Bob')
    await a.whenSynced
    write(a, 'x')
    await a.flush()
    assert.is(sent.filter((text) => text.includes('awareness')).length, 0)
    const events = eventsOf(a)
    enter(b, 'again')
    await turns()
    assert.is(events.filter((line) => line.startsWith('problem')).length, 0)
  }))

test('reports a listener that throws, and calls the others', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    const events = eventsOf(a)
    a.awareness.on('change', ({ added }: { added: number[] }) => {
      if (added.includes(b.doc.clientID)) throw new Error('of a listener')
    })
    enter(b, 'Bob')
    await until('reported', () => events.includes('problem observer_failed'))
    write(b, 'x')
    await until('it goes on', () => a.doc.getText('text').toString() === 'x')
    write(a, 'y')
    await until('both ways', () => b.doc.getText('text').toString() === 'xy')
  }))

test.run()
