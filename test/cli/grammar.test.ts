/** The grammar of the command line: how it is parsed, its help, and what each command loads. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import type { Command } from '../../src/cli/grammar.ts'
import { lineOf } from '../../src/cli/main.ts'
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

test('parseLine: options stand anywhere, with or without =, once or several times', () => {
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

test('parseLine: negative numbers and "-" are values, and so is everything after --', () => {
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

test('parseLine: --help wins over any error, --version over a missing command', async () => {
  assert.equal(meaning('get', '--help'), ['help', ['get'], {}])
  assert.equal(meaning('-h', 'get', '--fast', 'a', 'b'), ['help', ['get'], {}])
  assert.equal(meaning('--help'), ['help', [], {}])
  assert.equal(meaning('-V'), ['version', [], {}])
  assert.equal(meaning('-hV'), ['help', [], {}])
  await rejects(() => meaning('get', 'k', '--version'), /unknown option "--version"/)
  await rejects(() => meaning('fly', '--help'), /unknown command "fly"/)
  await rejects(() => meaning('help', 'a', 'b'), /unexpected argument "b"/)
})

test('isService: only run continues without a reader', async () => {
  const isService = async (...words: string[]) => (await lineOf(words)).command.isService ?? false
  assert.ok(await isService('--json', '--data', 'get', 'run', '--swarm', 'kv'))
  assert.not(await isService('list', '--map', 'run'))
  assert.not(await isService())
})

test('output: a reader that closes early is not a failure', async () => {
  for (const args of [[], ['completion', 'zsh']]) {
    const { child, ended } = startCli(args, homeEnv(temporary.dir))
    child.stdout?.destroy()
    const { code, stderr } = await ended
    assert.equal([code, stderr], [0, ''])
  }
})

test('guess: finds typing errors, swapped letters, beginnings and synonyms', () => {
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

test('COMMANDS: names are unique, optional arguments come last, an option has one form', () => {
  const names = COMMANDS.map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
  for (const command of COMMANDS) {
    assert.match(command.name, /^[a-z]+$/)
    for (const word of command.synonyms ?? []) assert.not(names.includes(word), word)
    const optional = command.args.map(({ isOptional = false }) => isOptional)
    assert.equal(optional, [...optional].sort(), `${command.name}: what is optional comes last`)
    for (const line of command.examples ?? []) assert.match(line, `pilot-gossip ${command.name}`)
  }
  const alike = COMMANDS.flatMap((command) => command.synonyms ?? [])
  assert.is(new Set(alike).size, alike.length, 'a synonym leads to two commands')
  // An option may stand before the command, when its command is not known yet.
  const kinds = new Map<string, string>()
  for (const { options } of COMMANDS) {
    for (const [name, option] of Object.entries(options)) {
      assert.match(name, /^[a-z]+(-[a-z]+)*$/)
      const kind = JSON.stringify(isValued(option) ? [option.value, option.choices] : 'flag')
      assert.is(kinds.get(name) ?? kind, kind, `--${name} means two things`)
      kinds.set(name, kind)
    }
  }
})

test('COMMANDS: every command can be loaded', async () => {
  for (const { name, load } of COMMANDS) assert.type(await load(), 'function', name)
})

test('help: its examples can be parsed', () => {
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

test('help: shows all commands in groups, what to try, and where data lies', async () => {
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

test('help COMMAND: shows usage, arguments, options and examples', async () => {
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
    /--transport KIND {2,}default: pilot, or mailbox/,
  )
})

test('help --json: prints the commands as data', async () => {
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

/** Our own files that `get` may load. Each costs a millisecond: look for another way before this list grows. */
const MAX_FILES = 17

/** Node's modules that `get` may load; others, such as `node:crypto`, cost more than everything else together. */
const BUILTINS = ['node:fs/promises', 'node:net', 'node:os', 'node:path', 'node:util']

/** Folders of the command line; all others belong to the agent. */
const LIGHT = ['src/cli/', 'src/control/']

test('get: loads a few small files, and nothing heavy', async () => {
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
  assert.ok(files.includes('src/cli/requests.ts'), `not listed: ${loaded}`)
  const heavy = files.filter(
    (path) =>
      !LIGHT.some((folder) => path.startsWith(folder)) &&
      !['src/bin.ts', 'src/errors.ts', 'src/swarm.ts', 'src/fs/own-folder.ts'].includes(path),
  )
  assert.equal(heavy, [])
  assert.ok(files.length <= MAX_FILES, `${files.length} files: ${files}`)
})

test('the program: exits with 0, 1 or 2', async () => {
  const env = homeEnv(temporary.dir)
  const codes = await Promise.all(
    [['--version'], ['get', 'k', '--data', join(temporary.dir, 'nobody')], ['fly']].map(
      async (args) => (await runCli(args, env)).code,
    ),
  )
  assert.equal(codes, [0, 1, 2])
})

test.run()
