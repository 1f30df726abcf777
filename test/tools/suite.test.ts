/** Each hole of uvu that helpers/suite.ts closes, as a small program that must end red. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'

const test = suite('suite')

/** The exit code of a program beside this file, and all it said. */
const start = (program: string, args: readonly string[] = [], env: Record<string, string> = {}) => {
  const path = fileURLToPath(new URL(program, import.meta.url))
  const { CI: _, ...inherited } = process.env
  const command = ['--import', 'tsx', path, ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    env: { ...inherited, ...env },
    timeout: 30_000,
  })
  return { status, said: `${stdout}${stderr}` }
}

const play = (fixture: string, env?: Record<string, string>) =>
  start(`../fixtures/suite/${fixture}.ts`, [], env)

test('ends green when all holds', () => {
  const { status, said } = play('green')
  assert.is(status, 0, said)
  assert.match(said, /Passed:\s+3/)
})

const red: Record<string, RegExp> = {
  'throws-string': /"throws a string".*threw what is no Error: 'a bare string'/s,
  'throws-undefined': /"rejects with undefined".*threw what is no Error: undefined/s,
  'never-run': /suite "never-run" never ran to its end: is \.run\(\) missing\?/,
  'never-settles': /"hangs".*not settled after 100 ms/s,
  'no-rejection': /expected a rejection, but it succeeded/,
  'other-rejection': /rejected with " no room", not \/not_found\//,
  'failing-hook': /a hook of suite "failing-hook" failed.*no world to test in/s,
  exits: /suite "exits" never ran to its end/,
}

for (const [program, why] of Object.entries(red)) {
  test(`ends red and says why: ${program}`, () => {
    const { status, said } = play(program)
    assert.is(status, 1, said)
    assert.match(said, why)
  })
}

test('may leave a test out, saying so, but not where CI is set', () => {
  const here = play('skips')
  assert.is(here.status, 0, here.said)
  assert.match(here.said, /SKIPPED skips: needs what is missing \(there is no such program here\)/)
  const there = play('skips', { CI: '1' })
  assert.is(there.status, 1, there.said)
  assert.match(there.said, /skipped where CI is set: there is no such program here/)
})

test('is run once and counted once by the runner, also with several suites in a file', () => {
  const { status, said } = start('run.ts', ['network', 'memory'])
  assert.is(status, 0, said)
  assert.is(said.match(/Total:/g)?.length, 1, said)
  const [, total] = /Total:\s+(\d+)/.exec(said) ?? []
  assert.match(said, `\n${total} passed, 0 failed`)
})

test('ends red where the runner finds no test', () => {
  const { status, said } = start('run.ts', ['no-such-file'])
  assert.is(status, 1, said)
  assert.match(said, '0 passed, 0 failed')
})

test.run()
