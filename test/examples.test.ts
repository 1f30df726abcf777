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
  /** Resolves when it has printed that line; rejects if it ends before. */
  readonly prints: (line: string | RegExp) => Promise<string>
  /** Resolves when it has ended by itself with exit code 0; otherwise rejects. */
  readonly ends: () => Promise<void>
}

const start = (file: string, ...args: string[]): Script => {
  const path = join('test', 'examples', file)
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], { cwd: root })
  running.add(child)
  const output = { stdout: '', stderr: '' }
  let ending: string | undefined
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  child.once('close', (code, signal) => {
    running.delete(child)
    ending = `${signal ?? code}`
  })
  const what = [file, ...args.slice(1)].join(' ')
  const lines = (): string[] => output.stdout.split('\n').slice(0, -1)
  const prints = (line: string | RegExp): Promise<string> =>
    until(`${what} to print ${line}`, () => {
      const found = lines().find((one) => (line instanceof RegExp ? line.test(one) : one === line))
      if (found === undefined && ending !== undefined) {
        throw new Error(
          `${what} ended (${ending}) and did not print ${line}: ${output.stdout}${output.stderr}`,
        )
      }
      return found
    })
  const ends = async (): Promise<void> => {
    try {
      await until(`${what} to end`, () => ending !== undefined)
    } catch (error) {
      throw new Error(`${what} does not end: ${output.stdout}${output.stderr}`, { cause: error })
    }
    assert.is(ending, '0', `${what}: ${output.stdout}${output.stderr}`)
  }
  return { kill: (signal) => child.kill(signal), lines, prints, ends }
}

/** Calls `run` with a folder that does not exist yet; then ends all scripts and removes the folder. */
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

test('share: one process writes, the other reads it, both count, and each ends by itself', () =>
  within(async (mailbox) => {
    const write = start('share-write.ts', mailbox)
    const read = start('share-read.ts', mailbox)
    await Promise.all([write.ends(), read.ends()])
    assert.equal(write.lines(), ['waiting for share-read.ts', 'count 200'])
    assert.ok(read.lines().includes('the other wrote greeting undefined -> hello'))
    assert.ok(read.lines().includes('count 200'))
  }))

test('queue: every task is done, even if its worker is killed', () =>
  within(async (mailbox) => {
    const COUNT = 7
    const put = start('queue-put.ts', mailbox, `${COUNT}`)
    /** Milliseconds. Longer than the test: this worker never finishes its task. */
    const slow = start('queue-work.ts', mailbox, 'slow', '600000')
    const task = (await slow.prints(/^working on /)).slice('working on '.length)
    const workers = ['anna', 'bert'].map((name) => start('queue-work.ts', mailbox, name))
    const done = (): Set<string> =>
      new Set(put.lines().flatMap((line) => /^(\S+) = /.exec(line)?.[1] ?? []))

    await Promise.all(workers.map((worker) => worker.prints('waiting for tasks')))
    await until('all others to be done', () => done().size === COUNT - 1)
    assert.not.ok(done().has(task), 'another worker took a task that a living one has claimed')
    slow.kill('SIGKILL')
    await put.ends()
    for (const worker of workers) worker.kill('SIGINT')
    await Promise.all(workers.map((worker) => worker.ends()))

    assert.is(put.lines().at(-1), 'all done')
    const workOf = (worker: Script | undefined): string[] =>
      worker?.lines().flatMap((line) => /^did (.+)/.exec(line)?.[1] ?? []) ?? []
    const [anna, bert] = workers.map(workOf)
    for (let n = 1; n <= COUNT; n++) {
      const line = put.lines().find((line) => line.startsWith(`task:${n} = `)) ?? ''
      const [, square, by] = /= (\d+), by (anna|bert)$/.exec(line) ?? []
      assert.is(Number(square), n * n, line)
      assert.ok((by === 'anna' ? anna : bert)?.includes(`task:${n}`), line)
    }
  }))

test('presence: shows an agent that joins, one that is killed, and one that leaves', () =>
  within(async (mailbox) => {
    const anna = start('presence.ts', mailbox, 'anna')
    await anna.prints('+ anna')
    const bert = start('presence.ts', mailbox, 'bert')
    const cora = start('presence.ts', mailbox, 'cora')
    await Promise.all([anna.prints('+ bert'), anna.prints('+ cora'), cora.prints('+ anna')])
    bert.kill('SIGKILL')
    cora.kill('SIGINT')
    await anna.prints('- cora left')
    await anna.prints('- bert is silent')
    assert.not.ok(anna.lines().includes('- bert left'))
    await cora.ends()
    anna.kill('SIGINT')
    await anna.ends()
  }))

test('provider: the README shows the example unchanged', () => {
  const text = readFileSync(join(root, 'test', 'examples', 'provider.ts'), 'utf8')
  const code = text.slice(text.indexOf('import {'))
  assert.ok(readFileSync(join(root, 'README.md'), 'utf8').includes(`\n${code}\`\`\``))
})

test('provider: two processes share one text, and each ends on Ctrl-C', () =>
  within(async (mailbox) => {
    const anna = start('provider.ts', 'anna', mailbox)
    const bert = start('provider.ts', 'bert', mailbox)
    const both = /^(anna was here\. bert was here\. |bert was here\. anna was here\. )$/
    const [text, other] = await Promise.all([anna.prints(both), bert.prints(both)])
    assert.is(text, other)
    for (const script of [anna, bert]) script.kill('SIGINT')
    await Promise.all([anna.ends(), bert.ends()])
  }))

test('two writers: both agents have both lines whole, in the same order', () =>
  within(async (mailbox) => {
    const anna = start('two-writers.ts', mailbox, 'anna')
    const bert = start('two-writers.ts', mailbox, 'bert')
    await Promise.all([anna.ends(), bert.ends()])
    assert.equal(anna.lines(), bert.lines())
    const line = 'wrote this line word by word while the other wrote, too. '
    assert.equal(anna.lines().sort(), [`anna ${line}`, `bert ${line}`])
  }))

test.run()
