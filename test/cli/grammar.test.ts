/** The grammar of the command line: how it is parsed, its help, its completion, and what it loads. */
import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { OF_KEYS } from '../../src/cli/completion-facts.ts'
import type { Command } from '../../src/cli/grammar.ts'
import { isService } from '../../src/cli/main.ts'
import { guess } from '../../src/cli/parse-guess.ts'
import { isValued, parseLine, usageOf } from '../../src/cli/parse-line.ts'
import { COMMANDS } from '../../src/cli/program.ts'
import { ControlServer } from '../../src/control/server.ts'
import { BIN, homeEnv, inProcess, ROOT, runCli, startCli } from '../helpers/cli.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('cli grammar')

const temporary = temporaryFolder()
test.after(() => temporary.remove())

/** What a line means: the command's name, its arguments and its options. */
const meaning = (...words: string[]) => {
  const { command, args, options } = parseLine(COMMANDS, words)
  return [command.name, args, options]
}

test('options stand anywhere, with = or without, once or several times', () => {
  const expected = ['get', ['k'], { map: 'm', data: '/d' }]
  assert.equal(meaning('get', 'k', '--map', 'm', '--data', '/d'), expected)
  assert.equal(meaning('--data=/d', 'get', '--map=m', 'k'), expected)
  assert.equal(meaning('--data', '/d', '--map', 'm', 'get', 'k'), expected)
  assert.equal(meaning('get', 'k', '--map', 'a', '--map', 'b')[2], { map: 'b' })
  assert.equal(meaning('run', '--peer', 'a', '--peer=b', '--detach')[2], {
    peer: ['a', 'b'],
    detach: true,
  })
  assert.equal(meaning('set', 'k', 'v', '--string', '--json')[2], { string: true, json: true })
  assert.equal(meaning('get', 'k', '--map=--odd', '--data=-5'), [
    'get',
    ['k'],
    { map: '--odd', data: '-5' },
  ])
  assert.equal(meaning('set', 'k', 'v', '--path', '')[2], { path: '' })
})

test('negative numbers are values, "-" is standard input, behind -- all are values', () => {
  for (const value of ['-5', '-0.5', '-.5', '-1e3', '-2.', '-1.5E-7', '-', '']) {
    assert.equal(meaning('set', 'k', value), ['set', ['k', value], {}], value)
  }
  assert.equal(meaning('increment', 'k', '-2', '--map', 'm'), [
    'increment',
    ['k', '-2'],
    { map: 'm' },
  ])
  assert.equal(meaning('set', '--map', '-5', 'k', '-6')[1], ['k', '-6'])
  assert.equal(meaning('set', '--map', '-5', 'k', '-6')[2], { map: '-5' })
  assert.equal(meaning('set', 'k', '--', '--json')[1], ['k', '--json'])
  assert.equal(meaning('set', '--', '--json', '-h'), ['set', ['--json', '-h'], {}])
  assert.equal(meaning('--', 'get', 'k'), ['get', ['k'], {}])
})

test('--help wins over all that is wrong, --version over no command', async () => {
  assert.equal(meaning('get', '--help'), ['help', ['get'], {}])
  assert.equal(meaning('-h', 'get', '--fast', 'a', 'b'), ['help', ['get'], {}])
  assert.equal(meaning('--help'), ['help', [], {}])
  assert.equal(meaning('-V'), ['version', [], {}])
  assert.equal(meaning('-hV'), ['help', [], {}])
  await rejects(() => meaning('get', 'k', '--version'), /unknown option "--version"/)
  await rejects(() => meaning('fly', '--help'), /unknown command "fly"/)
  await rejects(() => meaning('help', 'a', 'b'), /"b" is one argument too many/)
})

test('a running agent alone goes on when nobody reads', () => {
  assert.ok(isService(['--json', '--data', 'get', 'run', '--swarm', 'kv']))
  assert.not(isService(['list', '--map', 'run']))
  assert.not(isService([]))
})

