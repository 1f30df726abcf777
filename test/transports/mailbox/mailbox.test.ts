import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
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
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { Failure } from '../../../src/errors.ts'
import { Recorder } from '../../../src/testing/index.ts'
import { type MailboxOptions, MailboxTransport } from '../../../src/transports/mailbox/mailbox.ts'
import type { TransportHooks } from '../../../src/transports/transport.ts'
import { runTransportContract } from '../../contracts/transport.ts'
import { gate } from '../../helpers/gate.ts'
import { rejects, suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const createDir = (): string => mkdtempSync(join(tmpdir(), 'pilot-gossip-mailbox-'))

runTransportContract(
  'mailbox',
  async () => {
    const dir = createDir()
    return {
      transport: async (address) => new MailboxTransport({ dir, address }),
      dead: async () => 'nobody',
      close: async () => rmSync(dir, { recursive: true }),
    }
  },
  { persistent: true },
)

const test = suite('mailbox')

/** Milliseconds that no test waits for: with this poll, only the watcher can have seen a message. */
const NEVER = 1e9

/** Runs `play` with a folder of its own; closes the transports it opened and kills the processes it started. */
const inDir =
  (
    play: (kit: {
      dir: string
      open: (
        address: string,
        hooks?: TransportHooks,
        options?: Partial<MailboxOptions>,
      ) => Promise<MailboxTransport>
      start: (program: string, address: string) => { child: ChildProcess; lines: string[] }
    }) => Promise<void>,
  ) =>
  async (): Promise<void> => {
    const dir = createDir()
    const opened: MailboxTransport[] = []
    const started: ChildProcess[] = []
    try {
      await play({
        dir,
        open: async (address, hooks = new Recorder(), options = {}) => {
          const mailbox = new MailboxTransport({ dir, address, ...options })
          opened.push(mailbox)
          await mailbox.open(hooks)
          return mailbox
        },
        start: (program, address) => {
          const path = fileURLToPath(
            new URL(`../../fixtures/mailbox/${program}.ts`, import.meta.url),
          )
          const child = spawn(process.execPath, ['--import', 'tsx', path, dir, address], {
            stdio: ['ignore', 'pipe', 'inherit'],
          })
          started.push(child)
          const lines: string[] = []
          child.stdout?.on('data', (chunk) => lines.push(...`${chunk}`.trim().split('\n')))
          return { child, lines }
        },
      })
    } finally {
      for (const mailbox of opened) await mailbox.close()
      for (const child of started) await kill(child)
      rmSync(dir, { recursive: true, force: true })
    }
  }

/** Kills the process and waits until it is gone. */
const kill = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGKILL')
  await until('the end of the child', () => child.exitCode !== null || child.signalCode !== null)
}

const filesIn = (...path: string[]): string[] => readdirSync(join(...path)).sort()

test(
  'receives a message at once, by the watcher alone',
  inDir(async ({ open }) => {
    const seen = new Recorder()
    await open('b', seen, { pollMs: NEVER })
    const a = await open('a')
    for (let index = 0; index < 50; index++) {
      await a.send('b', `${index}`)
      await until(`message ${index}`, () => seen.has(`${index}`))
    }
  }),
)

test(
  'delivers in the order of sending, one at a time, while more arrive',
  inDir(async ({ open }) => {
    let busy = 0
    const seen = new Recorder(async () => {
      assert.is(++busy, 1)
      await new Promise((resolve) => setImmediate(resolve))
      busy--
    })
    const a = await open('a')
    await (await open('b')).close()
    const sent = Array.from({ length: 200 }, (_, index) => `${index}`)
    for (const text of sent.slice(0, 100)) await a.send('b', text)
    await open('b', seen)
    for (const text of sent.slice(100)) await a.send('b', text)
    await until('all', () => seen.received.length === 200)
    assert.equal(seen.texts, sent)
    assert.equal(seen.problems, [])
  }),
)

test(
  'keeps a byte order mark and an empty message, but no lone surrogate',
  inDir(async ({ open }) => {
    const seen = new Recorder()
    const a = await open('a', seen)
    for (const text of ['\ufeffmark', '', 'x\ud800y']) await a.send('a', text)
    await until('all', () => seen.received.length === 3)
    assert.equal(seen.texts, ['\ufeffmark', '', 'x\ufffdy'])
  }),
)

