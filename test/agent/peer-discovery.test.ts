/** How an agent finds its peers, and that it is not one of them. */
import * as assert from 'uvu/assert'
import { Agent } from '../../src/agent/agent.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('peer discovery')

/** A hub whose transports have names besides their addresses. */
class NamedTransport extends MemoryTransport {
  override async resolve(name: string): Promise<string> {
    return name.replace(/^name-of-/, '')
  }
}

test('does not count its own address or name among the given peers', async () => {
  const hub = new MemoryHub()
  const peers = ['a', 'name-of-a', 'b', 'name-of-b']
  const problems: unknown[] = []
  const agents = ['a', 'b'].map(
    (name) =>
      new Agent({
        swarm: 'kv',
        transport: new NamedTransport(hub, name),
        peers, // one list for all of them
        onProblem: (problem) => problems.push(problem),
      }),
  )
  const [a, b] = agents as [Agent, Agent]
  try {
    await b.start()
    await a.start()
    assert.equal(a.runtime.given, ['b', 'name-of-b'])
    assert.equal(b.runtime.given, ['a', 'name-of-a'])
    await until('them to have met', () => a.peers()[0]?.lastHeard != null)
    assert.equal(
      a.peers().map(({ address }) => address),
      ['b'],
    )
    // The first one started before the other one existed.
    assert.equal(
      problems.filter((problem) => !/connection_failed/.test(JSON.stringify(problem))),
      [],
    )
  } finally {
    for (const agent of agents) await agent.stop()
  }
})

test.run()
