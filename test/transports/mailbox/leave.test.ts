/** The end of a mailbox: of an agent that ends in order, and of one that was killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { isFailure } from '../../../src/errors.ts'
import { ownProcess } from '../../../src/fs/owner.ts'
import { Recorder } from '../../../src/testing/index.ts'
import { MailboxTransport } from '../../../src/transports/mailbox/mailbox.ts'
import type { TransportHooks } from '../../../src/transports/transport.ts'
import { inFolder } from '../../helpers/folder.ts'
import { gate } from '../../helpers/gate.ts'
import { rejects, suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const test = suite('mailbox: the end')

/** Milliseconds for what a test waits for anyway. */
const PATIENCE = 30_000

/** A process id above the highest that Linux gives. */
const DEAD = JSON.stringify({ ...ownProcess(), pid: 2 ** 22 + 1 })

const open = async (
  dir: string,
  address: string,
  hooks: TransportHooks = new Recorder(),
): Promise<MailboxTransport> => {
  const mailbox = new MailboxTransport({ dir, address })
  await mailbox.open(hooks)
  return mailbox
}

const end = async (mailbox: MailboxTransport, handOverMs = PATIENCE): Promise<void> => {
  await mailbox.leave(handOverMs)
  await mailbox.close()
}

const filesIn = (...path: string[]): string[] => readdirSync(join(...path)).sort()

const messageName = (count: number, bytes: number): string =>
  `000000000000001-${`${count}`.padStart(6, '0')}-00000000-${bytes}-x.msg`

/** Makes all messages that wait for the address an hour old. */
const age = (dir: string, address: string): void => {
  const hourAgo = Date.now() / 1000 - 3600
  const box = join(dir, address, 'new')
  for (const name of readdirSync(box)) utimesSync(join(box, name), hourAgo, hourAgo)
}

