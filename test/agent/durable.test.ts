/**
 * An agent with a data folder: acknowledged changes survive its end, however it ends, and it keeps its
 * writer id unless that may be unsafe. A disk that fails is reported, and loses nothing. (For ends by
 * SIGKILL see `tools/crash`.)
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { decodePush } from '../../crdt/index.ts'
import { Agent, type Problem } from '../../src/agent/agent.ts'
import { ControlClient } from '../../src/control/client.ts'
import { ControlServer } from '../../src/control/server.ts'
import { serveAgent } from '../../src/control/service.ts'
import { isFailure } from '../../src/errors.ts'
import { nodeDisk } from '../../src/fs/disk.ts'
import { readEntries, writeEntry } from '../../src/maps/index.ts'
import { COMPACT_BYTES } from '../../src/store/compaction.ts'
import type { DataFolder } from '../../src/store/data-folder.ts'
import { Identity } from '../../src/store/identity.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import type { Store } from '../../src/store/store.ts'
import { MailboxTransport } from '../../src/transports/mailbox/mailbox.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { FaultyDisk, type Operation, readOnly } from '../fixtures/store/faulty-disk.ts'
import { agentIn } from '../helpers/agent.ts'
import { settle } from '../helpers/fake-timers.ts'
import { inFolder } from '../helpers/folder.ts'
import { gate } from '../helpers/gate.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'
import { KEYS, runEndurance } from '../tools/endurance.ts'

const test = suite('durable agent')

const agree = (...agents: Agent[]): Promise<unknown> =>
  until('one digest', () => new Set(agents.map((agent) => agent.status().digest)).size === 1)

test('has its document after a restart, under the same writer id', () =>
  inFolder(async (dir) => {
    const before = agentIn(dir, 'a')
    await before.start()
    writeEntry(before.doc, 'state', 'k', { deep: [1] })
    await before.flushed()
    const writer = before.doc.clientID
    const { digest } = before.status()
    await before.stop()
    const after = agentIn(dir, 'a')
    await after.start()
    assert.is(after.doc.clientID, writer)
    assert.equal(readEntries(after.doc, 'state'), { k: { deep: [1] } })
    assert.is(after.status().digest, digest)
    await after.stop()
  }))

test('stores what it received', () =>
  inFolder(async (dir) => {
    const [a, b] = [agentIn(dir, 'a'), agentIn(dir, 'b')]
    await a.start()
    await b.start()
    writeEntry(a.doc, 'state', 'k', 1)
    await until('b has it', () => b.doc.getMap('state').get('k') === 1)
    await b.flushed()
    await a.stop()
    await b.stop()
    const again = agentIn(dir, 'b')
    await again.start()
    assert.equal(readEntries(again.doc, 'state'), { k: 1 })
    await again.stop()
  }))

test('sends a write only after it is on disk, also in a room without batches', () =>
  inFolder(async (dir) => {
    const hub = new MemoryHub()
    const transport = new MemoryTransport(hub, 'a')
    const updates: string[] = []
    const send = transport.send.bind(transport)
    transport.send = async (to, text) => {
      if (decodePush(text, 'kv').state.get('notes')?.update) updates.push(text)
      await send(to, text)
    }
    const disk = gate()
    const kept = dataFolder(join(dir, 'a'))
    const storeOf = (name: string): Store => {
      const store = kept.storeOf!(name)
      const append = store.append.bind(store)
      store.append = async (update) => {
        await disk.promise
        await append(update)
      }
      return store
    }
    const data = { ...kept, storeOf }
    // Without a batch the write itself causes the push.
    const a = new Agent({ swarm: 'kv', transport, data, config: { batchMs: 0 } })
    const b = new Agent({ swarm: 'kv', transport: new MemoryTransport(hub, 'b') })
    try {
      await a.start()
      await b.start()
      const [ours, theirs] = [await a.openRoom('notes'), await b.openRoom('notes')]
      // During a send to the peer, the write would go with the next message.
      await until('a may push to b at once', () => {
        const { gossip } = a.runtime
        return gossip && !gossip.isBusy && [...gossip.peersOf('notes')].length === 1
      })
      writeEntry(ours.doc, 'state', 'k', 1)
      await settle()
      assert.is(updates.length, 0)
      disk.open()
      await until('b has it', () => theirs.doc.getMap('state').get('k') === 1)
      assert.ok(updates.length > 0)
    } finally {
      disk.open()
      await a.stop()
      await b.stop()
    }
  }))

test('refuses a second agent on its folder', () =>
  inFolder(async (dir) => {
    const first = agentIn(dir, 'a')
    await first.start()
    const second = new Agent({
      swarm: 'kv',
      transport: new MailboxTransport({ dir: join(dir, 'mail'), address: 'other' }),
      data: dataFolder(join(dir, 'a')),
    })
    await rejects(() => second.start(), /already_exists/)
    await first.stop()
  }))

/** Removes the place, as in an older format or in a virtual machine that was set back: the copy cannot be detected. */
const forgetPlace = (dir: string): void => {
  const path = join(dir, 'writer.json')
  const { place: _, ...record } = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify(record))
}

