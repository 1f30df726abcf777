/**
 * A data folder that is set back to an earlier state without a trace, as in a virtual machine or from a
 * snapshot of the file system: changes that were made under its writer id meanwhile, and changes that
 * it makes before a peer shows those, are both on all agents in the end.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Agent, type Problem } from '../../src/agent/agent.ts'
import {
  appendEntry,
  incrementEntry,
  readEntries,
  useClock,
  writeEntry,
} from '../../src/maps/index.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { agentIn } from '../helpers/agent.ts'
import { inFolder } from '../helpers/folder.ts'
import { onStage, textOf, write } from '../helpers/provider.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('agent fork')

const agree = (...agents: Agent[]): Promise<unknown> =>
  until('one state', () => {
    const entries = agents.map(({ doc }) => JSON.stringify(readEntries(doc, 'state')))
    const digests = agents.map((agent) => agent.status().digest)
    return new Set(digests).size === 1 && new Set(entries).size === 1
  })

/** Removes the place, as in an older format or in a virtual machine that was set back: the copy cannot be detected. */
const forgetPlace = (dir: string): void => {
  const path = join(dir, 'writer.json')
  const { place: _, ...record } = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify(record))
}

interface Plot {
  /** Writes before the copy is made. */
  readonly before?: (agent: Agent) => void
  /** Writes of the agent that goes on. */
  readonly original: (agent: Agent) => void
  /** Writes of the agent on the restored folder, in its first milliseconds. */
  readonly restored: (agent: Agent) => void
  readonly expected: Record<string, unknown>
}

/** Stops the agent, copies its folder, starts it and writes, restores the copy, and writes at once. */
const play = ({ before, original, restored, expected }: Plot) =>
  inFolder(async (dir) => {
    const [data, backup] = [join(dir, 'a'), join(dir, 'backup')]
    const peer = agentIn(dir, 'peer')
    await peer.start()
    const first = agentIn(dir, 'a')
    await first.start()
    before?.(first)
    writeEntry(first.doc, 'state', 'old', 0)
    await agree(first, peer)
    await first.stop()
    cpSync(data, backup, { recursive: true })
    const second = agentIn(dir, 'a')
    await second.start()
    original(second)
    await agree(second, peer)
    const writer = second.doc.clientID
    await second.stop()
    rmSync(data, { recursive: true })
    cpSync(backup, data, { recursive: true })
    forgetPlace(data)
    const problems: Problem[] = []
    const third = agentIn(dir, 'a', problems)
    await third.start()
    assert.is(third.doc.clientID, writer, 'it was detected in another way')
    restored(third)
    await third.flushed()
    await until('all of it', () => {
      const found = readEntries(third.doc, 'state')
      return Object.keys(expected).every((key) => key in found)
    })
    await agree(third, peer)
    assert.equal(readEntries(third.doc, 'state'), { old: 0, ...expected })
    assert.equal(readEntries(peer.doc, 'state'), { old: 0, ...expected })
    assert.is.not(third.doc.clientID, writer)
    assert.ok(problems.some(({ type }) => type === 'refused'))
    // It is the same on disk.
    const { digest } = third.status()
    const own = third.doc.clientID
    await third.stop()
    const fourth = agentIn(dir, 'a')
    await fourth.start()
    assert.is(fourth.doc.clientID, own)
    assert.is(fourth.status().digest, digest)
    assert.equal(readEntries(fourth.doc, 'state'), { old: 0, ...expected })
    writeEntry(fourth.doc, 'state', 'after', 1)
    await until('the peer has it', () => 'after' in readEntries(peer.doc, 'state'))
    await agree(fourth, peer)
    await fourth.stop()
    await peer.stop()
  })

const each = (count: number, run: (i: number) => void): void => {
  for (let i = 0; i < count; i++) run(i)
}

