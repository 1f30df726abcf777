/** The examples, run as a reader would: real processes that share a folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { temporaryFolder } from './helpers/folder.ts'
import { suite } from './helpers/suite.ts'
import { until } from './helpers/until.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const test = suite('examples')
const running = new Set<ChildProcess>()

interface Script {
  readonly kill: (signal: NodeJS.Signals) => void
  readonly lines: () => string[]
  /** Resolves once it has said that line; rejects when it ends before. */
  readonly says: (line: string | RegExp) => Promise<string>
  /** Resolves when it has ended by itself, with exit code 0; else rejects. */
  readonly ends: () => Promise<void>
}

const start = (file: string, ...args: string[]): Script => {
  const path = join('test', 'examples', file)
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], { cwd: root })
  running.add(child)
  const told = { stdout: '', stderr: '' }
  let how: string | undefined
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      told[name] += text
    })
  }
  child.once('close', (code, signal) => {
    running.delete(child)
    how = `${signal ?? code}`
  })
  const what = [file, ...args.slice(1)].join(' ')
  const lines = (): string[] => told.stdout.split('\n').slice(0, -1)
  const says = (line: string | RegExp): Promise<string> =>
    until(`${what} to say ${line}`, () => {
      const found = lines().find((one) => (line instanceof RegExp ? line.test(one) : one === line))
      if (found === undefined && how !== undefined) {
        throw new Error(
          `${what} ended (${how}) and did not say ${line}: ${told.stdout}${told.stderr}`,
        )
      }
      return found
    })
  const ends = async (): Promise<void> => {
    try {
      await until(`${what} to end`, () => how !== undefined)
    } catch (error) {
      throw new Error(`${what} does not end: ${told.stdout}${told.stderr}`, { cause: error })
    }
    assert.is(how, '0', `${what}: ${told.stdout}${told.stderr}`)
  }
  return { kill: (signal) => child.kill(signal), lines, says, ends }
}

/** Runs with a folder that is not there yet; ends all scripts and removes it. */
const within = async (run: (mailbox: string) => Promise<void>): Promise<void> => {
  const { dir, remove } = temporaryFolder()
  try {
    await run(join(dir, 'mail'))
  } finally {
    for (const child of running) child.kill('SIGKILL')
    await until('all scripts to end', () => running.size === 0)
    remove()
  }
}

test('share: one writes, the other sees it, both count, and each ends by itself', () =>
  within(async (mailbox) => {
    const write = start('share-write.ts', mailbox)
    const read = start('share-read.ts', mailbox)
    await Promise.all([write.ends(), read.ends()])
    assert.equal(write.lines(), ['waiting for share-read.ts', 'count 200'])
    assert.ok(read.lines().includes('the other wrote greeting undefined -> hello'))
    assert.ok(read.lines().includes('count 200'))
  }))

test('queue: every task is done, also that of a worker that is killed over it', () =>
  within(async (mailbox) => {
    const COUNT = 7
    const put = start('queue-put.ts', mailbox, `${COUNT}`)
    /** Milliseconds. Longer than the test: it never gets done with its task. */
    const slow = start('queue-work.ts', mailbox, 'slow', '600000')
    const task = (await slow.says(/^working on /)).slice('working on '.length)
    const workers = ['anna', 'bert'].map((name) => start('queue-work.ts', mailbox, name))
    const done = (): Set<string> =>
      new Set(put.lines().flatMap((line) => /^(\S+) = /.exec(line)?.[1] ?? []))

    await Promise.all(workers.map((worker) => worker.says('waiting for tasks')))
    await until('all others to be done', () => done().size === COUNT - 1)
    assert.not.ok(done().has(task), 'nobody takes what is claimed by one that lives')
    slow.kill('SIGKILL')
    await put.ends()
    for (const worker of workers) worker.kill('SIGINT')
    await Promise.all(workers.map((worker) => worker.ends()))

    assert.is(put.lines().at(-1), 'all done')
    const workOf = (worker: Script | undefined): string[] =>
      worker?.lines().flatMap((line) => /^did (.+)/.exec(line)?.[1] ?? []) ?? []
    const [anna, bert] = workers.map(workOf)
    for (let n = 1; n <= COUNT; n++) {
      const told = put.lines().find((line) => line.startsWith(`task:${n} = `)) ?? ''
      const [, square, by] = /= (\d+), by (anna|bert)$/.exec(told) ?? []
      assert.is(Number(square), n * n, told)
      assert.ok((by === 'anna' ? anna : bert)?.includes(`task:${n}`), told)
    }
  }))

test('presence: one joins, one is killed and falls silent, one leaves', () =>
  within(async (mailbox) => {
    const anna = start('presence.ts', mailbox, 'anna')
    await anna.says('+ anna')
    const bert = start('presence.ts', mailbox, 'bert')
    const cora = start('presence.ts', mailbox, 'cora')
    await Promise.all([anna.says('+ bert'), anna.says('+ cora'), cora.says('+ anna')])
    bert.kill('SIGKILL')
    cora.kill('SIGINT')
    await anna.says('- cora left')
    await anna.says('- bert is silent')
    assert.not.ok(anna.lines().includes('- bert left'))
    await cora.ends()
    anna.kill('SIGINT')
    await anna.ends()
  }))

test('provider: the README shows it as it is', () => {
  const text = readFileSync(join(root, 'test', 'examples', 'provider.ts'), 'utf8')
  const code = text.slice(text.indexOf('import {'))
  assert.ok(readFileSync(join(root, 'README.md'), 'utf8').includes(`\n${code}\`\`\``))
})

test('provider: two share one text, and each ends by itself when it is told to', () =>
  within(async (mailbox) => {
    const anna = start('provider.ts', 'anna', mailbox)
    const bert = start('provider.ts', 'bert', mailbox)
    const both = /^(anna was here\. bert was here\. |bert was here\. anna was here\. )$/
    const [told, other] = await Promise.all([anna.says(both), bert.says(both)])
    assert.is(told, other)
    for (const script of [anna, bert]) script.kill('SIGINT')
    await Promise.all([anna.ends(), bert.ends()])
  }))

test('two writers: both lines are whole, in the same order at both', () =>
  within(async (mailbox) => {
    const anna = start('two-writers.ts', mailbox, 'anna')
    const bert = start('two-writers.ts', mailbox, 'bert')
    await Promise.all([anna.ends(), bert.ends()])
    assert.equal(anna.lines(), bert.lines())
    const line = 'wrote this line word by word while the other wrote, too. '
    assert.equal(anna.lines().sort(), [`anna ${line}`, `bert ${line}`])
  }))

test.run()
