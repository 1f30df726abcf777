/**
 * One document is attached to our provider and to Hocuspocus at once: what comes by one network
 * goes out by the other, each change once, and then both are silent.
 */
import type { AddressInfo } from 'node:net'
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { Hocuspocus } from '@hocuspocus/server'
import * as assert from 'uvu/assert'
import { WebSocket, WebSocketServer } from 'ws'
import { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { onStage, type Stage } from '../helpers/provider.ts'
import { Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'
import { contentOf, edit, newDoc } from './edits.ts'
import { areSame, CountingTransport, comeToRest, NO_ROUNDS } from './swarm.ts'

const NAME = 'notes'

/** Operations in a test. */
const OPERATIONS = 300

/** A server on the loopback address, and its clients. */
class Site {
  readonly #hocuspocus = new Hocuspocus({ quiet: true })
  readonly #webSockets = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  readonly #clients: HocuspocusProvider[] = []
  /** Messages to and from all clients. */
  messages = 0

  async open(): Promise<void> {
    this.#webSockets.on('connection', (ws, request) =>
      this.#hocuspocus.handleConnection(ws, request),
    )
    await new Promise((resolve) => this.#webSockets.once('listening', resolve))
  }

  get doc(): Y.Doc | undefined {
    return this.#hocuspocus.documents.get(NAME)
  }

  /** Without an awareness nothing but the document is spoken of. */
  attach(doc: Y.Doc, awareness: Awareness | null = null): HocuspocusProvider {
    const { port } = this.#webSockets.address() as AddressInfo
    const websocketProvider = new HocuspocusProviderWebsocket({
      url: `ws://127.0.0.1:${port}`,
      WebSocketPolyfill: WebSocket,
    })
    const provider = new HocuspocusProvider({
      name: NAME,
      document: doc,
      awareness,
      websocketProvider,
      onMessage: () => this.messages++,
      onOutgoingMessage: () => this.messages++,
    })
    provider.attach()
    this.#clients.push(provider)
    return provider
  }

  async close(): Promise<void> {
    for (const provider of this.#clients) {
      provider.destroy()
      provider.configuration.websocketProvider.destroy()
    }
    this.#hocuspocus.closeConnections()
    for (const ws of this.#webSockets.clients) ws.terminate()
    await new Promise((resolve) => this.#webSockets.close(resolve))
  }
}

const onSite = async (run: (site: Site, stage: Stage) => Promise<void>): Promise<void> => {
  const site = new Site()
  await site.open()
  try {
    await onStage((stage) => run(site, stage))
  } finally {
    await site.close()
  }
}

const join = (stage: Stage, name: string, options: { doc?: Y.Doc; awareness?: Awareness } = {}) => {
  const via = new CountingTransport(stage.hub, name)
  const provider = stage.add(name, { doc: newDoc(), ...options, via, config: NO_ROUNDS })
  return { via, provider, doc: provider.doc }
}

const test = suite('conformance: Hocuspocus')

test('each change passes once, either way', () =>
  onSite(async (site, stage) => {
    const both = join(stage, 'both')
    const ours = join(stage, 'ours')
    const theirs = newDoc()
    let out = 0
    site.attach(both.doc).on('outgoingMessage', () => out++)
    site.attach(theirs)
    const docs = [both.doc, ours.doc, theirs]
    await Promise.all([both.provider.whenSynced, ours.provider.whenSynced])

    const sent = () => both.via.sent + ours.via.sent + site.messages
    await comeToRest('all', sent)

    /** How many updates `both` and `ours` then send to the swarm, and `both` to the server. */
    const pass = async (key: string, from: Y.Doc): Promise<number[]> => {
      const count = () => [both.via.updates.size, ours.via.updates.size, out]
      const before = count()
      from.getMap('map').set(key, 1)
      await until(`all have ${key}`, () => docs.every((doc) => doc.getMap('map').has(key)))
      await comeToRest('all', sent)
      return count().map((now, i) => now - before[i]!)
    }
    assert.equal(await pass('ours', ours.doc), [0, 1, 1])
    assert.equal(await pass('theirs', theirs), [1, 0, 0])
    assert.equal(await pass('both', both.doc), [1, 0, 1])
    assert.ok(areSame(docs))
  }))

test('two documents are attached to both: a loop that agrees and comes to rest', () =>
  onSite(async (site, stage) => {
    const random = new Random(6)
    const members = ['a', 'b', 'c'].map((name) => join(stage, name))
    const [a, b] = members
    const alone = newDoc()
    for (const doc of [a!.doc, b!.doc, alone]) site.attach(doc)
    const docs = [...members.map(({ doc }) => doc), alone]
    for (let i = 0; i < OPERATIONS; i++) {
      edit(random.pick(docs), random)
      if (random.chance(0.2)) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await until('all agree', () => site.doc !== undefined && areSame([...docs, site.doc]))
    await comeToRest('all', () => members.reduce((sum, { via }) => sum + via.sent, site.messages))
    assert.ok(areSame([...docs, site.doc!]))
    for (const doc of docs.slice(1)) assert.equal(contentOf(doc), contentOf(docs[0]!))
  }))

test('an awareness that both share shows each side the other', () =>
  onSite(async (site, stage) => {
    const doc = newDoc()
    const awareness = new Awareness(doc)
    const both = join(stage, 'both', { doc, awareness })
    const ours = join(stage, 'ours')
    const theirs = newDoc()
    site.attach(doc, awareness)
    const other = new Awareness(theirs)
    site.attach(theirs, other)
    awareness.setLocalState({ name: 'both' })
    ours.provider.awareness.setLocalState({ name: 'ours' })
    other.setLocalState({ name: 'theirs' })
    const all = [awareness, ours.provider.awareness, other]
    const namesOf = (one: Awareness) => [...one.getStates().values()].map(({ name }) => name).sort()
    await until('everybody sees everybody', () => all.every((one) => namesOf(one).length === 3))
    for (const one of all) assert.equal(namesOf(one), ['both', 'ours', 'theirs'])
    await comeToRest('all', () => both.via.sent + ours.via.sent + site.messages)
    await ours.provider.destroy()
    await until('it is gone over there', () => namesOf(other).length === 2)
    assert.equal(namesOf(other), ['both', 'theirs'])
  }))

test.run()
