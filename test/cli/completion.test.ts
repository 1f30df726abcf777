/** Completion: the candidates for a line, and the scripts that request them. */
import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { complete } from '../../src/cli/complete.ts'
import { COMMANDS } from '../../src/cli/program.ts'
import { ControlServer } from '../../src/control/server.ts'
import { BIN, homeEnv, inProcess, ROOT } from '../helpers/cli.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('cli completion')

const temporary = temporaryFolder()
test.after(() => temporary.remove())

/** The words of a line, and the candidates for the last one: words, files or folders. */
const cases: readonly (readonly [words: string[], expected: readonly string[] | string])[] = [
  [['he'], ['help']],
  [['h'], ['has', 'history', 'help']],
  [['--json', 'wat'], ['watch']],
  [['--data', '/x/get', 'wat'], ['watch']],
  [['--v'], ['--version']],
  [
    ['get', 'k', '--'],
    ['--path', '--versioned', '--map', '--swarm', '--data', '--json', '--help'],
  ],
  [
    ['set', 'k', '-5', '--s'],
    ['--string', '--swarm'],
  ],
  [
    ['run', '--transport', ''],
    ['pilot', 'mailbox'],
  ],
  [['run', '--transport=m'], ['--transport=mailbox']],
  [['export', '--format', 'n'], ['ndjson']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['help', 'incr'], ['increment']],
  [['import', 'st'], 'files'],
  [['run', '--pilotctl', ''], 'files'],
  [['run', '--data', 'su'], 'folders'],
  [['run', '--data=su'], 'folders'],
  [
    ['get', ''],
    ['plain', 'task:7'],
  ],
  [['set', 'ta'], ['task:7']],
  [['get', '--', 'ta'], ['task:7']],
  [['increment', 'plain', ''], []],
  [['set', '--', '--j'], []],
  [['fly', ''], []],
  [['fly', '--'], []],
  [['run', '--fanout', ''], []],
]

for (const [words, expected] of cases) {
  test(`complete: ${words.join(' ')}`, async () => {
    const found = await complete(COMMANDS, words, async () => ['plain', 'task:7'])
    assert.equal(found.kind === 'words' ? found.words.map(([word]) => word) : found.kind, expected)
  })
}

test('complete: every command and every option is offered, with its help', async () => {
  const none = async () => []
  const all = await complete(COMMANDS, [''], none)
  assert.equal(
    all.kind === 'words' && all.words,
    COMMANDS.map(({ name, about }) => [name, about]),
  )
  for (const { name, options } of COMMANDS) {
    const found = await complete(COMMANDS, [name, '--'], none)
    const words = found.kind === 'words' ? found.words : []
    for (const [option, { about }] of Object.entries(options)) {
      assert.ok(
        words.some(([word, text]) => word === `--${option}` && text === about),
        `${name} --${option}`,
      )
    }
  }
})

test('complete: passes on the options that select the agent', async () => {
  const asked: unknown[] = []
  const ask = async (options: object) => {
    asked.push(options)
    return []
  }
  await complete(COMMANDS, ['--data', '~/d', 'set', '--map=m', 'ta'], ask)
  await complete(COMMANDS, ['get', ''], ask)
  assert.equal(asked, [{ data: '~/d', map: 'm' }, {}])
})

test('complete: is a command for scripts, not in help', async () => {
  assert.equal(await inProcess(['complete', 'run', '--ws-r', '--detach=']), {
    code: 0,
    stdout: 'words\n',
    stderr: '',
  })
  assert.is(
    (await inProcess(['complete', 'get', '--ma'])).stdout,
    'words\n--map\tanother map (default: state)\n',
  )
  assert.is((await inProcess(['complete', 'import', '--json'])).stdout.split('\n').length, 3)
  assert.not((await inProcess(['help'])).stdout.includes('\n  complete '))
})

test('complete: asks the running agent for its keys, and omits those that need quotes', async () => {
  const dir = join(temporary.dir, 'keys')
  const server = new ControlServer({
    dir,
    handle: (request) => ({ keys: ['b', 'two words', '-x', 'map' in request ? request.map : ''] }),
  })
  await server.open()
  try {
    const env = { HOME: temporary.dir }
    const words = ['complete', 'get', '--data', '~/keys', '--map=m', '']
    assert.is((await inProcess(words, { env })).stdout, 'words\nb\t\nm\t\n')
  } finally {
    await server.close()
  }
  const lost = await inProcess(['complete', 'get', '--data', dir, ''])
  assert.equal(lost, { code: 0, stdout: 'words\n', stderr: '' })
})

const run = promisify(execFile)
const isInstalled = (shell: string): boolean =>
  spawnSync(shell, ['-c', 'true'], { stdio: 'ignore' }).status === 0