test('a reader that has had enough is no failure', async () => {
  for (const args of [[], ['completion', 'zsh']]) {
    const { child, ended } = startCli(args, homeEnv(temporary.dir))
    child.stdout?.destroy()
    const { code, stderr } = await ended
    assert.equal([code, stderr], [0, ''])
  }
})

test('guesses: typing errors, swapped letters, beginnings, other words for it', () => {
  const at = (word: string) => guess(word, COMMANDS)
  assert.equal(at('lits'), ['list'])
  assert.equal(at('wacth'), ['watch'])
  assert.equal(at('incremnet'), ['increment'])
  assert.equal(at('WATCH'), ['watch'])
  assert.equal(at('ls'), ['list'])
  assert.equal(at('DEL'), ['delete'])
  assert.equal(at('incr'), ['increment'])
  assert.equal(at('comp'), ['completion'])
  assert.equal(at('fly'), [])
  assert.equal(at(''), [])
  assert.equal(at('x'.repeat(1000)), [])
  assert.equal(guess('--dat', [{ name: '--data' }, { name: '--map' }]), ['--data'])
  assert.equal(guess('cat', [{ name: 'bat' }, { name: 'rat' }, { name: 'dog' }]), ['bat', 'rat'])
})

test('the table keeps to what its readers take for granted', () => {
  const names = COMMANDS.map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
  for (const command of COMMANDS) {
    assert.match(command.name, /^[a-z]+$/)
    for (const word of command.alike ?? []) assert.not(names.includes(word), word)
    const optional = command.args.map(({ isOptional = false }) => isOptional)
    assert.equal(optional, [...optional].sort(), `${command.name}: what is optional comes last`)
    for (const line of command.examples ?? []) assert.match(line, `pilot-gossip ${command.name}`)
  }
  const alike = COMMANDS.flatMap((command) => command.alike ?? [])
  assert.is(new Set(alike).size, alike.length, 'a word leads to two commands')
  // An option may stand before the command, when nobody knows yet whose it is.
  const kinds = new Map<string, string>()
  for (const { options } of COMMANDS) {
    for (const [name, option] of Object.entries(options)) {
      assert.match(name, /^[a-z]+(-[a-z]+)*$/)
      const kind = JSON.stringify(isValued(option) ? [option.value, option.choices] : 'flag')
      assert.is(kinds.get(name) ?? kind, kind, `--${name} means two things`)
      kinds.set(name, kind)
    }
  }
  for (const name of OF_KEYS) assert.ok(kinds.has(name.slice(2)), name)
})

test('every command can be loaded', async () => {
  for (const { name, load } of COMMANDS) assert.type(await load(), 'function', name)
})