const start = (program: string, dir: string, address: string) => {
  const path = fileURLToPath(new URL(`../../fixtures/mailbox/${program}.ts`, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', path, dir, address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  child.stdout?.on('data', (chunk) => lines.push(...`${chunk}`.trim().split('\n')))
  return { child, lines }
}

const kill = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGKILL')
  await until('the end of the child', () => child.exitCode !== null || child.signalCode !== null)
}

/** A box whose reader was killed while `count` messages waited. */
const killedWith = async (dir: string, count: number): Promise<void> => {
  const seen = new Recorder(() => new Promise(() => {}))
  const b = await open(dir, 'b', seen)
  const x = await open(dir, 'x')
  for (let i = 0; i < count; i++) await x.send('b', `${i}`)
  await x.close()
  await b.close()
  writeFileSync(join(dir, 'b', 'lock'), DEAD)
}

test('a mailbox that ends leaves nothing behind and is not found', () =>
  inFolder(async (dir) => {
    const a = await open(dir, 'a')
    for (let n = 0; n < 25; n++) {
      const short = await open(dir, `short-${n}`)
      await short.send('a', 'x')
      await a.send(`short-${n}`, 'y')
      await end(short)
    }
    assert.equal(filesIn(dir), ['a'])
    assert.equal(await a.discover(), [])
    await rejects(() => a.send('short-7', 'x'), /^not_found .*"short-7"/)
    assert.equal(filesIn(dir), ['a'])
    await end(a)
    assert.equal(filesIn(dir), [])
  }))

test('messages that have arrived are handed over once and in order; none comes after them', () =>
  inFolder(async (dir) => {
    const hold = gate()
    const seen = new Recorder(() => hold.promise)
    const a = await open(dir, 'a')
    const b = await open(dir, 'b', seen)
    const sent = Array.from({ length: 50 }, (_, index) => `${index}`)
    for (const text of sent) await a.send('b', text)
    await until('the first', () => seen.received.length === 1)
    const leaving = b.leave(PATIENCE)
    await until('nobody can send', () =>
      a.send('b', 'late').then(
        () => {
          sent.push('late')
          return false
        },
        (error) => isFailure(error, 'not_found'),
      ),
    )
    await b.send('a', 'our own sends work')
    hold.open()
    await leaving
    assert.equal(seen.texts, sent)
    await b.close()
    assert.equal(filesIn(dir), ['a'])
    assert.equal(seen.problems, [])
    await a.close()
  }))

test('a message that was on its way when the box was shut is handed over as well', () =>
  inFolder(async (dir) => {
    const hold = gate()
    const seen = new Recorder(({ text }) => (text === 'second' ? hold.promise : undefined))
    const a = await open(dir, 'a')
    const b = await open(dir, 'b', seen)
    const leaving = a.send('b', 'first').then(async () => {
      await until('the first', () => seen.has('first'))
      await a.send('b', 'second')
      return b.leave(PATIENCE)
    })
    await until('the second, after the box was shut', () => {
      return seen.has('second') && existsSync(join(dir, 'b', 'left'))
    })
    // A sender that has looked up new/ before its rename puts its file into left/.
    const name = `000000000000009-000000-00000000-5-a.msg`
    writeFileSync(join(dir, 'b', 'left', name), 'third')
    hold.open()
    await leaving
    assert.equal(seen.texts, ['first', 'second', 'third'])
    await b.close()
    assert.equal(filesIn(dir), ['a'])
    await a.close()
  }))

test('a receiver that takes batches gets the messages that have arrived, too', () =>
  inFolder(async (dir) => {
    const hold = gate()
    const texts: string[] = []
    const a = await open(dir, 'a')
    const b = await open(dir, 'b', {
      accepts: () => true,
      receive: () => assert.unreachable(),
      receiveAll: async (batch) => {
        texts.push(...batch.map(({ text }) => text))
        await hold.promise
      },
      onProblem: () => {},
    })
    await a.send('b', 'first')
    await until('the first', () => texts.length > 0)
    for (const text of ['second', 'third']) await a.send('b', text)
    const leaving = b.leave(PATIENCE)
    hold.open()
    await leaving
    assert.equal(texts, ['first', 'second', 'third'])
    await b.close()
    assert.equal(filesIn(dir), ['a'])
    await a.close()
  }))

test('messages that the receiver does not take in time wait for the next one, and none is added', () =>
  inFolder(async (dir) => {
    const stuck = new Recorder(() => new Promise(() => {}))
    const a = await open(dir, 'a')
    const b = await open(dir, 'b', stuck)
    for (const text of ['1', '2', '3']) await a.send('b', text)
    await until('the first', () => stuck.received.length === 1)
    await end(b, 1)
    assert.equal(stuck.texts, ['1'])
    await rejects(() => a.send('b', '4'), /^not_found/)
    assert.equal(await a.discover(), [])
    const seen = new Recorder()
    const again = await open(dir, 'b', seen)
    await a.send('b', '4')
    await until('all', () => seen.received.length === 4)
    assert.equal(seen.texts, ['1', '2', '3', '4'])
    await end(again)
    assert.equal(filesIn(dir), ['a'])
    await a.close()
  }))

test('with a time of 0 nothing is handed over, and nothing is lost', () =>
  inFolder(async (dir) => {
    const stuck = new Recorder(() => new Promise(() => {}))
    const a = await open(dir, 'a')
    const b = await open(dir, 'b', stuck)
    await a.send('b', '1')
    await until('it', () => stuck.received.length === 1)
    await a.send('b', '2')
    await end(b, 0)
    assert.equal(stuck.texts, ['1'])
    const seen = new Recorder()
    const again = await open(dir, 'b', seen)
    await until('both', () => seen.received.length === 2)
    await again.close()
    await a.close()
  }))

test('messages that are not for us stay, and are there at the next open', () =>
  inFolder(async (dir) => {
    const a = await open(dir, 'a')
    const first = new Recorder(undefined, (text) => text !== 'of others')
    const b = await open(dir, 'b', first)
    for (const text of ['of others', 'ours']) await a.send('b', text)
    await until('ours', () => first.has('ours'))
    await end(b)
    assert.equal(first.texts, ['ours'])
    assert.equal(filesIn(dir, 'b'), ['left'])
    await rejects(() => a.send('b', 'x'), /^not_found/)
    const other = new Recorder()
    const again = await open(dir, 'b', other)
    await until('that of others', () => other.has('of others'))
    await end(again)
    assert.equal(filesIn(dir), ['a'])
    await a.close()
  }))

test('files of other programs stay and do no harm', () =>
  inFolder(async (dir) => {
    const a = await open(dir, 'a')
    const seen = new Recorder()
    const b = await open(dir, 'b', seen)
    writeFileSync(join(dir, 'b', 'notes.txt'), 'mine')
    writeFileSync(join(dir, 'b', 'tmp', 'notes.txt'), 'mine')
    writeFileSync(join(dir, 'b', 'tmp', messageName(1, 9)), 'half')
    writeFileSync(join(dir, 'b', 'new', 'stray.txt'), 'no message')
    await until('it is put aside', () => existsSync(join(dir, 'b', 'damaged', 'stray.txt')))
    await end(b)
    assert.equal(filesIn(dir, 'b'), ['damaged', 'notes.txt', 'tmp'])
    assert.equal(filesIn(dir, 'b', 'damaged'), ['stray.txt'])
    assert.equal(filesIn(dir, 'b', 'tmp'), ['notes.txt'])
    await rejects(() => a.send('b', 'x'), /^not_found/)
    assert.equal(await a.discover(), [])
    const again = await open(dir, 'b', seen)
    await a.send('b', 'x')
    await until('it goes on', () => seen.has('x'))
    await again.close()
    await a.close()
  }))

test('leave may be called before open, after close, and twice', () =>
  inFolder(async (dir) => {
    const idle = new MailboxTransport({ dir, address: 'a' })
    await idle.leave(PATIENCE)
    await idle.close()
    await idle.leave(PATIENCE)
    assert.not.ok(existsSync(join(dir, 'a')))
    const a = await open(dir, 'a')
    await Promise.all([a.leave(PATIENCE), a.leave(0), a.leave(PATIENCE)])
    await Promise.all([a.close(), a.close()])
    await a.leave(0)
    assert.equal(filesIn(dir), [])
    const stuck = new Recorder(() => new Promise(() => {}))
    const c = await open(dir, 'c', stuck)
    await c.send('c', 'x')
    await until('it', () => stuck.has('x'))
    const leaving = c.leave(2 ** 30)
    await c.close()
    await leaving
    assert.equal(filesIn(dir, 'c'), ['left'])
    rmSync(join(dir, 'c'), { recursive: true })
    const early = new MailboxTransport({ dir, address: 'b' })
    const opening = rejects(() => early.open(new Recorder()), /closed/)
    await early.leave(0)
    await early.close()
    await opening
    assert.equal(filesIn(dir), [])
  }))

test('a mailbox that another agent has taken over is left alone', () =>
  inFolder(async (dir) => {
    const seen = new Recorder()
    const b = await open(dir, 'b', seen)
    const other = new Recorder()
    // The first one puts its lock back when it looks.
    const second = await until('another has it', async () => {
      rmSync(join(dir, 'b', 'lock'), { force: true })
      return open(dir, 'b', other).catch(() => undefined)
    })
    const a = await open(dir, 'a')
    await end(b)
    await a.send('b', 'x')
    await until('the other reads on', () => other.has('x'))
    await end(second)
    assert.equal(filesIn(dir), ['a'])
    await a.close()
  }))

test('a mailbox that was removed by hand does not make the end fail', () =>
  inFolder(async (dir) => {
    for (const gone of [['b'], ['b', 'new'], ['b', 'tmp'], ['b', 'lock']]) {
      const b = await open(dir, 'b')
      const leaving = b.leave(PATIENCE)
      rmSync(join(dir, ...gone), { recursive: true, force: true })
      await leaving
      await b.close()
      assert.equal(filesIn(dir), [], gone.join('/'))
    }
  }))

/** What lies in the box after a kill between two steps of opening, of leaving or of a send. */
const remains: Readonly<Record<string, (box: string) => void>> = {
  'an empty folder': () => {},
  'a lock alone': (box) => writeFileSync(join(box, 'lock'), DEAD),
  'a lock that was being placed': (box) =>
    writeFileSync(join(box, 'lock.6f3c1a52-7d5e-4c83-9d5a-2f4a1e0b7c11'), DEAD),
  'a box without tmp': (box) => mkdirSync(join(box, 'new')),
  'what had come, set apart': (box) => {
    mkdirSync(join(box, 'left'))
    mkdirSync(join(box, 'tmp'))
    writeFileSync(join(box, 'left', messageName(1, 3)), 'old')
    writeFileSync(join(box, 'lock'), DEAD)
  },
  'what had come, half brought back': (box) => {
    for (const name of ['left', 'new']) mkdirSync(join(box, name))
    writeFileSync(join(box, 'left', messageName(1, 3)), 'old')
    writeFileSync(join(box, 'new', messageName(2, 5)), 'older')
    writeFileSync(join(box, 'lock'), DEAD)
  },
  'an empty box, set apart': (box) => mkdirSync(join(box, 'left')),
  'tmp alone': (box) => mkdirSync(join(box, 'tmp')),
  'a message half written': (box) => {
    for (const name of ['new', 'tmp']) mkdirSync(join(box, name))
    writeFileSync(join(box, 'tmp', messageName(1, 9)), 'half')
  },
}

for (const [what, make] of Object.entries(remains)) {
  test(`after a kill ${what} does not keep the next agent from starting`, () =>
    inFolder(async (dir) => {
      const box = join(dir, 'b')
      mkdirSync(box)
      make(box)
      const waiting = ['left', 'new'].flatMap((name) =>
        existsSync(join(box, name)) ? readdirSync(join(box, name)) : [],
      )
      const a = await open(dir, 'a')
      assert.equal(await a.discover(), [])
      const seen = new Recorder()
      const b = await open(dir, 'b', seen)
      await a.send('b', 'new')
      await until('all', () => seen.received.length === waiting.length + 1)
      assert.equal(seen.problems, [])
      await end(b)
      assert.equal(filesIn(dir), ['a'])
      await a.close()
    }))
}

test('after a kill at any moment of opening and leaving the next agent opens and gets what was sent', () =>
  inFolder(async (dir) => {
    const a = await open(dir, 'a')
    for (let round = 0; round < 6; round++) {
      const { child, lines } = start('comer', dir, 'b')
      await until('it comes and goes', () => lines.length > 3 + 7 * round)
      await kill(child)
      const seen = new Recorder()
      const b = await open(dir, 'b', seen)
      await a.send('b', 'x')
      await until('it', () => seen.has('x'))
      await end(b)
      assert.equal(seen.problems, [])
      assert.equal(filesIn(dir), ['a'])
    }
    await a.close()
  }))

test('while others write, each message arrives once or is rejected, and nothing is left', () =>
  inFolder(async (dir) => {
    const writers = await Promise.all(['a', 'c', 'd'].map((name) => open(dir, name)))
    for (let round = 0; round < 20; round++) {
      const seen = new Recorder()
      const b = await open(dir, 'b', seen)
      const sent: string[] = []
      let isOver = false
      const write = async (writer: MailboxTransport, loop: number): Promise<void> => {
        for (let count = 0; !isOver; count++) {
          const text = `${writer.address} ${loop} ${count}`
          try {
            await writer.send('b', text)
            sent.push(text)
          } catch (error) {
            assert.ok(isFailure(error, 'not_found'), `${error}`)
          }
        }
      }
      const writing = writers.flatMap((writer) => [write(writer, 1), write(writer, 2)])
      await until('some come', () => seen.received.length > 5)
      await end(b)
      isOver = true
      await Promise.all(writing)
      assert.equal([...seen.texts].sort(), sent.sort())
      assert.equal(filesIn(dir), ['a', 'c', 'd'])
    }
    for (const writer of writers) await writer.close()
  }))

test('two agents of one name follow each other without a pause', () =>
  inFolder(async (dir) => {
    const a = await open(dir, 'a')
    for (let round = 0; round < 30; round++) {
      const seen = new Recorder()
      const b = await open(dir, 'b', seen)
      await a.send('b', `${round}`)
      const ending = end(b)
      const refused = await rejects(() => open(dir, 'b'))
      assert.ok(isFailure(refused, 'already_exists'), refused.message)
      await ending
      assert.equal(seen.texts, [`${round}`])
    }
    assert.equal(filesIn(dir), ['a'])
    await a.close()
  }))

test('senders soon stop writing to a killed agent; when it is back it gets everything', () =>
  inFolder(async (dir) => {
    const { child, lines } = start('reader', dir, 'b')
    await until('the reader', () => lines.includes('open'))
    const a = await open(dir, 'a')
    await a.send('b', 'before')
    await kill(child)
    await a.send('b', 'just after')
    age(dir, 'b')
    for (let time = 0; time < 3; time++)
      await rejects(() => a.send('b', 'late'), /^not_running .*"b": its agent was killed/)
    assert.is(filesIn(dir, 'b', 'new').length, 2)
    const seen = new Recorder()
    const b = await open(dir, 'b', seen)
    await a.send('b', 'again')
    await until('all', () => seen.received.length === 3)
    assert.equal(seen.texts, ['before', 'just after', 'again'])
    await end(b)
    await a.close()
  }))

test('at most 100 messages wait for a killed agent, however fast they come', () =>
  inFolder(async (dir) => {
    await killedWith(dir, 0)
    const a = await open(dir, 'a')
    for (let i = 0; i < 100; i++) await a.send('b', `${i}`)
    await rejects(() => a.send('b', '100'), /^not_running/)
    assert.is(filesIn(dir, 'b', 'new').length, 100)
    await a.close()
  }))

test('a slow agent is not taken for gone', () =>
  inFolder(async (dir) => {
    const stuck = new Recorder(() => new Promise(() => {}))
    const b = await open(dir, 'b', stuck)
    const a = await open(dir, 'a')
    for (let i = 0; i < 150; i++) await a.send('b', `${i}`)
    age(dir, 'b')
    await a.send('b', 'more')
    assert.is(filesIn(dir, 'b', 'new').length, 151)
    await b.close()
    await a.close()
  }))

test('an agent of another host, which cannot be checked, is not taken for gone', () =>
  inFolder(async (dir) => {
    await killedWith(dir, 3)
    writeFileSync(join(dir, 'b', 'lock'), JSON.stringify({ ...ownProcess(), host: 'another' }))
    age(dir, 'b')
    const a = await open(dir, 'a')
    await a.send('b', 'x')
    await a.close()
  }))

test.run()
