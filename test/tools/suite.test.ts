/** Each hole of uvu that helpers/suite.ts closes, as a small program that must fail. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'

const test = suite('suite')

/** The exit code and the output of a program beside this file. */
const start = (program: string, args: readonly string[] = [], env: Record<string, string> = {}) => {
  const path = fileURLToPath(new URL(program, import.meta.url))
  const { CI: _, ...inherited } = process.env
  const command = ['--import', 'tsx', path, ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    env: { ...inherited, ...env },
    timeout: 30_000,
  })
  return { status, output: `${stdout}${stderr}` }
}

const play = (fixture: string, env?: Record<string, string>) =>
  start(`../fixtures/suite/${fixture}.ts`, [], env)

test('passes if every test passes', () => {
  const { status, output } = play('green')
  assert.is(status, 0, output)
  assert.match(output, /Passed:\s+3/)
})

const red: Record<string, RegExp> = {
  'throws-string': /"throws a string".*threw something other than an Error: 'a bare string'/s,
  'throws-undefined': /"rejects with undefined".*threw something other than an Error: undefined/s,
  'never-run': /suite "never-run" never ran to its end: is \.run\(\) missing\?/,
  'never-settles': /"hangs".*not settled after 100 ms/s,
  'no-rejection': /expected a rejection, but it succeeded/,
  'other-rejection': /rejected with " no room", not \/not_found\//,
  'failing-hook': /a hook of suite "failing-hook" failed.*no world to test in/s,
  exits: /suite "exits" never ran to its end/,
}

for (const [program, why] of Object.entries(red)) {
  test(`fails with a reason: ${program}`, () => {
    const { status, output } = play(program)
    assert.is(status, 1, output)
    assert.match(output, why)
  })
}

test('prints a skipped test, which fails if CI is set', () => {
  const here = play('skips')
  assert.is(here.status, 0, here.output)
  assert.match(
    here.output,
    /SKIPPED skips: needs what is missing \(there is no such program here\)/,
  )
  const there = play('skips', { CI: '1' })
  assert.is(there.status, 1, there.output)
  assert.match(there.output, /skipped although CI is set: there is no such program here/)
})

test('runs once and counts once in the runner, also with several suites in a file', () => {
  const { status, output } = start('run.ts', ['network', 'memory'])
  assert.is(status, 0, output)
  assert.is(output.match(/Total:/g)?.length, 1, output)
  const [, total] = /Total:\s+(\d+)/.exec(output) ?? []
  assert.match(output, `\n${total} passed, 0 failed`)
})

test('fails if the runner finds no test', () => {
  const { status, output } = start('run.ts', ['no-such-file'])
  assert.is(status, 1, output)
  assert.match(output, '0 passed, 0 failed')
})

test.run()