test('takes a new writer id when a peer shows that its folder is a copy, and loses nothing', () =>
  inFolder(async (dir) => {
    const problems: Problem[] = []
    const before = agentIn(dir, 'a')
    await before.start()
    writeEntry(before.doc, 'state', 'old', 1)
    await before.stop()
    cpSync(join(dir, 'a'), join(dir, 'backup'), { recursive: true })
    // It goes on, and its peer receives that.
    const peer = agentIn(dir, 'peer')
    await peer.start()
    const later = agentIn(dir, 'a')
    await later.start()
    writeEntry(later.doc, 'state', 'later', 2)
    await agree(later, peer)
    const writer = later.doc.clientID
    await later.stop()
    forgetPlace(join(dir, 'backup'))
    // Then the folder is set back. (Changes before any contact with a peer could not be repaired: two
    // writes of one clock look the same.)
    const restored = agentIn(dir, 'a', problems, dataFolder(join(dir, 'backup')))
    await restored.start()
    await until('a new writer id', () => restored.doc.clientID !== writer)
    writeEntry(restored.doc, 'state', 'new', 4)
    await until('the restored agent has what it forgot', () =>
      restored.doc.getMap('state').has('later'),
    )
    assert.ok(
      problems.some((problem) => problem.type === 'refused' && problem.reason === 'own_clock'),
    )
    await until('the peer has the new write', () => peer.doc.getMap('state').get('new') === 4)
    await restored.stop()
    await peer.stop()
  }))

/** An agent on a disk that can be made to fail, and what it has sent. */
const onFaultyDisk = (dir: string, name: string) => {
  const disk = new FaultyDisk(nodeDisk)
  const data = join(dir, name)
  const folder: DataFolder = {
    store: new LogStore({ dir: join(data, 'log'), disk }),
    identity: new Identity({ dir: data, disk }),
  }
  const problems: Problem[] = []
  const sent: string[] = []
  const transport = new MailboxTransport({ dir: join(dir, 'mail'), address: name })
  const send = transport.send.bind(transport)
  transport.send = (to, text) => {
    sent.push(text)
    return send(to, text)
  }
  const agent = new Agent({
    swarm: 'kv',
    transport,
    data: folder,
    config: { intervalMs: 300, backoffMs: 100 },
    onProblem: (problem) => problems.push(problem),
  })
  const failures = (type: Problem['type'], message: RegExp) =>
    problems.filter(
      (problem) =>
        problem.type === type && 'failure' in problem && message.test(problem.failure.message),
    )
  return { agent, disk, folder, data, sent, failures }
}

/** Every file that grows is refused after a few bytes. */
const full = (disk: FaultyDisk): void => {
  disk.space = 10
}

const troubles: readonly {
  readonly name: string
  readonly begin: (disk: FaultyDisk) => void
  readonly code: 'disk_full' | 'permission_denied'
  readonly hint: RegExp
}[] = [
  { name: 'full', begin: full, code: 'disk_full', hint: /^free some space/ },
  {
    name: 'read-only',
    begin: (disk) => {
      disk.refuse = readOnly
    },
    code: 'permission_denied',
    hint: /^make that file system writable/,
  },
  {
    name: 'full at the flush',
    begin: (disk) => {
      disk.refuse = (operation) => (operation === 'sync' ? 'ENOSPC' : undefined)
    },
    code: 'disk_full',
    hint: /^free some space/,
  },
]

const recover = (disk: FaultyDisk): void => {
  disk.space = Number.POSITIVE_INFINITY
  disk.refuse = () => undefined
}

