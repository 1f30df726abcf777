import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { isAlive, isHeld, Lock, readOwner } from '../../src/fs/lock.ts'
import { ownProcess, startByPs } from '../../src/fs/owner.ts'
import { inFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const filesIn = (dir: string): string[] => readdirSync(dir).sort()

const test = suite('lock')

test('takes over a lock that no live process holds', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'lock')
    const dead = 2 ** 22 + 1 // above the highest process id that Linux gives
    for (const left of [
      '',
      'garbage',
      '{"pid":"1","start":""}',
      JSON.stringify({ pid: dead, start: '' }),
      // The id of a live process, which another process had before.
      JSON.stringify({ pid: process.pid, start: '1' }),
    ]) {
      writeFileSync(path, left)
      const lock = new Lock(path)
      await lock.hold()
      await lock.hold()
      assert.equal(filesIn(dir), ['lock'])
      await lock.release()
      await lock.release()
      assert.equal(filesIn(dir), [])
    }
  }))

test('gives the lock to one of many that want it at once, also after a dead owner', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'lock')
    for (let round = 0; round < 20; round++) {
      if (round % 2) writeFileSync(path, 'left by the dead')
      const all = Array.from({ length: 8 }, () => new Lock(path))
      const tried = await Promise.allSettled(all.map((lock) => lock.hold()))
      const holders = all.filter((_, index) => tried[index]?.status === 'fulfilled')
      // A holder that lost it between two steps of another one detects that in its next call.
      const still = await Promise.allSettled(holders.map((lock) => lock.hold()))
      assert.is(still.filter(({ status }) => status === 'fulfilled').length, 1)
      for (const lock of all) await lock.release()
      assert.equal(filesIn(dir), [])
    }
  }))

test('does not remove the lock of another holder', () =>
  inFolder(async (dir) => {
    const first = new Lock(join(dir, 'lock'))
    const second = new Lock(join(dir, 'lock'))
    await first.hold()
    await rejects(() => second.hold(), /already_exists/)
    await second.release()
    assert.equal(filesIn(dir), ['lock'])
    await rejects(() => second.hold(), /already_exists/)
  }))

test('names the owner while that process lives', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'lock')
    assert.is(await readOwner(path), undefined)
    const lock = new Lock(path)
    await lock.hold()
    const owner = await readOwner(path)
    assert.is(owner?.pid, process.pid)
    await lock.release()
    assert.is(await readOwner(path), undefined)
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    const other = { pid: child.pid as number, start: '' }
    writeFileSync(path, JSON.stringify(other))
    assert.equal(await readOwner(path), other)
    // Another process has its id now, which is not the owner.
    const before = { ...other, start: '1' }
    assert.is(isAlive(before), owner?.start === '')
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.is(await readOwner(path), undefined)
    writeFileSync(path, 'garbage')
    assert.is(await readOwner(path), undefined)
  }))

test('counts as held by a live process, and by an owner that cannot be checked', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'lock')
    assert.not.ok(await isHeld(path))
    const lock = new Lock(path)
    await lock.hold()
    assert.ok(await isHeld(path))
    const owner = await readOwner(path)
    assert.ok(owner?.host)
    await lock.release()
    assert.not.ok(await isHeld(path))
    const dead = { ...owner, pid: 2 ** 22 + 1 }
    for (const [text, held] of [
      ['garbage', false],
      [JSON.stringify(dead), false],
      [JSON.stringify({ pid: dead.pid, start: dead.start }), false],
      [JSON.stringify({ ...dead, host: 'another' }), true],
    ] as const) {
      writeFileSync(path, text)
      assert.is(await isHeld(path), held, text)
      // It can be taken over: a host that was renamed must be able to use its folder.
      await lock.hold()
      await lock.release()
    }
  }))

test('a zombie counts as dead', async () => {
  if (!existsSync('/proc/self/stat')) return // this cannot be seen there
  // The program that replaces the shell does not wait for its child.
  const script = 'sleep 0 & echo $!; exec sleep 60'
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [text] = (await once(parent.stdout, 'data')) as [Buffer]
  const zombie = { pid: Number(text.toString()), start: '' }
  await until('it to end', () => !isAlive(zombie))
  parent.kill('SIGKILL')
  await once(parent, 'exit')
})

const hasPs = startByPs(process.pid) !== ''

const psTest = (name: string, run: () => unknown): void =>
  hasPs ? test(name, run) : test.skip(name, 'there is no ps')

psTest('without /proc, ps distinguishes a process from an earlier one with its id', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  const pid = child.pid as number
  const start = startByPs(pid)
  assert.match(start, /^\w{3} \w{3} \d+ \d\d:\d\d:\d\d \d{4}$/)
  assert.ok(isAlive({ pid, start }))
  assert.not.ok(isAlive({ pid, start: 'Thu Jan 1 00:00:00 1970' }))
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.is(startByPs(pid), '')
  assert.not.ok(isAlive({ pid, start }))
})

test('a lock from before the restart of the host has no owner, whatever its process id', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'lock')
    const own = ownProcess()
    assert.ok(isAlive(own))
    if (own.boot === undefined) return // not recorded there
    const before = { ...own, boot: 'another' }
    assert.not.ok(isAlive(before))
    writeFileSync(path, JSON.stringify(before))
    const lock = new Lock(path)
    await lock.hold()
    await lock.release()
  }))

test('check restores a lock that was removed, and rejects if another holder has it', () =>
  inFolder(async (root) => {
    const dir = join(root, 'folder')
    mkdirSync(dir)
    const path = join(dir, 'lock')
    const lock = new Lock(path)
    await lock.hold()
    await lock.check()
    rmSync(path)
    await lock.check()
    assert.equal(filesIn(dir), ['lock'])
    rmSync(path)
    const other = new Lock(path)
    await other.hold()
    await rejects(() => lock.check(), /^already_exists/)
    await other.check()
    renameSync(dir, join(root, 'away'))
    await rejects(() => other.check(), /^not_found .*removed, moved or replaced/)
    mkdirSync(dir)
    await rejects(() => other.check(), /^not_found .*removed, moved or replaced/)
    assert.equal(filesIn(dir), [])
    await other.release()
  }))

test.run()