test('the examples of help can be parsed', () => {
  for (const line of COMMANDS.flatMap(({ examples = [] }) => examples)) {
    const [, words = ''] = /pilot-gossip ([^|#<&)]*)/.exec(line) ?? []
    const plain = words
      .replaceAll(/'[^']*'/g, 'VALUE')
      .trim()
      .split(/\s+/)
    assert.is(typeof parseLine(COMMANDS, plain).command.name, 'string', line)
  }
})

const fits = (text: string, what: string): void => {
  for (const line of text.split('\n')) assert.ok(line.length <= 80, `${what}: "${line}"`)
  assert.not(text.includes('\x1b'), `${what}: colours`)
  assert.not(text.includes(' \n'), `${what}: spaces at the end of a line`)
}

test('without arguments: what it is, all commands in groups, what to try, where data lies', async () => {
  const { code, stdout, stderr } = await inProcess([])
  assert.equal([code, stderr], [0, ''])
  assert.match(
    stdout,
    /^Usage: pilot-gossip COMMAND \[OPTIONS\]\n\nShared maps for swarms of agents: .*\n.*\n\nRun an agent\n {2}run --swarm NAME /,
  )
  const heads = ['Run an agent', 'Entries', 'Watch and wait', 'Swarm', 'Tools', 'Try']
  const places = heads.map((head) => stdout.indexOf(`\n\n${head}\n`))
  assert.equal(
    places,
    [...places].sort((a, b) => a - b),
  )
  assert.ok(places[0]! > 0)
  for (const command of COMMANDS) {
    assert.ok(stdout.includes(`\n  ${usageOf(command)}  `), command.name)
  }
  assert.match(stdout, '~/.local/state/pilot-gossip/SWARM')
  assert.match(stdout, 'pilot-gossip help COMMAND\n')
  fits(stdout, 'help')
  for (const args of [['help'], ['--help'], ['-h']]) {
    assert.is((await inProcess(args)).stdout, stdout)
  }
})

test('help of each command: usage, arguments, options, examples', async () => {
  for (const command of COMMANDS) {
    const { code, stdout, stderr } = await inProcess([command.name, '--help'])
    assert.equal([code, stderr], [0, ''], command.name)
    assert.ok(stdout.startsWith(`Usage: pilot-gossip ${usageOf(command)} [OPTIONS]\n\n`))
    for (const { name } of command.args) assert.match(stdout, new RegExp(`^  ${name}  `, 'm'))
    for (const name of ['json', ...Object.keys(command.options)]) {
      assert.match(stdout, new RegExp(`^  --${name}\\b`, 'm'), `${command.name} --${name}`)
    }
    for (const line of command.examples ?? []) assert.ok(stdout.includes(`\n  ${line}\n`))
    fits(stdout, command.name)
    assert.is((await inProcess(['help', command.name])).stdout, stdout)
  }
  assert.match(
    (await inProcess(['help', 'export'])).stdout,
    '--format FORMAT  json or ndjson (default',
  )
  assert.match((await inProcess(['help', 'completion'])).stdout, /SHELL {2,}bash, zsh or fish/)
  assert.match(
    (await inProcess(['help', 'run'])).stdout,
    '--transport KIND  default: pilot, or mailbox',
  )
})

test('help as data, and help for a terminal', async () => {
  const { commands } = JSON.parse((await inProcess(['help', '--json'])).stdout).data
  assert.equal(
    commands.map(({ name }: Command) => name),
    COMMANDS.map(({ name }) => name),
  )
  const one = JSON.parse((await inProcess(['get', '--help', '--json'])).stdout).data.commands
  assert.equal([one.length, one[0].name, one[0].args[0].name], [1, 'get', 'KEY'])
  assert.equal(one[0].options.at(-1), { name: '--help', about: 'print this help' })
})

const run = promisify(execFile)
const isInstalled = (shell: string): boolean =>
  spawnSync(shell, ['-c', 'true'], { stdio: 'ignore' }).status === 0

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

/** What bash makes of these lines, the cursor at their end. */
const completeInBash = async (
  lines: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd = temporary.dir,
): Promise<string[][]> => {
  const script = join(temporary.dir, 'completion.bash')
  writeFileSync(script, (await inProcess(['completion', 'bash'])).stdout)
  const args = ['--norc', '--noprofile', '-uc', COMPLETE, 'bash', script, ...lines]
  const { stdout, stderr } = await run('bash', args, { env, cwd })
  assert.is(stderr, '')
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ').filter((word) => word !== ''))
}

/** A folder with a program pilot-gossip in it, to be put before PATH. */
const programFolder = (name: string, script: string): NodeJS.ProcessEnv => {
  const dir = join(temporary.dir, name)
  mkdirSync(dir)
  writeFileSync(join(dir, 'pilot-gossip'), `#!/usr/bin/env bash\n${script}\n`)
  chmodSync(join(dir, 'pilot-gossip'), 0o755)
  return homeEnv(temporary.dir, { PATH: `${dir}:${process.env.PATH}` })
}

if (isInstalled('bash')) {
  test('bash completes commands, options and their values', async () => {
    const env = programFolder('no-agent', 'echo "no agent runs" >&2; exit 1')
    const folder = join(temporary.dir, 'files')
    mkdirSync(join(folder, 'sub folder'), { recursive: true })
    writeFileSync(join(folder, 'state.json'), '')
    const cases: readonly (readonly [line: string, expected: readonly string[]])[] = [
      ['pilot-gossip he', ['help']],
      ['pilot-gossip h', ['has', 'history', 'help']],
      ['pilot-gossip --json wat', ['watch']],
      ['pilot-gossip --data /x/get wat', ['watch']],
      ['pilot-gossip --v', ['--version']],
      ['pilot-gossip get k --', ['--path', '--map', '--swarm', '--data', '--json', '--help']],
      ['pilot-gossip set k -5 --s', ['--string', '--swarm']],
      ['pilot-gossip run --transport ', ['pilot', 'mailbox']],
      ['pilot-gossip run --transport=m', ['mailbox']],
      ['pilot-gossip export --format n', ['ndjson']],
      ['pilot-gossip completion ', ['bash', 'zsh', 'fish']],
      ['pilot-gossip help incr', ['increment']],
      ['pilot-gossip import st', ['state.json']],
      ['pilot-gossip run --data su', ['sub', 'folder']],
      ['pilot-gossip run --data=su', ['sub', 'folder']],
      ['pilot-gossip run --data st', []],
      ['pilot-gossip get ', []],
      ['pilot-gossip set -- --j', []],
      ['pilot-gossip fly ', []],
      ['pilot-gossip run --fanout ', []],
    ]
    const lines = cases.map(([line]) => line)
    const found = await completeInBash(lines, env, folder)
    for (const [index, [line, expected]] of cases.entries())
      assert.equal(found[index], expected, line)
  })

  test('bash takes no key that could mean something to it', async () => {
    const keys = [
      'plain',
      'task:7',
      'task:8',
      '"two words"',
      '$(touch hurt)',
      '`x`',
      '-x',
      'a;b',
      'a\\x',
    ]
    const script = `printf '%s\\n' "$*" >>asked; cat <<'END'\n${keys.join('\n')}\nEND`
    const env = programFolder('keys', script)
    const lines = [
      'pilot-gossip get ',
      'pilot-gossip get task:',
      'pilot-gossip --data ~/d set --map=m ta',
      'pilot-gossip increment plain ',
    ]
    assert.equal(await completeInBash(lines, env), [
      ['plain', 'task:7', 'task:8'],
      ['7', '8'],
      ['task:7', 'task:8'],
      [],
    ])
    assert.not(existsSync(join(temporary.dir, 'hurt')))
    assert.equal(readFileSync(join(temporary.dir, 'asked'), 'utf8').split('\n'), [
      'keys',
      'keys',
      `keys --data ${temporary.dir}/d --map=m`,
      '',
    ])
  })

  test('bash asks the agent that runs for its keys', async () => {
    const dir = join(temporary.dir, 'agent')
    const server = new ControlServer({
      dir,
      handle: () => ({ map: 'state', keys: ['alpha', 'beta', 'two words'] }),
    })
    await server.open()
    try {
      const env = programFolder('real', `exec '${process.execPath}' --import tsx '${BIN}' "$@"`)
      const lines = [`pilot-gossip get --data ${dir} `, `pilot-gossip has --data=${dir} be`]
      // From the project's folder, where tsx is found.
      assert.equal(await completeInBash(lines, env, ROOT), [['alpha', 'beta'], ['beta']])
    } finally {
      await server.close()
    }
  })
} else {
  test.skip('bash completes', 'bash is not installed')
}

// Where they are: few machines have all three.
for (const shell of ['zsh', 'fish'].filter(isInstalled)) {
  test(`${shell} takes its script`, async () => {
    const script = join(temporary.dir, `completion.${shell}`)
    writeFileSync(script, (await inProcess(['completion', shell])).stdout)
    await run(shell, ['-n', script])
  })
}

if (isInstalled('fish')) {
  test('fish completes commands, options, values and keys', async () => {
    const script = join(temporary.dir, 'completion.fish')
    writeFileSync(script, (await inProcess(['completion', 'fish'])).stdout)
    const env = programFolder('fish', `printf 'alpha\\nbeta\\n"two words"\\n'`)
    const complete = async (line: string): Promise<string[]> => {
      const { stdout } = await run(
        'fish',
        ['-c', 'source $argv[1]; complete -C $argv[2]', script, line],
        { env },
      )
      return stdout
        .split('\n')
        .map((found) => found.split('\t')[0]!)
        .filter((word) => word !== '')
    }
    assert.equal(await complete('pilot-gossip incr'), ['increment'])
    assert.equal(await complete('pilot-gossip run --transport '), ['mailbox', 'pilot'])
    assert.equal(await complete('pilot-gossip export --form'), ['--format'])
    assert.equal(await complete('pilot-gossip get '), ['alpha', 'beta'])
  })
}

test('the scripts of all shells name every command and every option', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await inProcess(['completion', shell])
    for (const { name, options } of COMMANDS) {
      assert.match(stdout, new RegExp(`\\b${name}\\b`), `${shell}: ${name}`)
      for (const option of Object.keys(options)) {
        assert.match(stdout, new RegExp(shell === 'fish' ? `-l ${option}\\b` : `--${option}\\b`))
      }
    }
  }
})

