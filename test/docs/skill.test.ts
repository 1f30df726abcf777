/**
 * SKILL.md: what the catalogue of skills checks, and each of its commands. They run in a shell, over
 * a mailbox.
 */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { BIN, ROOT } from '../helpers/cli.ts'
import { inFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('skill')

const execute = promisify(execFile)
const page = readFileSync(join(ROOT, 'SKILL.md'), 'utf8')

const sectionOf = (title: string): string =>
  page.split(/^## /m).find((part) => part.startsWith(title)) ?? ''

const blocksOf = (text: string): string[] =>
  [...text.matchAll(/^```bash\n(.*?)^```/gms)].map(([, block = '']) => block)

test('the page has the form of the catalogue', () => {
  const [, front = ''] = /^---\n(.*?)^---$/ms.exec(page) ?? []
  assert.ok(page.startsWith('---\n') && front !== '')
  for (const field of ['name', 'description', 'tags', 'license', 'allowed-tools', 'metadata'])
    assert.match(front, new RegExp(`^${field}:`, 'm'))
  assert.match(front, /^name: pilot-gossip$/m)
  assert.match(front, /Use this skill when:.*Do NOT use this skill when:/s)
  assert.match(front, /- kind: node\n\s+package: pilot-gossip\n\s+bins:\n\s+- pilot-gossip$/m)
  for (const title of ['Commands', 'Workflow Example', 'Dependencies'])
    assert.match(page, new RegExp(`^## ${title}$`, 'm'))
  assert.ok(page.split('\n').length <= 200)
  // There each pilotctl command prints JSON.
  for (const block of blocksOf(page)) assert.not.match(block, /pilotctl\s+(?!--json)/)
})

/** Runs a script with `pilot-gossip` on the path, and everything it writes below `dir`. */
const runScript = async (dir: string, script: string): Promise<string> => {
  const bin = join(dir, 'bin')
  mkdirSync(bin, { recursive: true })
  const program = `#!/bin/sh\ncd '${ROOT}' && exec '${process.execPath}' --import tsx '${BIN}' "$@"\n`
  writeFileSync(join(bin, 'pilot-gossip'), program)
  chmodSync(join(bin, 'pilot-gossip'), 0o755)
  const { stdout } = await execute('bash', ['-euc', script], {
    env: {
      PATH: `${bin}:${process.env.PATH}`,
      HOME: dir,
      MAILBOX: join(dir, 'mailbox'),
      PILOT_REGISTRY: '127.0.0.1:1',
    },
  })
  return stdout
}

test('the workflow: starts an agent, shares, and stops it', () =>
  inFolder(async (dir) => {
    const [workflow = ''] = blocksOf(sectionOf('Workflow Example'))
    const answers = (await runScript(dir, workflow))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.is(answers.length, 7)
    for (const { status } of answers) assert.is(status, 'ok')
    const [, , , , list, sum] = answers
    assert.equal(list.data.entries, { 'anna:state': 'working' })
    assert.is(sum.data.value, 1)
  }))

test('each command of the page works, in its order', () =>
  inFolder(async (dir) => {
    const [commands = ''] = blocksOf(sectionOf('Commands'))
    const own = commands.replaceAll('--json', '--data "$HOME/data" --json')
    const start =
      'pilot-gossip run --swarm kv --mailbox "$MAILBOX" --data "$HOME/data" --detach --json'
    const stop = 'pilot-gossip stop --data "$HOME/data" --json'
    const printed = await runScript(dir, `${start}\ntrap '${stop}' EXIT\n${own}`)
    const lines = printed.trim().split('\n')
    assert.is(lines.length, commands.trim().split('\n').length + 2)
    for (const line of lines) assert.is(JSON.parse(line).status, 'ok', line)
  }))

test.run()