test(
  'checks names, because they become folders',
  inDir(async ({ dir, open }) => {
    const a = await open('a')
    for (const name of [
      '',
      '.',
      '..',
      '.a',
      'a/b',
      '../b',
      'a b',
      'a\n',
      '\u00e9',
      'x'.repeat(65),
    ]) {
      assert.throws(
        () => new MailboxTransport({ dir, address: name }),
        (error: Failure) => error.code === 'invalid_argument' && error.message.includes(name),
      )
      await rejects(() => a.send(name, 'x'), /invalid_argument/)
      await rejects(() => a.resolve(name), /invalid_argument/)
    }
    await open('x'.repeat(64))
    await open('-_.a')
    assert.throws(() => new MailboxTransport({ dir, address: 'a', pollMs: 0 }), /pollMs/)
    assert.throws(() => new MailboxTransport({ dir, address: 'a', maxWaiting: 0 }), /maxWaiting/)
  }),
)

test(
  'discovers the open mailboxes of the folder, and nothing else',
  inDir(async ({ dir, open }) => {
    const a = await open('a')
    for (let n = 0; n < 30; n++) await (await open(`dead-${n}`)).close()
    await open('b')
    writeFileSync(join(dir, 'file'), '')
    mkdirSync(join(dir, '.hidden'))
    mkdirSync(join(dir, 'empty'))
    assert.equal(await a.discover(), ['b'])
    assert.is(await a.resolve('dead-0'), 'dead-0')
    await a.send('dead-0', 'x')
  }),
)

test(
  'does not discover a mailbox whose reader was killed',
  inDir(async ({ dir, open, start }) => {
    const a = await open('a')
    const { child, lines } = start('reader', 'b')
    await until('the reader', () => lines.includes('open'))
    assert.equal(await a.discover(), ['b'])
    await kill(child)
    assert.ok(filesIn(dir, 'b').includes('lock'))
    assert.equal(await a.discover(), [])
  }),
)

test(
  'discovers a mailbox whose owner this host cannot check',
  inDir(async ({ dir, open }) => {
    const a = await open('a')
    for (const name of ['elsewhere', 'unreadable']) mkdirSync(join(dir, name))
    const owner = { pid: 2 ** 22 + 1, start: '1', host: 'another' }
    writeFileSync(join(dir, 'elsewhere', 'lock'), JSON.stringify(owner))
    mkdirSync(join(dir, 'unreadable', 'lock'))
    assert.equal([...(await a.discover())].sort(), ['elsewhere', 'unreadable'])
  }),
)

test(
  'rejects with not_found for a name that was never opened',
  inDir(async ({ open }) => {
    const a = await open('a')
    await rejects(() => a.send('nobody', 'x'), /not_found .*"nobody"/)
  }),
)

test(
  'rejects with inbox_full when too many messages wait',
  inDir(async ({ open }) => {
    await (await open('b')).close()
    const a = await open('a', new Recorder(), { maxWaiting: 3 })
    for (const text of ['1', '2', '3']) await a.send('b', text)
    await rejects(() => a.send('b', '4'), /inbox_full .*"b" holds 3 messages of 3 bytes/)
    const seen = new Recorder()
    await open('b', seen)
    await until('all', () => seen.received.length === 3)
  }),
)

test(
  'rejects with inbox_full when too many bytes wait',
  inDir(async ({ dir, open }) => {
    await (await open('b')).close()
    const a = await open('a')
    // The size counts as the name states it, so that no file has to be opened.
    const name = `000000000000001-000000-00000000-${256 * 1024 * 1024 - 1}-x.msg`
    writeFileSync(join(dir, 'b', 'new', name), '')
    await a.send('b', '1')
    await rejects(() => a.send('b', '2'), /inbox_full/)
  }),
)

test('names the folder that it cannot write to', async () => {
  // Not even root may make folders in /sys; elsewhere this runs as an ordinary user.
  const dir = process.platform === 'linux' ? '/sys/pilot-gossip' : '/pilot-gossip'
  const mailbox = new MailboxTransport({ dir, address: 'a' })
  await rejects(() => mailbox.open(new Recorder()), new RegExp(`permission_denied .*"${dir}/a"`))
  await rejects(() => mailbox.open(new Recorder()), /permission_denied/)
  await mailbox.close()
})

test(
  'sets foreign files aside, reports that once, and continues',
  inDir(async ({ dir, open }) => {
    const seen = new Recorder()
    const a = await open('a')
    await (await open('b')).close()
    const box = join(dir, 'b', 'new')
    const named = (count: number, bytes: number) =>
      `000000000000001-${`${count}`.padStart(6, '0')}-00000000-${bytes}-x.msg`
    writeFileSync(join(box, '0-stray.txt'), 'hello')
    writeFileSync(join(box, named(1, 9)), 'short')
    writeFileSync(join(box, named(2, 2)), Buffer.from([0xc3, 0x28]))
    mkdirSync(join(box, named(3, 4096)))
    symlinkSync('/dev/zero', join(box, named(4, 9)))
    writeFileSync(join(box, named(5, 4)), 'good')
    await a.send('b', 'last')
    await open('b', seen)
    await until('both', () => seen.received.length === 2)
    assert.equal(seen.received, [
      { from: 'x', text: 'good' },
      { from: 'a', text: 'last' },
    ])
    assert.is(seen.problems.length, 5)
    for (const { message } of seen.problems)
      assert.match(message, /not a message and was moved aside/)
    await until('an empty mailbox', () => filesIn(box).length === 0)
    assert.is(filesIn(dir, 'b', 'damaged').length, 5)
  }),
)