/** Our own files that `get` may load. Each costs it a millisecond: look for another way before this grows. */
const MAX_FILES = 16

/** What `get` takes of node itself; others, as `node:crypto`, cost more than all the rest of it. */
const BUILTINS = ['node:fs/promises', 'node:net', 'node:os', 'node:path', 'node:util']

/** Folders of the command line; all others belong to the agent. */
const LIGHT = ['src/cli/', 'src/control/']

test('get loads a few small files, and nothing that is heavy', async () => {
  const dir = join(temporary.dir, 'hot')
  const list = join(temporary.dir, 'loaded')
  const server = new ControlServer({ dir, handle: () => ({ map: 'state', key: 'k', value: 'v' }) })
  await server.open()
  try {
    const hooks = `import { appendFileSync } from 'node:fs'
export const resolve = async (specifier, context, next) => {
  const found = await next(specifier, context)
  appendFileSync(${JSON.stringify(list)}, found.url + '\\n')
  return found
}`
    const data = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`
    const register = `import { register } from 'node:module'; register(${JSON.stringify(data(hooks))})`
    const args = ['--import', 'tsx', '--import', data(register), BIN, 'get', 'k', '--data', dir]
    const { stdout } = await run(process.execPath, args, { cwd: ROOT, env: homeEnv(temporary.dir) })
    assert.is(stdout, 'v\n')
  } finally {
    await server.close()
  }
  const loaded = [...new Set(readFileSync(list, 'utf8').trim().split('\n'))]
  const foreign = loaded.filter((url) => !url.startsWith('file:')).sort()
  assert.equal(foreign, BUILTINS)
  const files = loaded
    .filter((url) => url.startsWith('file:'))
    .map((url) => relative(ROOT, fileURLToPath(new URL(url))))
  assert.ok(files.includes('src/cli/entries.ts'), `not listed: ${loaded}`)
  const heavy = files.filter(
    (path) =>
      !LIGHT.some((folder) => path.startsWith(folder)) &&
      !['src/bin.ts', 'src/errors.ts', 'src/swarm.ts'].includes(path),
  )
  assert.equal(heavy, [])
  assert.ok(files.length <= MAX_FILES, `${files.length} files: ${files}`)
})

test('exit codes of the program: 0, 1 and 2', async () => {
  const env = homeEnv(temporary.dir)
  const codes = await Promise.all(
    [['--version'], ['get', 'k', '--data', join(temporary.dir, 'nobody')], ['fly']].map(
      async (args) => (await runCli(args, env)).code,
    ),
  )
  assert.equal(codes, [0, 1, 2])
})

test.run()