const scriptOf = async (shell: string): Promise<string> => {
  const script = join(temporary.dir, `completion.${shell}`)
  writeFileSync(script, (await inProcess(['completion', shell])).stdout)
  return script
}

const COMPLETE = `
source "$1"
shift
COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'
for COMP_LINE; do
  COMP_POINT=\${#COMP_LINE}
  _pilot_gossip pilot-gossip
  printf '%s ' \${COMPREPLY[@]+"\${COMPREPLY[@]}"}
  echo
done
`

/** What bash completes these lines to, with the cursor at their end. */
const completeInBash = async (
  lines: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd = temporary.dir,
): Promise<string[][]> => {
  const args = ['--norc', '--noprofile', '-uc', COMPLETE, 'bash', await scriptOf('bash'), ...lines]
  const { stdout, stderr } = await run('bash', args, { env, cwd })
  assert.is(stderr, '')
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ').filter((word) => word !== ''))
}

/** A folder with a program pilot-gossip, to put first in PATH. */
const programFolder = (name: string, script: string): NodeJS.ProcessEnv => {
  const dir = join(temporary.dir, name)
  mkdirSync(dir)
  writeFileSync(join(dir, 'pilot-gossip'), `#!/usr/bin/env bash\n${script}\n`)
  chmodSync(join(dir, 'pilot-gossip'), 0o755)
  return homeEnv(temporary.dir, { PATH: `${dir}:${process.env.PATH}` })
}

/** The program itself; tsx is found from the project's folder. */
const REAL = `cd '${ROOT}'; exec '${process.execPath}' --import tsx '${BIN}' "$@"`

if (isInstalled('bash')) {
  test('bash: completes commands, options, values, files and folders', async () => {
    const env = programFolder('real', REAL)
    const folder = join(temporary.dir, 'files')
    mkdirSync(join(folder, 'sub folder'), { recursive: true })
    writeFileSync(join(folder, 'state.json'), '')
    const cases: readonly (readonly [line: string, expected: readonly string[]])[] = [
      ['pilot-gossip h', ['has', 'history', 'help']],
      [
        'pilot-gossip get k --',
        ['--path', '--versioned', '--map', '--swarm', '--data', '--json', '--help'],
      ],
      ['pilot-gossip run --transport ', ['pilot', 'mailbox']],
      ['pilot-gossip run --transport=m', ['mailbox']],
      ['pilot-gossip import st', ['state.json']],
      ['pilot-gossip run --data su', ['sub', 'folder']],
      ['pilot-gossip run --data=su', ['sub', 'folder']],
      ['pilot-gossip run --data st', []],
      ['pilot-gossip get ', []],
    ]
    const lines = cases.map(([line]) => line)
    const found = await completeInBash(lines, env, folder)
    for (const [index, [line, expected]] of cases.entries())
      assert.equal(found[index], expected, line)
  })

  test('bash: completes no key with a special meaning to the shell', async () => {
    const keys = ['plain', 'task:7', 'task:8', '$(touch hurt)', '`x`', 'a;b', 'a\\x']
    const script = `printf '%s\\n' "$*" >>asked; cat <<'END'\nwords\n${keys.join('\t\n')}\t\nEND`
    const env = programFolder('keys-of-peers', script)
    const lines = ['pilot-gossip get ', 'pilot-gossip --data ~/d set --map=m task:']
    assert.equal(await completeInBash(lines, env), [
      ['plain', 'task:7', 'task:8'],
      ['plain', '7', '8'],
    ])
    assert.not(existsSync(join(temporary.dir, 'hurt')))
    assert.equal(readFileSync(join(temporary.dir, 'asked'), 'utf8').split('\n'), [
      'complete get ',
      'complete --data ~/d set --map=m task:',
      '',
    ])
  })
} else {
  test.skip('bash completes', 'bash is not installed')
}

// If they are installed: few machines have all three.
for (const shell of ['zsh', 'fish'].filter(isInstalled)) {
  test(`${shell}: parses its script`, async () => {
    await run(shell, ['-n', await scriptOf(shell)])
  })
}

if (isInstalled('fish')) {
  test('fish: completes commands, options, values and keys', async () => {
    const script = await scriptOf('fish')
    const env = programFolder('fish', REAL)
    const complete = async (line: string): Promise<string[]> => {
      const args = ['-c', 'source $argv[1]; complete -C $argv[2]', script, line]
      const { stdout } = await run('fish', args, { env })
      return stdout
        .split('\n')
        .map((found) => found.split('\t')[0]!)
        .filter((word) => word !== '')
    }
    assert.equal(await complete('pilot-gossip incr'), ['increment'])
    assert.equal(await complete('pilot-gossip run --transport '), ['mailbox', 'pilot'])
    assert.equal(await complete('pilot-gossip export --form'), ['--format'])
  })
}

test.run()