for (const { name, begin, code, hint } of troubles) {
  test(`a disk that is ${name}: is reported; reads go on, nothing is published, and later writes work`, () =>
    inFolder(async (dir) => {
      const { agent: a, disk, sent, failures } = onFaultyDisk(dir, 'a')
      const b = agentIn(dir, 'b')
      await a.start()
      await b.start()
      writeEntry(a.doc, 'state', 'k', 1)
      await agree(a, b)

      begin(disk)
      writeEntry(a.doc, 'state', 'k', 2)
      const error = await rejects(() => a.flushed(), new RegExp(`^${code} cannot `))
      assert.ok(isFailure(error, code))
      assert.match(error.hint ?? '', hint)
      const before = sent.length
      assert.equal(readEntries(a.doc, 'state'), { k: 2 })
      // It also receives what others write.
      writeEntry(b.doc, 'state', 'theirs', true)
      await until('a has what b wrote', () => a.doc.getMap('state').get('theirs') === true)
      await until('a has tried to send', () => failures('send', /^cannot /).length >= 2)
      await rejects(() => a.flushed(), new RegExp(`^${code} cannot `))
      assert.is(sent.length, before, 'it sent what is not on disk')
      assert.is(b.doc.getMap('state').get('k'), 1)

      recover(disk)
      writeEntry(a.doc, 'state', 'l', 3)
      await a.flushed()
      await agree(a, b)
      const all = { k: 2, l: 3, theirs: true }
      assert.equal(readEntries(b.doc, 'state'), all)
      const writer = a.doc.clientID
      await a.stop()
      const problems: Problem[] = []
      const again = agentIn(dir, 'a', problems)
      await again.start()
      assert.equal(readEntries(again.doc, 'state'), all)
      assert.is(again.doc.clientID, writer)
      assert.equal(problems, [])
      await again.stop()
      await b.stop()
    }))
}

test('stop saves what was refused if the disk works by then', () =>
  inFolder(async (dir) => {
    const { agent: a, disk, failures } = onFaultyDisk(dir, 'a')
    await a.start()
    full(disk)
    writeEntry(a.doc, 'state', 'k', 1)
    await rejects(() => a.flushed(), /^disk_full /)
    recover(disk)
    await a.stop()
    assert.equal(failures('store', /./), [])
    const again = agentIn(dir, 'a')
    await again.start()
    assert.equal(readEntries(again.doc, 'state'), { k: 1 })
    await again.stop()
  }))

test('the control socket reports a full disk, and get goes on', () =>
  inFolder(async (dir) => {
    const { agent: a, disk, data } = onFaultyDisk(dir, 'a')
    await a.start()
    const server = new ControlServer({ dir: data, handle: serveAgent(a) })
    await server.open()
    const client = new ControlClient(data)
    await client.ask({ command: 'set', key: 'k', value: 1 })
    full(disk)
    const error = await rejects(
      () => client.ask({ command: 'set', key: 'l', value: 'x'.repeat(100) }),
      /^disk_full cannot write to the store in ".*log": ENOSPC/,
    )
    assert.ok(isFailure(error))
    assert.match(error.hint ?? '', /^free some space/)
    assert.is((await client.ask({ command: 'get', key: 'k' })).value, 1)
    recover(disk)
    await client.ask({ command: 'set', key: 'm', value: 2 })
    await server.close()
    await a.stop()
    const again = agentIn(dir, 'a')
    await again.start()
    assert.equal(readEntries(again.doc, 'state'), { k: 1, l: 'x'.repeat(100), m: 2 })
    await again.stop()
  }))

test('stores writes, but does not send them, if the published clock cannot be stored', () =>
  inFolder(async (dir) => {
    const { agent: a, disk, failures } = onFaultyDisk(dir, 'a')
    const b = agentIn(dir, 'b')
    await a.start()
    await b.start()
    writeEntry(a.doc, 'state', 'k', 1)
    await agree(a, b)
    disk.refuse = (_, path) => (path.includes('writer.json') ? 'ENOSPC' : undefined)
    writeEntry(a.doc, 'state', 'k', 2)
    await a.flushed()
    await until('a has tried to send', () => failures('send', /writer\.json/).length >= 2)
    assert.is(b.doc.getMap('state').get('k'), 1)
    recover(disk)
    await agree(a, b)
    assert.is(b.doc.getMap('state').get('k'), 2)
    await a.stop()
    await b.stop()
  }))