const keys = (name: string, count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}-${i}`, i]))

const set = ({ doc }: Agent, name: string, count: number, hot = false): void =>
  each(count, (i) => writeEntry(doc, 'state', `${name}-${i}`, i, { hot }))

test('merges 20 sets and 20 increments with 5 sets', () =>
  play({
    original: (agent) => {
      set(agent, 'theirs', 20)
      each(20, () => incrementEntry(agent.doc, 'state', 'n'))
    },
    restored: (agent) => set(agent, 'ours', 5),
    expected: { ...keys('theirs', 20), ...keys('ours', 5), n: 20 },
  }))

test('adds up increments on both sides of a shared counter', () =>
  play({
    before: ({ doc }) => each(3, () => incrementEntry(doc, 'state', 'n')),
    original: ({ doc }) => each(20, () => incrementEntry(doc, 'state', 'n')),
    restored: ({ doc }) => each(5, () => incrementEntry(doc, 'state', 'n')),
    expected: { n: 28 },
  }))

test('keeps increments on one side of a shared counter, and sets on the other', () =>
  play({
    before: ({ doc }) => each(3, () => incrementEntry(doc, 'state', 'n')),
    original: (agent) => set(agent, 'theirs', 4),
    restored: ({ doc }) => each(5, () => incrementEntry(doc, 'state', 'n')),
    expected: { ...keys('theirs', 4), n: 8 },
  }))

test('adds up a counter that is new to both, and counters over plain and hot values', () =>
  play({
    before: ({ doc }) => {
      writeEntry(doc, 'state', 'plain', 100)
      writeEntry(doc, 'state', 'hot', 1000, { hot: true })
    },
    original: ({ doc }) =>
      each(4, () => {
        for (const key of ['n', 'plain', 'hot']) incrementEntry(doc, 'state', key)
      }),
    restored: ({ doc }) =>
      each(2, () => {
        for (const key of ['n', 'plain', 'hot']) incrementEntry(doc, 'state', key, 10)
      }),
    expected: { n: 24, plain: 124, hot: 1024 },
  }))

test('keeps a counter over a value that was set meanwhile', () =>
  play({
    original: (agent) => set(agent, 'theirs', 9),
    restored: ({ doc }) => {
      for (const hot of [false, true]) {
        writeEntry(doc, 'state', `base ${hot}`, 5, { hot })
        each(3, () => incrementEntry(doc, 'state', `base ${hot}`))
      }
    },
    expected: { ...keys('theirs', 9), 'base false': 8, 'base true': 8 },
  }))

test('merges hot values, and lists to which both append', () =>
  play({
    before: ({ doc }) => appendEntry(doc, 'state', 'list', 'old'),
    original: (agent) => {
      set(agent, 'theirs', 3, true)
      appendEntry(agent.doc, 'state', 'list', 'theirs')
    },
    restored: (agent) => {
      set(agent, 'ours', 3, true)
      appendEntry(agent.doc, 'state', 'list', 'ours')
    },
    expected: { ...keys('theirs', 3), ...keys('ours', 3), list: ['old', 'theirs', 'ours'] },
  }))

test('merges as many writes on both sides, so that their clocks are equal', () =>
  play({
    original: (agent) => set(agent, 'theirs', 5),
    restored: (agent) => set(agent, 'ours', 5),
    expected: { ...keys('theirs', 5), ...keys('ours', 5) },
  }))

test('detects the fork without a write of its own', () =>
  play({
    original: (agent) => set(agent, 'theirs', 5),
    restored: () => undefined,
    expected: keys('theirs', 5),
  }))

test('merges both into a text that the program holds', () =>
  inFolder(async (dir) => {
    const [data, backup] = [join(dir, 'a'), join(dir, 'backup')]
    const peer = agentIn(dir, 'peer')
    await peer.start()
    const lives = async (run: (agent: Agent) => Promise<void>) => {
      const agent = agentIn(dir, 'a')
      await agent.start()
      await run(agent)
      await agent.stop()
    }
    const text = ({ doc }: Agent) => doc.getText('text')
    await lives(async (agent) => {
      text(agent).insert(0, 'old.')
      await agree(agent, peer)
    })
    cpSync(data, backup, { recursive: true })
    await lives(async (agent) => {
      text(agent).insert(4, ' theirs.')
      await agree(agent, peer)
    })
    rmSync(data, { recursive: true })
    cpSync(backup, data, { recursive: true })
    forgetPlace(data)
    await lives(async (agent) => {
      const held = text(agent)
      held.insert(4, ' ours.')
      held.format(0, 3, { bold: true })
      await until('both', () => /theirs/.test(held.toString()))
      held.insert(held.length, ' end.')
      await until('the peer has all', () => text(peer).toString() === held.toString())
      assert.match(held.toString(), /^old\.( ours\. theirs\.| theirs\. ours\.) end\.$/)
      assert.equal(text(peer).toDelta(), held.toDelta())
      await agree(agent, peer)
    })
    await peer.stop()
  }))

test('status shows withheld changes, which are published after a while without a peer', () =>
  inFolder(async (dir) => {
    const first = agentIn(dir, 'a')
    await first.start()
    writeEntry(first.doc, 'state', 'k', 1)
    await first.stop()
    const second = agentIn(dir, 'a')
    await second.start()
    writeEntry(second.doc, 'state', 'l', 2)
    assert.equal(readEntries(second.doc, 'state'), { k: 1, l: 2 })
    await second.flushed()
    const { withheld } = second.status()
    assert.ok(withheld && withheld.changes >= 1)
    assert.ok(Date.parse(withheld.until) > 0)
    await until('the end of it', () => second.status().withheld === undefined)
    assert.is(second.status().isUnproven, true)
    const peer = agentIn(dir, 'peer')
    await peer.start()
    await agree(second, peer)
    await until('that the peer has it', () => second.status().isUnproven === undefined)
    await second.stop()
    await peer.stop()
  }))

test('an agent that stops right after its first write sends it to a known peer', () =>
  inFolder(async (dir) => {
    const peer = agentIn(dir, 'peer')
    await peer.start()
    for (let life = 0; life < 3; life++) {
      const agent = agentIn(dir, 'a')
      await agent.start()
      await until('a peer', () => agent.peers().length > 0)
      writeEntry(agent.doc, 'state', `life ${life}`, life)
      await agent.stop()
      await until('the peer has it', () => `life ${life}` in readEntries(peer.doc, 'state'))
    }
    await peer.stop()
  }))

/** Two documents with one writer id. */
const twins = (count: number): Y.Doc[] =>
  Array.from({ length: count }, () => {
    const doc = new Y.Doc()
    doc.clientID = 4711
    return doc
  })

for (const [name, counts] of Object.entries({ 'as much': [5, 5], 'more and less': [3, 7] })) {
  // In one millisecond both give their elements the same stamps: only what was written before differs.
  for (const isOneMoment of [false, true]) {
    const when = isOneMoment ? 'in one millisecond' : 'one after the other'
    test(`two documents with one id that wrote before they met, ${name}, ${when}: loses nothing`, async () => {
      const hub = new MemoryHub()
      const now = Date.now()
      const agents = twins(2).map((doc, i) => {
        if (isOneMoment) useClock(doc, () => now)
        const agent = new Agent({
          swarm: 'kv',
          doc,
          transport: new MemoryTransport(hub, `agent-${i}`),
          peers: i > 0 ? ['agent-0'] : [],
          config: { intervalMs: 200, backoffMs: 100 },
        })
        set(agent, `of ${i}`, counts[i]!)
        each(counts[i]!, () => {
          incrementEntry(doc, 'state', 'n')
          appendEntry(doc, 'state', 'list', 'x')
        })
        return agent
      })
      try {
        for (const agent of agents) await agent.start()
        await until('all of it', () =>
          agents.every(
            ({ doc }) =>
              Object.keys(readEntries(doc, 'state')).length === counts[0]! + counts[1]! + 2,
          ),
        )
        await agree(...agents)
        const list = Array.from({ length: 10 }, () => 'x')
        const expected = { ...keys('of 0', counts[0]!), ...keys('of 1', counts[1]!), n: 10, list }
        for (const { doc } of agents) assert.equal(readEntries(doc, 'state'), expected)
      } finally {
        await Promise.all(agents.map((agent) => agent.stop()))
      }
    })
  }
}

test('a document with the same id that joins when peers have the first: loses nothing', async () => {
  const hub = new MemoryHub()
  const [one, late, third] = [...twins(2), new Y.Doc()].map((doc, i) => {
    const agent = new Agent({
      swarm: 'kv',
      doc,
      transport: new MemoryTransport(hub, `agent-${i}`),
      peers: ['agent-0', 'agent-1', 'agent-2'],
      config: { intervalMs: 200, backoffMs: 100 },
    })
    set(agent, `of ${i}`, 4)
    set(agent, `hot ${i}`, 2, true)
    each(3, () => incrementEntry(doc, 'state', 'n'))
    appendEntry(doc, 'state', 'list', i)
    return agent
  }) as [Agent, Agent, Agent]
  const all = [one, late, third]
  const names = [0, 1, 2]
  const sets = names.map((i) => ({ ...keys(`of ${i}`, 4), ...keys(`hot ${i}`, 2) }))
  const listOf = ({ list }: Record<string, unknown>) => [...((list ?? []) as number[])].sort()
  try {
    await third.start()
    await one.start()
    await until('the third has the first', () => readEntries(third.doc, 'state').n === 6)
    await agree(one, third)
    await late.start()
    const isAll = ({ doc }: Agent): boolean => {
      const found = readEntries(doc, 'state')
      return Object.keys(found).length === 20 && listOf(found).length === 3 && found.n === 9
    }
    await until('all of it', () => all.every(isAll))
    await agree(...all)
    const expected = Object.assign({}, ...sets, { n: 9, list: names })
    for (const { doc } of all) {
      const found = readEntries(doc, 'state')
      assert.equal({ ...found, list: listOf(found) }, expected)
    }
    assert.is(one.doc.clientID, 4711)
    assert.is.not(late.doc.clientID, 4711)
  } finally {
    await Promise.all(all.map((agent) => agent.stop()))
  }
})

test('status, peers and problems show that others wrote under one id', async () => {
  const hub = new MemoryHub()
  const problems: Problem[] = []
  const agents = ['one', 'another'].map((value, i) => {
    const writer = new Y.Doc()
    writer.clientID = 7
    writeEntry(writer, 'state', 'k', value)
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(writer))
    return new Agent({
      swarm: 'kv',
      doc,
      transport: new MemoryTransport(hub, `agent-${i}`),
      peers: i > 0 ? ['agent-0'] : [],
      config: { intervalMs: 200, backoffMs: 100 },
      onProblem: (problem) => problems.push(problem),
    })
  })
  try {
    for (const agent of agents) await agent.start()
    const isNamed = (agent: Agent): boolean => agent.status().diverged?.[0]?.writers.length === 1
    await until('both name the writer', () => agents.every(isNamed))
    const [one, other] = agents.map((agent) => agent.status())
    assert.is(one!.digest, other!.digest)
    assert.equal(one!.diverged, [{ peer: 'agent-1', writers: [7] }])
    assert.equal(other!.diverged, [{ peer: 'agent-0', writers: [7] }])
    for (const agent of agents) assert.is(agent.peers()[0]?.inSync, false)
    const reported = problems.flatMap((one) => (one.type === 'diverged' ? [one] : []))
    assert.equal(reported.map(({ from }) => from).sort(), ['agent-0', 'agent-1'])
    for (const { writers, document } of reported) assert.equal([document, ...writers], ['kv', 7])
    // A new write of the key makes them equal.
    writeEntry(agents[0]!.doc, 'state', 'k', 'new')
    await until('one value', () => readEntries(agents[1]!.doc, 'state').k === 'new')
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()))
  }
})

test('two providers with one id that wrote before they met: loses nothing', () =>
  onStage(async (stage) => {
    const [one, other] = twins(2).map((doc, i) => stage.add(`p${i}`, { doc, connect: false }))
    write(one!, 'one')
    write(other!, 'two')
    one!.connect()
    other!.connect()
    await until('both have both', () =>
      [one!, other!].every((each) => /one/.test(textOf(each)) && /two/.test(textOf(each))),
    )
    await until('one text', () => textOf(one!) === textOf(other!))
  }))

test.run()
