/** Where programs are started: in a helper process, which may be late, missing, or killed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Launcher } from '../../../src/transports/pilot/launcher.ts'
import type { Ended, Job } from '../../../src/transports/pilot/process.ts'
import { suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const test = suite('pilot launcher')

const inFolder =
  (play: (script: (text: string) => string, launcher: Launcher) => Promise<void>) => async () => {
    const folder = mkdtempSync(join(tmpdir(), 'launcher-'))
    const launcher = new Launcher()
    let count = 0
    try {
      await play((text) => {
        const path = join(folder, `program-${count++}`)
        writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 })
        return path
      }, launcher)
    } finally {
      await launcher.close()
      rmSync(folder, { recursive: true, force: true })
    }
  }

const jobOf = (program: string, more: Partial<Job> = {}): Job => ({
  program,
  args: [],
  env: {},
  timeoutMs: 20_000,
  ...more,
})

const outputOf = (ended: Ended): string =>
  ended.kind === 'done' ? ended.stdout.trim() : `not done: ${ended.kind}`

/** The id of the process that started the program. */
const PARENT = 'echo $PPID'

/** Runs programs until the helper starts them, and returns the helper's process id. */
const helperOf = (launcher: Launcher, program: string): Promise<number> =>
  until('the helper', async () => {
    const parent = Number(outputOf(await launcher.run(jobOf(program)).ended))
    return parent === process.pid ? undefined : parent
  })

test(
  'starts programs here until the helper is ready, and there from then on',
  inFolder(async (script, launcher) => {
    const program = script(PARENT)
    assert.is(outputOf(await launcher.run(jobOf(program)).ended), String(process.pid))
    const helper = await helperOf(launcher, program)
    const parents = await Promise.all(
      Array.from({ length: 5 }, () => launcher.run(jobOf(program)).ended),
    )
    for (const ended of parents) assert.is(outputOf(ended), String(helper))
  }),
)

test(
  'passes arguments, input and environment on unchanged, and both outputs back',
  inFolder(async (script, launcher) => {
    const program = script('printf "%s|" "$@" "$GREETING"; cat; echo trouble >&2; exit 3')
    await helperOf(launcher, script(PARENT))
    const args = ['-x', '', 'ü 😀\n"']
    const input = 'é'.repeat(300_000)
    const job = jobOf(program, { args, input, env: { GREETING: 'hello' } })
    const ended = await launcher.run(job).ended
    assert.equal(ended, { kind: 'done', stdout: `-x||ü 😀\n"|hello|${input}`, stderr: 'trouble' })
  }),
)

test(
  'ends a program that takes too long, or was stopped',
  inFolder(async (script, launcher) => {
    const sleeper = script('sleep 60')
    await helperOf(launcher, script(PARENT))
    assert.equal(await launcher.run(jobOf(sleeper, { timeoutMs: 50 })).ended, { kind: 'late' })
    const { ended, stop } = launcher.run(jobOf(sleeper))
    stop()
    assert.equal(await ended, { kind: 'stopped' })
  }),
)

test(
  'reports what could not be run',
  inFolder(async (script, launcher) => {
    await helperOf(launcher, script(PARENT))
    const missing = await launcher.run(jobOf('/does/not/exist')).ended
    assert.is(missing.kind, 'not run')
    assert.is(missing.kind === 'not run' && missing.code, 'ENOENT')
    const killed = await launcher.run(jobOf(script('kill -9 $$'))).ended
    assert.is(killed.kind === 'not run' && killed.signal, 'SIGKILL')
  }),
)

test(
  'refuses a job that cannot run, without affecting others',
  inFolder(async (script, launcher) => {
    const parent = script(PARENT)
    const bad: readonly Partial<Job>[] = [
      { args: ['a\0b'] },
      { program: 7 as never },
      { program: 'a\0b' },
      { input: 5 as never },
      { env: { BAD: 'x\0' } },
    ]
    // A function can become text for a program, but cannot be sent to another process.
    const odd: readonly Partial<Job>[] = [
      { env: { ODD: (() => 1) as never } },
      { args: [(() => 1) as never] },
    ]
    const refuse = async (): Promise<void> => {
      for (const more of bad) {
        const { kind } = await launcher.run(jobOf(parent, more)).ended
        assert.is(kind, 'not run', JSON.stringify(more))
      }
      for (const more of odd) await launcher.run(jobOf(parent, more)).ended
    }
    await refuse() // here
    const helper = await helperOf(launcher, parent)
    const { ended } = launcher.run(jobOf(script('sleep 0.5; echo done')))
    await refuse() // there
    assert.is(outputOf(await ended), 'done')
    assert.is(await helperOf(launcher, parent), helper, 'it lives')
  }),
)

test(
  'a helper that is killed loses its jobs, and another takes its place',
  inFolder(async (script, launcher) => {
    const parent = script(PARENT)
    const helper = await helperOf(launcher, parent)
    const { ended } = launcher.run(jobOf(script('sleep 60')))
    process.kill(helper, 'SIGKILL')
    assert.is((await ended).kind, 'not run')
    const next = await helperOf(launcher, parent)
    assert.not.equal(next, helper)
  }),
)

test(
  'leaves no helper behind',
  inFolder(async (script, launcher) => {
    const helper = await helperOf(launcher, script(PARENT))
    assert.ok(readFileSync(`/proc/${helper}/stat`, 'utf8').length > 0)
    await launcher.close()
    assert.throws(() => process.kill(helper, 0), /ESRCH/)
    assert.is(outputOf(await launcher.run(jobOf(script('echo still'))).ended), 'still')
  }),
)

test.run()