test('rejects on a disk that is full at the first start, and the next start works', () =>
  inFolder(async (dir) => {
    const { agent, disk } = onFaultyDisk(dir, 'a')
    full(disk)
    await rejects(() => agent.start(), /^disk_full cannot write ".*writer\.json": ENOSPC/)
    const again = agentIn(dir, 'a')
    await again.start()
    writeEntry(again.doc, 'state', 'k', 1)
    await again.flushed()
    await again.stop()
  }))

/** Values that make a log long enough to be compacted. */
const LONG = 60_000
const LONG_VALUES = Math.ceil((COMPACT_BYTES / LONG) * 1.1)

/** Milliseconds, longer than the pause before a failed compaction is tried again. */
const LATER_MS = 61_000

const refusals: readonly (readonly [name: string, operation: Operation, file: string])[] = [
  ['the new log cannot be made', 'create', 'log-000002'],
  ['the state does not fit', 'write', 'state-'],
  ['the state cannot be flushed', 'sync', 'state-'],
  ['the state cannot be read back', 'read', 'state-'],
  ['the state cannot get its name', 'rename', 'state-'],
]

for (const [name, refused, file] of refusals) {
  test(`a compaction that fails (${name}) loses nothing, and works later`, () =>
    inFolder(async (dir) => {
      const { agent: a, disk, data, failures } = onFaultyDisk(dir, 'a')
      const b = agentIn(dir, 'b')
      await a.start()
      await b.start()
      disk.refuse = (operation, path) =>
        operation === refused && path.includes(file) ? 'ENOSPC' : undefined
      for (let key = 0; key < LONG_VALUES; key++) {
        writeEntry(a.doc, 'state', `long${key}`, 'x'.repeat(LONG))
        await a.flushed()
      }
      await until('a reports it', () => failures('store', /^cannot .*: ENOSPC/).length > 0)
      writeEntry(a.doc, 'state', 'k', 1)
      await a.flushed()
      await agree(a, b)
      assert.is(failures('store', /./).length, 1, 'it tried again at once')
      const files = readdirSync(join(data, 'log'))
      assert.not.ok(files.some((found) => found.startsWith('state-')))
      // A crash at this point would lose nothing.
      cpSync(join(data, 'log'), join(dir, 'copy', 'log'), { recursive: true })
      const loaded = await new LogStore({ dir: join(dir, 'copy', 'log') }).load()
      assert.equal(loaded.problems, [])
      assert.ok(loaded.updates.length > LONG_VALUES)

      recover(disk)
      const real = performance.now
      performance.now = () => real.call(performance) + LATER_MS
      try {
        writeEntry(a.doc, 'state', 'k', 2)
        await a.flushed()
        await until('the state is there', () =>
          readdirSync(join(data, 'log')).some((found) => /^state-\d+\.bin$/.test(found)),
        )
        await agree(a, b)
      } finally {
        performance.now = real
      }
      const writer = a.doc.clientID
      await a.stop()
      await b.stop()
      const problems: Problem[] = []
      const again = agentIn(dir, 'a', problems)
      await again.start()
      assert.is(again.status().digest, b.status().digest)
      assert.is(again.doc.getMap('state').get('k'), 2)
      assert.is(again.doc.clientID, writer)
      assert.equal(problems, [])
      await again.stop()
    }))
}

/** The sets of the short run and the characters of each, so that the log is compacted meanwhile. */
const SETS = 3_000
const PADDING = 500

for (const layout of ['plain', 'hot'] as const) {
  test(`${SETS} sets of ${KEYS} ${layout} keys: need one writer, and stay within the limits`, async () => {
    const report = await runEndurance({ sets: SETS, layout, through: 'library', padding: PADDING })
    assert.is(report.writers, 1)
    // A plain map keeps a struct for each set; a hot one only for current entries.
    if (layout === 'plain') assert.is(report.structs, SETS)
    else assert.ok(report.structs <= KEYS, `${report.structs} structs`)
    assert.ok(report.bytes < 3 * KEYS * (PADDING + 50), `${report.bytes} bytes`)
    assert.ok(report['folder end'] < SETS * PADDING, `${report['folder end']} bytes in the folder`)
  })
}

test('sets through the control socket take at most one flush each, and do not grow the document', async () => {
  const report = await runEndurance({ sets: 500, layout: 'hot', through: 'socket' })
  assert.ok(report.commits <= 100, `${report.commits} flushes for the last 100 sets`)
  assert.ok(report.structs <= KEYS, `${report.structs} structs`)
})

test.run()
