import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Lock } from '../src/transports/lock.ts'
import { rejects, suite } from './helpers/suite.ts'

const createDir = (): string => mkdtempSync(join(tmpdir(), 'pilot-gossip-lock-'))

const filesIn = (dir: string): string[] => readdirSync(dir).sort()

const test = suite('lock')

test('takes over what no living process holds', async () => {
  const dir = createDir()
  const path = join(dir, 'lock')
  const dead = 2 ** 22 + 1 // above the highest process id that Linux gives
  for (const left of [
    '',
    'garbage',
    '{"pid":"1","start":""}',
    JSON.stringify({ pid: dead, start: '' }),
    // A living id that another process had: given twice.
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
  rmSync(dir, { recursive: true })
})

test('is had by one of many that want it at once, also after a dead one', async () => {
  const dir = createDir()
  const path = join(dir, 'lock')
  for (let round = 0; round < 20; round++) {
    if (round % 2) writeFileSync(path, 'left by the dead')
    const all = Array.from({ length: 8 }, () => new Lock(path))
    const tried = await Promise.allSettled(all.map((lock) => lock.hold()))
    const holders = all.filter((_, index) => tried[index]?.status === 'fulfilled')
    // Whoever lost it between two steps of another finds out when it asks again.
    const still = await Promise.allSettled(holders.map((lock) => lock.hold()))
    assert.is(still.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const lock of all) await lock.release()
    assert.equal(filesIn(dir), [])
  }
  rmSync(dir, { recursive: true })
})

test('leaves the lock of another alone', async () => {
  const dir = createDir()
  const first = new Lock(join(dir, 'lock'))
  const second = new Lock(join(dir, 'lock'))
  await first.hold()
  await rejects(() => second.hold(), /already_exists/)
  await second.release()
  assert.equal(filesIn(dir), ['lock'])
  await rejects(() => second.hold(), /already_exists/)
  rmSync(dir, { recursive: true })
})

test.run()
