/** Awareness as the user of a provider sees it: who is there, and who has left. */
import * as assert from 'uvu/assert'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { PilotGossipProvider } from '../../../src/provider/index.ts'
import { MemoryHub } from '../../../src/transports/memory/memory.ts'
import { Network, seeded } from '../../../src/transports/memory/network.ts'
import { onStage, tellsOf, turns, write } from '../../helpers/provider.ts'
import { suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const test = suite('provider: awareness')

const seenBy = (provider: PilotGossipProvider, other: PilotGossipProvider): unknown =>
  provider.awareness.getStates().get(other.doc.clientID)?.name

const enter = (provider: PilotGossipProvider, name: string): void =>
  provider.awareness.setLocalStateField('name', name)

test('all see who is there, and what they do now', () =>
  onStage(async (stage) => {
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => stage.add(name))
    for (const [index, provider] of all.entries()) enter(provider, `${index}`)
    await until('all see all', () =>
      all.every((provider) => all.every((other, index) => seenBy(provider, other) === `${index}`)),
    )
    enter(all[0]!, 'new')
    await until('all see it', () => all.every((provider) => seenBy(provider, all[0]!) === 'new'))
  }))

test('who comes later sees who is there', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    enter(a, 'Ada')
    await until('a', () => a.connected)
    const b = stage.add('b')
    void b.awareness
    await until('b sees a', () => seenBy(b, a) === 'Ada')
  }))

test('is read late and works from then on', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    enter(a, 'Ada')
    await a.whenSynced
    await b.whenSynced
    await until('b sees a', () => seenBy(b, a) === 'Ada')
  }))

for (const end of ['disconnect', 'destroy'] as const) {
  test(`${end}: gone for the others at once, though something was being pushed`, () =>
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

test('its own state: no event by leaving, one by its end', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    enter(a, 'Ada')
    enter(b, 'Bob')
    await until('they see each other', () => seenBy(b, a) === 'Ada' && seenBy(a, b) === 'Bob')
    const told: string[] = []
    const own = a.doc.clientID
    for (const event of ['change', 'update'] as const) {
      a.awareness.on(event, (changes: Record<'added' | 'updated' | 'removed', number[]>) => {
        for (const [what, clients] of Object.entries(changes))
          for (const client of clients)
            told.push(`${event} ${what} ${client === own ? 'own' : 'b'}`)
      })
    }
    for (const round of [1, 2]) {
      a.disconnect()
      assert.equal(told.splice(0), ['change removed b', 'update removed b'], `${round}`)
      await until('b sees it go', () => seenBy(b, a) === undefined)
      a.connect()
      await until('they see each other', () => seenBy(b, a) === 'Ada' && seenBy(a, b) === 'Bob')
      told.length = 0
    }
    await a.destroy()
    await until('b sees it go', () => seenBy(b, a) === undefined)
    assert.equal(told, [
      'change removed b',
      'update removed b',
      'change removed own',
      'update removed own',
    ])
  }))

test('listeners that throw when it leaves keep nothing from ending', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    enter(a, 'Ada')
    enter(b, 'Bob')
    await until('they see each other', () => seenBy(b, a) === 'Ada' && seenBy(a, b) === 'Bob')
    const told = tellsOf(a)
    let thrown = 0
    a.awareness.on('update', () => {
      thrown++
      throw new Error('of a listener')
    })
    await a.destroy()
    assert.ok(thrown >= 2)
    assert.is(told.filter((line) => line === 'problem observer_failed').length, thrown)
    assert.equal(stage.hub.addresses, ['b'])
    await until('b sees it go', () => seenBy(b, a) === undefined)
  }))

test('is seen over a network that loses a third', () =>
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

test("somebody else's awareness is used as it is, and not ended", () =>
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

test('none at all where the options say so, and none is told', () =>
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
    const told = tellsOf(a)
    enter(b, 'again')
    await turns()
    assert.is(told.filter((line) => line.startsWith('problem')).length, 0)
  }))

test('a listener of awareness that throws is told, and others go on', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    const told = tellsOf(a)
    a.awareness.on('change', ({ added }: { added: number[] }) => {
      if (added.includes(b.doc.clientID)) throw new Error('of a listener')
    })
    enter(b, 'Bob')
    await until('told', () => told.includes('problem observer_failed'))
    write(b, 'x')
    await until('it goes on', () => a.doc.getText('text').toString() === 'x')
    write(a, 'y')
    await until('both ways', () => b.doc.getText('text').toString() === 'xy')
  }))

test.run()
