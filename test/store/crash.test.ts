/** Acknowledged updates survive a power failure at each operation, and a killed process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { isFailure } from '../../src/errors.ts'
import type { Disk } from '../../src/fs/disk.ts'
import { LevelStore } from '../../src/store/level/level-store.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { restore, type Store } from '../../src/store/store.ts'
import { CrashDisk } from '../fixtures/store/crash-disk.ts'
import { docOf } from '../fixtures/store/updates.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('store crash')

const DIR = '/store'

/**
 * Loads, writes three numbers three times and compacts, as far as it gets. Adds each number that is on
 * disk to `acknowledged`. Resolves to the problems of the folder.
 */
const live = async (disk: Disk, acknowledged: Set<number>): Promise<readonly string[]> => {
  const store = new LogStore({ dir: DIR, disk })
  const doc = new Y.Doc()
  const { problems } = restore(doc, await store.load())
  let update = new Uint8Array()
  doc.on('update', (bytes: Uint8Array) => {
    update = bytes as typeof update
  })
  const numbers = doc.getMap<number>('numbers')
  const write = async (): Promise<void> => {
    const number = numbers.size
    numbers.set(`${number}`, number)
    await store.append(update)
    acknowledged.add(number)
  }
  const work: Promise<unknown>[] = []
  for (let round = 0; round < 3; round++) {
    const writes = [write(), write(), write()]
    const compaction = round > 0 ? [store.compact(doc), write()] : []
    work.push(...writes, ...compaction)
    const results = await Promise.allSettled(writes)
    await Promise.allSettled(compaction)
    if (results.some(({ status }) => status === 'rejected')) break
  }
  for (const result of await Promise.allSettled([...work, store.close()])) {
    if (result.status === 'rejected' && !isFailure(result.reason)) throw result.reason
  }
  return problems.map(({ type }) => type)
}

/** Checks that all acknowledged numbers are on the disk, and that at most a tail is torn. */
const check = async (disk: Disk, acknowledged: Set<number>, what: string): Promise<void> => {
  const store = new LogStore({ dir: DIR, disk })
  const loaded = await store.load()
  const numbers = docOf(loaded).getMap('numbers')
  for (const number of acknowledged) {
    assert.ok(numbers.has(`${number}`), `${number} is lost (${what})`)
  }
  const types = loaded.problems.map(({ type }) => type)
  assert.equal(
    types.filter((type) => type !== 'torn'),
    [],
    what,
  )
  await store.close()
}

test('loses nothing in a power failure at each operation, and in another one in the run after it', async () => {
  const whole = new CrashDisk()
  const all = new Set<number>()
  assert.equal(await live(whole, all), [])
  assert.is(all.size, 11)
  assert.ok(whole.operations > 40, `${whole.operations} operations`)
  for (let stopAt = 1; stopAt <= whole.operations + 1; stopAt++) {
    for (let seed = 0; seed < 4; seed++) {
      const what = `operation ${stopAt}, seed ${seed}`
      const random = new Random(stopAt * 100 + seed)
      const acknowledged = new Set<number>()
      let disk = new CrashDisk()
      for (const stop of [stopAt, random.int(1, whole.operations)]) {
        disk.stopAt = stop
        try {
          await live(disk, acknowledged)
        } catch (error) {
          if (!isFailure(error)) throw error // the cut came while it was loading
        }
        disk = disk.reboot(random)
        await check(disk, acknowledged, what)
      }
    }
  }
})

/** The number of kills. The crash test of the whole agent makes 200. */
const KILLS = 20

const WRITER = fileURLToPath(new URL('../fixtures/store/writer.ts', import.meta.url))

const isOver = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null

const KINDS: Readonly<Record<string, (dir: string) => Store>> = {
  log: (dir) => new LogStore({ dir }),
  level: (dir) => new LevelStore({ dir }),
}

for (const [kind, open] of Object.entries(KINDS)) {
  test(
    `keeps everything that a killed process has acknowledged in the ${kind}, under one writer`,
    async () => {
      const seed = Number(process.env.SEED ?? Date.now() % 1e6)
      console.log(`store crash, ${kind}: SEED=${seed}`)
      const random = new Random(seed)
      const { dir, remove } = temporaryFolder()
      const acknowledged = new Set<number>()
      const writers = new Set<string>()
      let compactions = 0
      try {
        for (let kill = 0; kill < KILLS; kill++) {
          const child = spawn(process.execPath, ['--import', 'tsx', WRITER, dir, kind], {
            stdio: ['ignore', 'pipe', 'inherit'],
          })
          let text = ''
          let lines = 0
          let isDone = false
          const enough = random.int(1, 200)
          child.stdout.on('data', (chunk: Buffer) => {
            text += `${chunk}`
            lines += `${chunk}`.split('\n').length - 1
            // At once, at an arbitrary moment.
            if (lines > enough && !isDone) isDone = child.kill('SIGKILL')
          })
          const closed = new Promise((resolve) => child.stdout.on('close', resolve))
          try {
            await until(`${enough} numbers`, () => isOver(child), 30_000)
          } finally {
            child.kill('SIGKILL')
          }
          await closed
          assert.is(child.signalCode, 'SIGKILL', `SEED=${seed}: the writer ended by itself`)
          const [first = '', ...numbers] = text.split('\n').slice(0, -1)
          const [, writer = ''] = first.split(' ')
          writers.add(writer)
          for (const number of numbers) acknowledged.add(Number(number))

          const store = open(dir)
          const loaded = await store.load()
          await store.close()
          if (loaded.state) compactions++
          const found = docOf(loaded).getMap('numbers')
          const lost = [...acknowledged].filter((number) => found.get(`${number}`) !== number)
          assert.equal(lost, [], `SEED=${seed}: lost after kill ${kill}`)
          assert.equal(
            loaded.problems.filter(({ type }) => type !== 'torn'),
            [],
            `SEED=${seed}`,
          )
        }
      } finally {
        remove()
      }
      assert.is(writers.size, 1, `SEED=${seed}: writers ${[...writers]}`)
      assert.ok(acknowledged.size >= KILLS, `${acknowledged.size} acknowledged`)
      assert.ok(compactions > 0)
    },
    { timeout: 300_000 },
  )
}

test.run()
