/**
 * One document is attached to our provider and, by a stock y-websocket client, to the bridge of
 * another member of the same swarm: a loop. All agree, and then nobody sends anything.
 */
import * as assert from 'uvu/assert'
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { Agent } from '../../src/agent/agent.ts'
import { Bridge } from '../../src/bridge/index.ts'
import type { Failure } from '../../src/errors.ts'
import { editor } from '../helpers/bridge/clients.ts'
import { onStage, type Stage } from '../helpers/provider.ts'
import { Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'
import { contentOf, edit, newDoc } from './edits.ts'
import { areSame, CountingTransport, comeToRest, NO_ROUNDS, SWARM } from './swarm.ts'

const ROOM = 'notes'

/** Operations in a test, and in the burst at the end of it. */
const OPERATIONS = 300
const BURST = 50

/** An agent with a bridge, and the rest of the swarm. */
class Loop {
  readonly #stage: Stage
  readonly agent: Agent
  readonly #bridge: Bridge
  readonly #transports: CountingTransport[] = []
  readonly #editors: { close(): void }[] = []
  readonly #problems: Failure[] = []
  url = ''

  constructor(stage: Stage) {
    this.#stage = stage
    const transport = this.#transport('agent')
    this.agent = new Agent({ swarm: SWARM, transport, config: NO_ROUNDS })
    this.#bridge = new Bridge({
      port: 0,
      rooms: { open: (name) => this.agent.openRoom(name) },
      onProblem: (failure) => this.#problems.push(failure),
    })
  }

  async open(): Promise<void> {
    await this.agent.start()
    const { url } = await this.#bridge.listen()
    this.url = url
  }

  provider(name: string, doc: Y.Doc, options: { readonly awareness?: Awareness } = {}) {
    const via = this.#transport(name)
    return this.#stage.add(name, { via, doc, room: ROOM, config: NO_ROUNDS, ...options })
  }

  editor(doc: Y.Doc) {
    const made = editor(this.url, ROOM, { doc })
    this.#editors.push(made)
    return made.provider
  }

  /** Messages of the swarm and frames of the bridge. */
  sent(): number {
    const { framesIn, framesOut } = this.#bridge.stats()
    return this.#transports.reduce((sum, { sent }) => sum + sent, framesIn + framesOut)
  }

  /** What went wrong at the bridge. */
  trouble(): unknown {
    const { cut, refused } = this.#bridge.stats()
    return { cut, refused, problems: this.#problems.map(String) }
  }

  async close(): Promise<void> {
    for (const made of this.#editors) made.close()
    await this.#bridge.close()
    await this.agent.stop()
  }

  #transport(name: string): CountingTransport {
    const transport = new CountingTransport(this.#stage.hub, name)
    this.#transports.push(transport)
    return transport
  }
}

const onLoop = (run: (loop: Loop) => Promise<void>): Promise<void> =>
  onStage(async (stage) => {
    const loop = new Loop(stage)
    await loop.open()
    try {
      await run(loop)
    } finally {
      await loop.close()
    }
  })

const test = suite('conformance: y-websocket')

test('a document in a loop of both agrees with all others, and all come to rest', () =>
  onLoop(async (loop) => {
    const random = new Random(8)
    const [looped, member, edited] = [newDoc(), newDoc(), newDoc()]
    const providers = [loop.provider('looped', looped), loop.provider('member', member)]
    const editors = [loop.editor(looped), loop.editor(edited)]
    const { doc: served } = await loop.agent.openRoom(ROOM)
    const docs = [looped, member, edited, served]
    for (let i = 0; i < OPERATIONS; i++) {
      // The agent's document is written by others alone.
      edit(random.pick([looped, member, edited]), random)
      if (random.chance(0.2)) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await until('all agree', () => areSame(docs))
    await comeToRest('all', () => loop.sent())
    assert.ok(areSame(docs))
    for (const doc of docs.slice(1)) assert.equal(contentOf(doc), contentOf(looped))

    // One end is away and comes back while the other still carries everything.
    editors[0]!.disconnect()
    for (let i = 0; i < BURST; i++) edit(random.pick([looped, edited]), random)
    await until('by gossip alone', () => areSame(docs))
    editors[0]!.connect()
    providers[0]!.disconnect()
    for (let i = 0; i < BURST; i++) edit(random.pick([looped, member]), random)
    await until('by the bridge alone', () => areSame(docs))
    providers[0]!.connect()
    await until('both again', () => providers[0]!.synced && editors[0]!.synced)
    await comeToRest('all', () => loop.sent())
    assert.ok(areSame(docs))
    assert.equal(loop.trouble(), { cut: {}, refused: {}, problems: [] })
  }))

for (const isShared of [false, true]) {
  const how = isShared ? 'one awareness for both ways' : 'an awareness for each way'
  test(`each is shown once, with ${how}`, () =>
    onLoop(async (loop) => {
      const [looped, member, edited] = [newDoc(), newDoc(), newDoc()]
      const client = loop.editor(looped)
      const options = isShared ? { awareness: client.awareness } : {}
      const ofLooped: Awareness[] = [
        client.awareness,
        loop.provider('looped', looped, options).awareness,
      ]
      const others = [loop.editor(edited).awareness, loop.provider('member', member).awareness]
      const all = [...ofLooped, ...others]
      const namesOf = (one: Awareness) =>
        [...one.getStates().values()].map(({ name }) => name).sort()
      for (const turn of [1, 2, 3]) {
        for (const one of ofLooped) one.setLocalState({ name: `looped ${turn}` })
        for (const [index, one] of others.entries()) one.setLocalState({ name: `${index} ${turn}` })
        const expected = [`0 ${turn}`, `1 ${turn}`, `looped ${turn}`]
        await until(`all see ${expected}`, () =>
          all.every((one) => `${namesOf(one)}` === `${expected}`),
        )
      }
      await comeToRest('all', () => loop.sent())
      for (const one of all) assert.equal(namesOf(one), ['0 3', '1 3', 'looped 3'])
    }))
}

test.run()
