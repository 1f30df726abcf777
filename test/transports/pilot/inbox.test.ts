import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Recorder } from '../../../src/testing/index.ts'
import { Inbox } from '../../../src/transports/pilot/inbox.ts'
import type { TransportHooks } from '../../../src/transports/transport.ts'
import { gate } from '../../helpers/gate.ts'
import { suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const test = suite('pilot inbox')

const FROM = '0:0000.0000.0009'
const NEVER = 3_600_000

const fileOf = (data: unknown, type = 'JSON'): string =>
  JSON.stringify({ bytes: String(data).length, data, from: FROM, received_at: 'x', type })

let counter = 0
const freshName = (type = 'JSON'): string =>
  `${type}-20261122-125200.000-${String(++counter).padStart(6, '0')}.json`

const ours = (text: string): boolean => text.startsWith('our')
const recorder = (then?: (text: string) => void | Promise<void>): Recorder =>
  new Recorder(({ text }) => then?.(text), ours)

interface Place {
  readonly dir: string
  /** Writes a file into the folder, as a daemon does; returns its path. */
  put(content: string, name?: string): string
  open(hooks: TransportHooks, pollMs?: number): Inbox
  files(): string[]
}

/** Runs `play` over a folder of its own; closes the inboxes it opened. */
const within =
  (play: (place: Place) => Promise<void>, exists = true) =>
  async () => {
    const root = mkdtempSync(join(tmpdir(), 'inbox-'))
    const dir = join(root, '.pilot', 'inbox')
    if (exists) mkdirSync(dir, { recursive: true })
    const opened: Inbox[] = []
    try {
      await play({
        dir,
        put: (content, name = freshName()) => {
          writeFileSync(join(dir, name), content)
          return join(dir, name)
        },
        open: (hooks, pollMs = NEVER) => {
          const inbox = new Inbox({ dir, pollMs }, hooks)
          opened.push(inbox)
          inbox.start()
          return inbox
        },
        files: () => readdirSync(dir).sort(),
      })
    } finally {
      for (const inbox of opened) await inbox.close()
      rmSync(root, { recursive: true, force: true })
    }
  }

test(
  'delivers waiting and new messages, and deletes them afterwards',
  within(async ({ put, open, files }) => {
    put(fileOf('our first'))
    put(fileOf('our second', 'TEXT'), freshName('TEXT'))
    const seen = recorder()
    open(seen)
    await until('both', () => seen.received.length === 2)
    put(fileOf('our third'))
    await until('the third, though no poll is near', () => seen.received.length === 3)
    assert.equal(seen.texts, ['our first', 'our second', 'our third'])
    assert.is(seen.received[0]?.from, FROM)
    await until('an empty folder', () => files().length === 0)
    assert.equal(seen.problems, [])
  }),
)

test(
  'delivers in the order of arrival, one at a time, whatever the type',
  within(async ({ put, open }) => {
    const names = [
      'TEXT-20261122-125129.834.json',
      'JSON-20261122-125129.835.json',
      'TEXT-20261122-125130.001-000009.json',
      'JSON-20261122-125130.001-000010.json',
      'JSON-20261123-000000.000.json',
    ]
    for (const name of [...names].reverse()) put(fileOf(`our ${name}`), name)
    for (let index = 0; index < 20; index++)
      put(fileOf(`our late ${index + 10}`), `JSON-20261124-000000.0${index + 10}.json`)
    let running = 0
    const seen = recorder(async () => {
      running++
      assert.is(running, 1)
      await new Promise((resolve) => setImmediate(resolve))
      running--
    })
    open(seen)
    await until('all', () => seen.received.length === 25)
    assert.equal(
      seen.texts.slice(0, 5),
      names.map((name) => `our ${name}`),
    )
    assert.is(seen.texts.at(-1), 'our late 29')
    assert.equal(seen.problems, [])
  }),
)

test(
  'never touches foreign files, and reads each once',
  within(async ({ dir, put, open, files }) => {
    const foreign: Record<string, string> = {
      'BINARY-20261122-125129.834-000001.json': JSON.stringify({
        type: 'BINARY',
        data_b64: 'eA==',
      }),
      'JSON-20261122-125129.834-000002.json': fileOf('a task for the agent'),
      'TEXT-20261122-125129.834-000003.json': fileOf('hello', 'TEXT'),
      'JSON-20261122-125129.834-000004.json': fileOf({ our: 'object' }),
      'JSON-20261122-125129.834-000005.json': '[]',
      'notes.txt': 'our notes',
      '.hidden.json.tmp': fileOf('our hidden'),
    }
    for (const [name, content] of Object.entries(foreign)) put(content, name)
    mkdirSync(join(dir, 'folder.json'))
    symlinkSync('/etc/hostname', join(dir, 'link.json'))
    const times = () => Object.keys(foreign).map((name) => statSync(join(dir, name)).mtimeMs)
    const before = times()
    const asked: string[] = []
    const seen = new Recorder(
      () => {},
      (text) => {
        asked.push(text)
        return ours(text)
      },
    )
    open(seen, 10)
    for (let round = 0; round < 5; round++) {
      put(fileOf(`our ${round}`))
      await until('ours', () => seen.has(`our ${round}`))
    }
    assert.is(asked.filter((text) => !ours(text)).length, 2, 'a foreign file was read again')
    await until('ours to be gone', () => files().length === Object.keys(foreign).length + 2)
    for (const [name, content] of Object.entries(foreign))
      assert.is(readFileSync(join(dir, name), 'utf8'), content)
    assert.equal(times(), before)
    assert.equal(seen.problems, [])
  }),
)

test(
  'reads a partial file again until it is complete, while others pass',
  within(async ({ put, open }) => {
    const seen = recorder()
    open(seen)
    const whole = fileOf(`our ${'x'.repeat(100_000)}`)
    const path = put('')
    put(fileOf('our other'))
    await until('the other', () => seen.has('our other'))
    appendFileSync(path, whole.slice(0, 50_000))
    put(fileOf('our next'))
    await until('the next', () => seen.has('our next'))
    assert.is(seen.received.length, 2)
    appendFileSync(path, whole.slice(50_000))
    await until('the whole', () => seen.received.length === 3)
    assert.is(seen.texts[2]?.length, 100_004)
    await until('the end of it', () => !existsSync(path))
  }),
)

test(
  'reads a partial file again though the watcher is silent and no poll is near',
  within(async ({ dir, put, open }) => {
    // A watch on a link's target is not notified when the link points to another folder.
    renameSync(dir, `${dir}-1`)
    mkdirSync(`${dir}-2`)
    symlinkSync(`${dir}-1`, dir)
    const name = freshName()
    put(fileOf('our late').slice(0, 20), name)
    const seen = recorder()
    open(seen)
    put(fileOf('our first'))
    await until('the first', () => seen.has('our first'))
    writeFileSync(join(`${dir}-2`, name), fileOf('our late'))
    rmSync(dir)
    symlinkSync(`${dir}-2`, dir)
    await until('the late one', () => seen.has('our late'))
  }),
)

test(
  'leaves a file that never parses in place, without a report',
  within(async ({ put, open, files }) => {
    const damaged = put('{"type":"JSON","data":"our')
    const old = new Date(Date.now() - 3_600_000)
    utimesSync(damaged, old, old)
    const fresh = put('\0\0\0')
    const seen = recorder()
    open(seen, 10)
    put(fileOf('our own'))
    await until('our own', () => seen.has('our own'))
    put(fileOf('our last'))
    await until('our last', () => seen.has('our last'))
    await until('the two that stay', () => files().length === 2)
    assert.ok(existsSync(damaged) && existsSync(fresh))
    assert.equal(seen.problems, [])
    // Though it counts as damaged, it is read when it changes.
    writeFileSync(damaged, fileOf('our mended'))
    await until('the mended one', () => seen.has('our mended'))
  }),
)

test(
  'misses no change while its watcher is renewed',
  within(async ({ put, open }) => {
    const old = new Date(Date.now() - 3_600_000)
    const paths = Array.from({ length: 20 }, () => put('{"damaged'))
    for (const path of paths) utimesSync(path, old, old)
    const seen = recorder()
    open(seen, 1)
    for (const [index, path] of paths.entries()) {
      put(fileOf(`our ${index}`))
      await until('a poll', () => seen.has(`our ${index}`))
      writeFileSync(path, fileOf(`our mended ${index}`))
      await until('the mended one', () => seen.has(`our mended ${index}`))
    }
  }),
)

test(
  'deletes nothing before receive has finished: a crash loses no message',
  within(async ({ put, open, files }) => {
    put(fileOf('our first'))
    put(fileOf('our second'))
    const never = recorder(() => new Promise(() => {}))
    const crashed = open(never)
    await until('the first to be taken', () => never.received.length === 1)
    assert.is(files().length, 2)
    await crashed.close()
    assert.is(files().length, 2)
    const seen = recorder()
    open(seen)
    await until('both again', () => seen.received.length === 2)
    assert.equal(seen.texts, ['our first', 'our second'])
    assert.equal(never.texts, ['our first'])
  }),
)

test(
  'does not delete a message late that it gave up when it closed',
  within(async ({ put, open, files }) => {
    put(fileOf('our first'))
    const hold = gate()
    const slow = recorder(() => hold.promise)
    const inbox = open(slow)
    await until('the first to be taken', () => slow.received.length === 1)
    await inbox.close()
    hold.open()
    await new Promise((resolve) => setImmediate(resolve))
    const seen = recorder()
    open(seen)
    await until('it again', () => seen.has('our first'))
    await until('the end of it', () => files().length === 0)
  }),
)

test(
  'waits for a receive that ends in time, and deletes its message',
  within(async ({ put, open, files }) => {
    put(fileOf('our first'))
    put(fileOf('our second'))
    const hold = gate()
    const seen = recorder(() => hold.promise)
    const inbox = open(seen)
    await until('the first to be taken', () => seen.received.length === 1)
    const closing = inbox.close()
    hold.open()
    await closing
    assert.equal(seen.texts, ['our first'])
    assert.is(files().length, 1)
  }),
)

test(
  'reads an overwritten file as a new message',
  within(async ({ put, open, files }) => {
    const name = 'JSON-20261122-125129.834.json'
    const hold = gate()
    const seen = recorder((text) => (text === 'our first' ? hold.promise : undefined))
    put(fileOf('our first'), name)
    open(seen)
    await until('the first to be taken', () => seen.received.length === 1)
    put(fileOf('our second, which is longer'), name)
    hold.open()
    await until('the second', () => seen.has('our second, which is longer'))
    await until('the end of both', () => files().length === 0)
    assert.is(seen.received.length, 2)
  }),
)

test(
  'detects an overwritten message of the same length and time',
  within(async ({ put, open, files }) => {
    const name = 'JSON-20261122-125129.834.json'
    const hold = gate()
    const seen = recorder((text) => (text === 'our 1' ? hold.promise : undefined))
    // Young by the clock of this machine, so that its stamp alone proves nothing.
    const young = new Date(Date.now() + 3000)
    utimesSync(put(fileOf('our 1'), name), young, young)
    open(seen)
    await until('the first to be taken', () => seen.received.length === 1)
    utimesSync(put(fileOf('our 2'), name), young, young)
    hold.open()
    await until('the second', () => seen.has('our 2'))
    await until('the end of both', () => files().length === 0)
    assert.equal(seen.texts, ['our 1', 'our 2'])
  }),
)

test(
  'delivers our message that was written over a foreign file',
  within(async ({ put, open, files }) => {
    const name = 'JSON-20261122-125129.834.json'
    put(fileOf('theirs'), name)
    const seen = recorder()
    open(seen)
    put(fileOf('our first'))
    await until('the first', () => seen.has('our first'))
    put(fileOf('our second'), name)
    await until('the second', () => seen.has('our second'))
    await until('the end of both', () => files().length === 0)
  }),
)

test(
  'waits silently for a folder that does not exist yet',
  within(async ({ dir, put, open }) => {
    const seen = recorder()
    open(seen, 20)
    mkdirSync(dir, { recursive: true })
    put(fileOf('our first'))
    await until('the first', () => seen.has('our first'))
    assert.equal(seen.problems, [])
  }, false),
)

test(
  'continues when the folder vanishes and comes back',
  within(async ({ dir, put, open }) => {
    const seen = recorder()
    open(seen)
    for (const text of ['our first', 'our second', 'our third']) {
      put(fileOf(text))
      await until(text, () => seen.has(text))
      rmSync(dir, { recursive: true })
      mkdirSync(dir)
    }
    assert.equal(seen.problems, [])
  }),
)

test(
  'polls if the watcher is silent',
  within(async ({ dir, put, open }) => {
    // A watch on a link's target is not notified when the link points to another folder.
    renameSync(dir, `${dir}-1`)
    mkdirSync(`${dir}-2`)
    symlinkSync(`${dir}-1`, dir)
    const seen = recorder()
    open(seen, 20)
    put(fileOf('our first'))
    await until('the first', () => seen.has('our first'))
    rmSync(dir)
    symlinkSync(`${dir}-2`, dir)
    put(fileOf('our second'))
    await until('the second', () => seen.has('our second'))
  }),
)

test(
  'finds ours among 3,000 foreign files, and checks none of them twice',
  within(async ({ put, open, files }) => {
    for (let index = 0; index < 3000; index++) put(fileOf(`task ${index}`))
    put(fileOf('our needle'))
    let asked = 0
    const seen = new Recorder(
      () => {},
      (text) => {
        asked++
        return ours(text)
      },
    )
    open(seen, 10)
    await until('the needle', () => seen.has('our needle'))
    for (let round = 0; round < 3; round++) {
      put(fileOf(`our ${round}`))
      await until('ours', () => seen.has(`our ${round}`))
    }
    assert.is(asked, 3004)
    await until('the foreign ones alone', () => files().length === 3000)
  }),
)

test(
  'lists the folder once, however many messages arrive before the poll',
  within(async ({ dir, put, open, files }) => {
    put(fileOf('a task'))
    let listings = 0
    const { readdir } = fsPromises
    fsPromises.readdir = ((path: string, ...rest: []) => {
      if (path === dir) listings++
      return readdir(path, ...rest)
    }) as typeof readdir
    syncBuiltinESMExports()
    try {
      const seen = recorder()
      open(seen)
      for (let round = 0; round < 10; round++) {
        put(fileOf(`our ${round}`))
        await until('ours', () => seen.has(`our ${round}`))
      }
      await until('the foreign one alone', () => files().length === 1)
    } finally {
      fsPromises.readdir = readdir
      syncBuiltinESMExports()
    }
    assert.is(listings, 1)
  }),
)

test(
  'does not read a file of more than 64 MiB',
  within(async ({ put, open }) => {
    const path = put(fileOf('our giant') + ' '.repeat(64 * 1024 * 1024))
    const seen = recorder()
    open(seen)
    put(fileOf('our own'))
    await until('our own', () => seen.has('our own'))
    assert.is(seen.received.length, 1)
    assert.equal(seen.problems, [])
    assert.ok(existsSync(path))
  }),
)

test(
  'reports that receive throws, and consumes the message',
  within(async ({ put, open, files }) => {
    const seen = recorder((text) => {
      if (text === 'our bad') throw new Error('poison')
    })
    put(fileOf('our bad'))
    put(fileOf('our good'))
    open(seen)
    await until('the good one', () => seen.has('our good'))
    await until('the end of both', () => files().length === 0)
    assert.equal(
      seen.problems.map(({ code, message }) => `${code} ${message}`),
      ['internal poison'],
    )
  }),
)

test(
  'refuses the message if accepts throws',
  within(async ({ put, open, files }) => {
    const seen = new Recorder(
      () => {},
      (text) => {
        if (text === 'our bad') throw new Error('no idea')
        return true
      },
    )
    put(fileOf('our bad'))
    put(fileOf('our good'))
    open(seen)
    await until('the good one', () => seen.has('our good'))
    await until('the bad one alone', () => files().length === 1)
    assert.equal(
      seen.problems.map(({ message }) => message),
      ['no idea'],
    )
  }),
)

test(
  'reports once that the inbox is not a folder, and works when it is one',
  within(async ({ dir, put, open }) => {
    mkdirSync(join(dir, '..'), { recursive: true })
    writeFileSync(dir, 'not a folder')
    const seen = recorder()
    open(seen, 10)
    await until('a problem', () => seen.problems.length > 0)
    rmSync(dir)
    mkdirSync(dir)
    put(fileOf('our first'))
    await until('the first', () => seen.has('our first'))
    assert.is(seen.problems.length, 1)
    assert.match(seen.problems[0]?.message ?? '', dir)
    assert.ok(seen.problems[0]?.hint)
  }, false),
)

test(
  'may be closed twice, and delivers nothing afterwards',
  within(async ({ put, open, files }) => {
    const seen = recorder()
    const inbox = open(seen, 10)
    await Promise.all([inbox.close(), inbox.close()])
    put(fileOf('our first'))
    const later = recorder()
    const next = new Recorder(
      () => {},
      () => false,
    )
    open(next, 10)
    await inbox.close()
    assert.equal(seen.received, [])
    assert.is(files().length, 1)
    open(later)
    await until('the first', () => later.has('our first'))
    assert.equal(seen.received, [])
  }),
)

test.run()
