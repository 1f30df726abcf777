/** Subdocuments have a room of their own while they are loaded. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import type { PilotGossipProvider } from '../../src/provider/index.ts'
import { eventsOf, onStage, textOf, turns } from '../helpers/provider.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('provider: subdocuments')

const subsOf = ({ doc }: { readonly doc: Y.Doc }): Y.Map<Y.Doc> => doc.getMap('subs')

const put = (provider: PilotGossipProvider, guid: string, autoload: boolean): Y.Doc => {
  const doc = new Y.Doc({ guid, autoLoad: autoload })
  subsOf(provider).set(guid, doc)
  return doc
}

test('shares a subdocument with autoLoad at once', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    const events: string[] = []
    b.on('subdoc', ({ guid, doc, provider }) => {
      assert.is(provider.doc, doc)
      events.push(`${guid} in ${provider.room}`)
    })
    const sub = put(a, 'one', true)
    sub.getText('text').insert(0, 'sub')
    await until('b has the subdocument', () => b.subdocs.has('one'))
    await until('and its text', () => textOf(b.subdocs.get('one')!) === 'sub')
    assert.equal(events, ['one in room/one'])
    assert.is(subsOf(b).get('one'), b.subdocs.get('one')?.doc)
    b.subdocs.get('one')?.doc.getText('text').insert(3, '!')
    await until('a has it', () => sub.getText('text').toString() === 'sub!')
    await until('it is synced', () => subsOf(b).get('one')?.isSynced === true)
  }))

test('shares a subdocument only once it is loaded', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    const sub = put(a, 'one', false)
    sub.load()
    sub.getText('text').insert(0, 'sub')
    await until('b has it', () => subsOf(b).has('one'))
    assert.is(b.subdocs.size, 0)
    subsOf(b).get('one')!.load()
    await until('its text', () => subsOf(b).get('one')?.getText('text').toString() === 'sub')
  }))

test('shares subdocuments that exist when the provider is created', () =>
  onStage(async (stage) => {
    const doc = new Y.Doc()
    const sub = new Y.Doc({ guid: 'one', autoLoad: true })
    doc.getMap('subs').set('one', sub)
    doc.getMap('subs').set('two', new Y.Doc({ guid: 'two', shouldLoad: false }))
    const a = stage.add('a', { doc, connect: false })
    assert.is(a.subdocs.get('one')?.doc, sub)
    assert.equal([...a.subdocs.keys()], ['one'])
    assert.is(a.subdocs.get('one')?.shouldConnect, false, 'as the one above')
  }))

test('ends with a subdocument that is removed or unloaded, and shares it again once it is loaded', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    const sub = put(a, 'one', true)
    const provider = a.subdocs.get('one')!
    await until('connected', () => provider.connected)
    const events = eventsOf(provider)
    sub.destroy() // unloads it: Yjs puts another object in its place
    assert.is(a.subdocs.size, 0)
    await until('it has ended', () => events.includes('destroy'))
    const again = subsOf(a).get('one')!
    assert.is.not(again, sub)
    again.load()
    await until('it is back', () => a.subdocs.get('one')?.connected === true)
    subsOf(a).delete('one')
    assert.is(a.subdocs.size, 0)
  }))

test('names the room of a nested subdocument by all guids above it', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    const sub = put(a, 'one', true)
    const inner = new Y.Doc({ guid: 'two', autoLoad: true })
    sub.getMap('subs').set('two', inner)
    inner.getText('text').insert(0, 'deep')
    const find = (): PilotGossipProvider | undefined => b.subdocs.get('one')?.subdocs.get('two')
    await until('b has it', () => find() !== undefined)
    assert.is(find()?.room, 'room/one/two')
    await until('its text', () => textOf(find()!) === 'deep')
    await a.destroy()
    assert.equal(stage.hub.addresses, ['b'])
  }))

test('connects and disconnects with the parent document', () =>
  onStage(async (stage) => {
    const a = stage.add('a', { connect: false })
    put(a, 'one', true)
    await turns()
    assert.equal(stage.hub.addresses, [])
    const sub = a.subdocs.get('one')!
    assert.is(sub.status, 'disconnected')
    a.connect()
    await until('both', () => a.connected && sub.connected)
    a.disconnect()
    assert.is(sub.status, 'disconnected')
  }))

test('reports an invalid name, and goes on', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    await b.whenSynced
    const events = eventsOf(b)
    put(a, 'x'.repeat(300), true)
    put(a, 'good', true)
    await until('reported', () => events.includes('error invalid_argument'))
    await until('the other is there', () => b.subdocs.has('good'))
    assert.is(events.filter((line) => line.startsWith('problem')).length, 0)
    assert.is(b.connected, true)
  }))

test('opens no rooms with subdocs: false', () =>
  onStage(async (stage) => {
    const a = stage.add('a', { subdocs: false })
    put(a, 'one', true)
    await turns()
    assert.is(a.subdocs.size, 0)
  }))

test('inherits awareness: false, but not an awareness of the program', () =>
  onStage(async (stage) => {
    const a = stage.add('a', { awareness: false })
    put(a, 'one', true)
    assert.throws(() => a.subdocs.get('one')?.awareness, /without awareness/)
    const { Awareness } = await import('y-protocols/awareness')
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    const b = stage.add('b', { doc, awareness })
    put(b, 'one', true)
    assert.is(b.awareness, awareness)
    assert.is.not(b.subdocs.get('one')?.awareness, awareness)
    awareness.destroy()
  }))

test.run()