test(
  'leaves messages that accepts refuses in place, and asks once',
  inDir(async ({ dir, open }) => {
    const asked: string[] = []
    const hooks = new Recorder(
      () => {},
      (text) => {
        asked.push(text)
        return text !== 'not ours'
      },
    )
    const a = await open('a')
    await open('b', hooks)
    for (const text of ['not ours', 'ours', 'ours too']) await a.send('b', text)
    await until('both', () => hooks.received.length === 2)
    assert.equal(asked, ['not ours', 'ours', 'ours too'])
    await until('one file', () => filesIn(dir, 'b', 'new').length === 1)
  }),
)

test(
  'removes a message only after receive has resolved',
  inDir(async ({ dir, open }) => {
    const hold = gate()
    const seen = new Recorder(() => hold.promise)
    const a = await open('a')
    await open('b', seen)
    await a.send('b', 'x')
    await until('the message', () => seen.has('x'))
    assert.is(filesIn(dir, 'b', 'new').length, 1)
    hold.open()
    await until('its removal', () => filesIn(dir, 'b', 'new').length === 0)
  }),
)

test(
  'removes stale temporary files and leaves fresh ones',
  inDir(async ({ dir, open }) => {
    await (await open('a')).close()
    const tmp = join(dir, 'a', 'tmp')
    writeFileSync(join(tmp, 'stale'), 'half')
    writeFileSync(join(tmp, 'fresh'), 'half')
    const hourAgo = Date.now() / 1000 - 3600
    utimesSync(join(tmp, 'stale'), hourAgo, hourAgo)
    await open('a')
    assert.equal(filesIn(tmp), ['fresh'])
  }),
)

test(
  'creates its folder again after its removal, and reports that once',
  inDir(async ({ dir, open }) => {
    const seen = new Recorder()
    const a = await open('a')
    await open('b', seen, { pollMs: 50 })
    for (let time = 1; time <= 2; time++) {
      renameSync(join(dir, 'b'), join(dir, `.removed-${time}`))
      await until('the problem', () => seen.problems.length >= time)
      await a.send('b', `${time}`)
      await until('a message after it', () => seen.has(`${time}`))
    }
    assert.is(seen.problems.length, 2)
    assert.match(seen.problems[0]?.message ?? '', /was removed and is created again/)
  }),
)

test(
  'sends to a mailbox whose folder for temporary files is gone',
  inDir(async ({ dir, open }) => {
    const seen = new Recorder()
    const a = await open('a', seen)
    rmSync(join(dir, 'a', 'tmp'), { recursive: true })
    await a.send('a', 'x')
    await until('the message', () => seen.has('x'))
  }),
)

test(
  'has one reader at a time',
  inDir(async ({ dir, open, start }) => {
    const first = await open('a')
    await rejects(() => open('a'), new RegExp(`already_exists .*process ${process.pid} has it`))
    await first.close()
    await open('a')
    const { child, lines } = start('reader', 'b')
    await until('the other process', () => lines.includes('open'))
    await rejects(() => open('b'), new RegExp(`already_exists .*process ${child.pid} has it`))
    assert.ok(readFileSync(join(dir, 'b', 'lock'), 'utf8').includes(`${child.pid}`))
  }),
)

test(
  'stops reading when another reader has taken over the folder',
  inDir(async ({ dir, open }) => {
    const seen = new Recorder()
    await open('b', seen, { pollMs: 20 })
    const a = await open('a')
    writeFileSync(join(dir, 'other'), JSON.stringify({ pid: process.pid, start: '' }))
    renameSync(join(dir, 'other'), join(dir, 'b', 'lock'))
    await a.send('b', 'x')
    await until('word of it', () => seen.problems.length > 0)
    assert.is(seen.problems[0]?.code, 'already_exists')
    rmSync(join(dir, 'b', 'lock'))
    await until('the message, when the other is gone', () => seen.has('x'))
    assert.is(seen.problems.length, 1)
  }),
)

test(
  'loses and splits no message when a writer is killed',
  inDir(async ({ dir, open, start }) => {
    await (await open('reader')).close()
    const { child, lines } = start('writer', 'writer')
    const tmp = join(dir, 'reader', 'tmp')
    await until('some messages, and one half written', () => {
      return lines.length >= 20 && filesIn(tmp).length > 0
    })
    await kill(child)
    const sent = lines.filter((line) => line === 'sent').length
    const seen = new Recorder()
    await open('reader', seen)
    await until('all messages reported as sent', () => seen.received.length >= sent)
    await until('an empty mailbox', () => filesIn(dir, 'reader', 'new').length === 0)
    assert.equal(seen.problems, [])
    for (const { from, text } of seen.received) {
      assert.is(from, 'writer')
      assert.is(text.length, 1_000_000)
    }
    assert.ok(seen.received.length <= sent + 4)
    await open('writer') // takes over the lock of the dead writer
  }),
)

test(
  'delivers a message again when its reader was killed',
  inDir(async ({ open, start }) => {
    const { child, lines } = start('reader', 'b')
    await until('the reader', () => lines.includes('open'))
    const a = await open('a')
    await a.send('b', 'one')
    await a.send('b', 'two')
    await until('the first message', () => lines.includes('received one'))
    await kill(child)
    const seen = new Recorder()
    await open('b', seen)
    await until('both', () => seen.received.length === 2)
    assert.equal(seen.texts, ['one', 'two'])
  }),
)

test(
  'closes in bounded time while a receive never ends, and from within receive',
  inDir(async ({ open }) => {
    const stuck = new Recorder(() => new Promise(() => {}))
    const a = await open('a', stuck)
    await a.send('a', 'x')
    await until('the message', () => stuck.has('x'))
    await a.close()
    let closed = false
    const b = await open(
      'b',
      new Recorder(async () => {
        await b.close()
        closed = true
      }),
    )
    await b.send('b', 'x')
    await until('the end', () => closed)
  }),
)

test(
  'may be closed while it opens',
  inDir(async ({ dir, open }) => {
    const mailbox = new MailboxTransport({ dir, address: 'a' })
    const opening = rejects(() => mailbox.open(new Recorder()), /closed/)
    await mailbox.close()
    await opening
    await open('a')
  }),
)

test(
  'a prepared folder with links: the files behind them stay, and the mailbox is refused',
  inDir(async ({ dir, open }) => {
    const home = createDir()
    try {
      for (const name of ['thesis.txt', 'key.pem']) {
        writeFileSync(join(home, name), 'mine')
        utimesSync(join(home, name), 1, 1)
      }
      for (const [box, links] of [
        ['tmp-link', ['tmp']],
        ['new-link', ['new']],
        ['left-link', ['left']],
        ['damaged-link', ['damaged']],
      ] as const) {
        mkdirSync(join(dir, box))
        for (const link of links) symlinkSync(home, join(dir, box, link))
        await rejects(
          () => open(box),
          new RegExp(`permission_denied .*"${dir}/${box}/.*" is a symbolic link`),
        )
      }
      symlinkSync(home, join(dir, 'box-link'))
      await rejects(() => open('box-link'), /permission_denied .*is a symbolic link/)
      const a = await open('a')
      for (const box of ['new-link', 'tmp-link', 'box-link'])
        await rejects(() => a.send(box, 'x'), /permission_denied .*is a symbolic link/)
      assert.equal(filesIn(home), ['key.pem', 'thesis.txt'])
      assert.equal(await a.discover(), [])
    } finally {
      rmSync(home, { recursive: true })
    }
  }),
)

test(
  'messages and folders are for this user alone, also in a mailbox of an older version',
  inDir(async ({ dir, open }) => {
    mkdirSync(join(dir, 'b', 'new'), { recursive: true, mode: 0o755 })
    await (await open('b')).close()
    const a = await open('a')
    await a.send('b', 'private')
    const modeOf = (...path: string[]): number => statSync(join(dir, ...path)).mode & 0o777
    assert.is(modeOf('b'), 0o700)
    for (const folder of ['new', 'tmp']) assert.is(modeOf('b', folder), 0o700)
    assert.is(modeOf('b', 'new', filesIn(dir, 'b', 'new')[0]!), 0o600)
  }),
)

test(
  'a pipe with the name of a message, and a directory among the drafts, hold nothing up',
  inDir(async ({ dir, open }) => {
    const seen = new Recorder()
    await (await open('b')).close()
    execFileSync('mkfifo', [join(dir, 'b', 'new', '000000000000001-000001-00000000-0-x.msg')])
    mkdirSync(join(dir, 'b', 'tmp', 'odd'))
    utimesSync(join(dir, 'b', 'tmp', 'odd'), 1, 1)
    await (await open('a')).send('b', 'after')
    await open('b', seen)
    await until('the message', () => seen.has('after'))
    assert.is(seen.problems.length, 1)
    assert.match(seen.problems[0]?.message ?? '', /not a message and was moved aside/)
  }),
)

test.run()
