/**
 * A command is described once: an option that is added to the table is parsed, typed, sent,
 * decoded, shown by help and completed, and one that no code reads fails here.
 */
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { complete } from '../../src/cli/complete.ts'
import type { Command } from '../../src/cli/grammar.ts'
import { help } from '../../src/cli/help.ts'
import { isValued, parseLine } from '../../src/cli/parse-line.ts'
import { COMMANDS } from '../../src/cli/program.ts'
import type { Context } from '../../src/cli/report.ts'
import { asking } from '../../src/cli/requests.ts'
import { planRun, type RunOptions } from '../../src/cli/run-plan.ts'
import { TRANSPORT_OPTIONS, TRANSPORTS } from '../../src/cli/transports.ts'
import type { CommandSpec, Field, FieldKind, RequestFrom } from '../../src/control/command.ts'
import { type Request, COMMANDS as WIRE } from '../../src/control/commands.ts'
import { encodeAnswer } from '../../src/control/protocol.ts'
import { decodeRequest } from '../../src/control/requests.ts'
import { ControlServer } from '../../src/control/server.ts'
import { serveAgent } from '../../src/control/service.ts'
import { Failure } from '../../src/errors.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { Relay } from '../../src/transports/relay.ts'
import { newSecret } from '../../src/transports/sealed/secret.ts'
import { ROOT } from '../helpers/cli.ts'
import { closeAll, serve } from '../helpers/control.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('cli table')

const temporary = temporaryFolder()
test.after(async () => {
  await closeAll()
  temporary.remove()
})

/** A context that keeps what is printed. */
const silent = (env: NodeJS.ProcessEnv = {}): { context: Context; printed: string[] } => {
  const printed: string[] = []
  const io = {
    out: (text: string) => void printed.push(text),
    err: () => undefined,
    isTerminal: false,
    columns: 80,
    hasColors: false,
    env,
    readInput: async () => '',
    outliveReader: () => undefined,
  }
  return { context: { io, isJson: false }, printed }
}

/** `set` with one more option. */
const withShade = {
  ...WIRE.set,
  fields: {
    ...WIRE.set.fields,
    shade: { kind: 'number', option: { value: 'SECONDS', about: 'delete it after that' } },
  },
} as const satisfies CommandSpec

const set = asking('set', withShade, () => 'done\n')

/** Runs a line against an agent that answers anything; resolves with the line that it received. */
const sentBy = async (command: Command, words: readonly string[], dir: string): Promise<string> => {
  mkdirSync(dir, { recursive: true })
  const server = createServer((socket) =>
    socket.once('data', (data) => {
      sent = String(data)
      socket.end(encodeAnswer({}))
    }),
  )
  let sent = ''
  server.listen(join(dir, 'agent.sock'))
  await once(server, 'listening')
  try {
    const { args, options } = parseLine([command], words)
    const run = await command.load()
    await run(silent().context, args, options)
    return sent
  } finally {
    server.close()
  }
}

test('an option in the table: is parsed, sent and decoded', async () => {
  const dir = join(temporary.dir, 'sent')
  const line = await sentBy(set, ['set', 'k', '[1]', '--shade', '1.5', '--hot', '--data', dir], dir)
  const request = { command: 'set', key: 'k', value: [1], hot: true, shade: 1.5 }
  assert.equal(JSON.parse(line), request)
  assert.equal(decodeRequest(line, { set: withShade }), request)
  await rejects(
    () => decodeRequest('{"command":"set","key":"k","value":1,"shade":"x"}', { set: withShade }),
    /"shade" of "set" must be a finite number/,
  )
  await rejects(
    () => sentBy(set, ['set', 'k', '1', '--shade', 'soon', '--data', dir], dir),
    /invalid_argument --shade "soon" is not a number/,
  )
})

test('an option in the table: has a type in requests', () => {
  type WithShade = RequestFrom<'set', typeof withShade>
  const typed: WithShade = { command: 'set', key: 'k', value: 1, shade: 1.5 }
  // @ts-expect-error a number is wanted
  const wrong: WithShade = { command: 'set', key: 'k', value: 1, shade: 'soon' }
  // @ts-expect-error a field that the table does not have
  const unknown: Request = { command: 'set', key: 'k', value: 1, color: 1.5 }
  assert.equal([typed.shade, wrong.command, unknown.command], [1.5, 'set', 'set'])
})

test('an option in the table: is shown by help and completed', async () => {
  const { context, printed } = silent()
  await help(context, [set], 'set')
  assert.match(printed.join(''), /^ {2}--shade SECONDS {2,}delete it after that$/m)
  const found = await complete([set], ['set', 'k', '--sh'], async () => [])
  assert.equal(found, { kind: 'words', words: [['--shade', 'delete it after that']] })
})

/** Stands for an object; records the names that are read from it. */
const noting = <T extends object>(object: T): { proxy: T; read: Set<string> } => {
  const read = new Set<string>()
  const note = (name: string | symbol): void => void read.add(String(name))
  const proxy = new Proxy(object, {
    get: (target, name) => {
      note(name)
      return Reflect.get(target, name)
    },
    has: (target, name) => {
      note(name)
      return Reflect.has(target, name)
    },
  })
  return { proxy, read }
}

const unread = (names: readonly string[], read: ReadonlySet<string>): string[] =>
  names.filter((name) => !read.has(name))

/** A value of each kind that a request may hold. */
const SAMPLES: Readonly<Record<FieldKind, unknown>> = {
  text: '',
  flag: true,
  number: 1,
  json: { a: 1 },
  texts: ['b'],
  entries: [['k', 1]],
}

const NAMED: Readonly<Record<string, unknown>> = { swarm: 'kv', map: 'state' }

const sampleOf = (command: string): Request => {
  const fields = Object.entries(WIRE[command as keyof typeof WIRE].fields as Record<string, Field>)
  const values = fields.map(([name, { kind }]) => [name, NAMED[name] ?? SAMPLES[kind]])
  return { ...Object.fromEntries(values), command } as Request
}

test('the service: reads every field of every command', async () => {
  const { agent } = await serve(temporary.dir, { name: 'service' })
  const relay = new Relay(new MemoryTransport(new MemoryHub(), 'relay'))
  const answer = serveAgent(agent, undefined, { onStop: () => undefined, relay })
  for (const [command, { fields }] of Object.entries(WIRE)) {
    const key = `of ${command}`
    await answer({ command: 'set', key, value: { a: 1 } })
    const sample = { ...sampleOf(command), ...('key' in fields && { key }) }
    const { proxy, read } = noting(sample)
    // `increment` and `append` fail on such a value. Only what they read matters here.
    await Promise.resolve(answer(proxy as Request)).catch(() => undefined)
    assert.equal(unread(Object.keys(fields), read), [], command)
  }
})

test('the service: an unknown field is detected', async () => {
  const { agent } = await serve(temporary.dir, { name: 'blind' })
  const { proxy, read } = noting({ ...sampleOf('set'), key: 'k', shade: 1 })
  // Its conditions do not hold. Only what it reads matters here.
  await Promise.resolve(serveAgent(agent)(proxy as Request)).catch(() => undefined)
  assert.equal(unread(Object.keys(withShade.fields), read), ['shade'])
})

/** Values for options that do not accept any text: a bad one would end the command too early. */
const VALUES: Readonly<Record<string, string>> = {
  swarm: 'kv',
  format: 'json',
  timeout: '100ms',
  agents: '2',
  writes: '1',
  loss: '0',
  seed: '1',
  pilotctl: '/no/pilotctl',
  network: '7',
  fanout: '2',
  interval: '1s',
  'max-value': '1MiB',
  points: '1MiB',
  ttl: '1m',
  for: '1m',
  settle: '1ms',
  accept: 'listed',
  ws: '1234',
}

/** All options of a command, each with a value. */
const optionsOf = ({ name: command, options }: Command, dir: string): Record<string, unknown> => {
  const { fields = {} } = (WIRE as Readonly<Record<string, CommandSpec>>)[command] ?? {}
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => {
      const value = VALUES[name] ?? (fields[name]?.kind === 'number' ? '1' : join(dir, 'none'))
      const isList = isValued(option) && option.isList === true
      return [name, isValued(option) ? (isList ? [value] : value) : true]
    }),
  )
}

/** A refused request ends every command, `watch` too. */
const refuse = (): never => {
  throw new Failure('internal', 'refused')
}

/** The options that a command reads when it runs on the agent of that folder. */
const readBy = async (command: Command, dir: string): Promise<ReadonlySet<string>> => {
  const { proxy, read } = noting({ ...optionsOf(command, dir), data: dir })
  const given: Readonly<Record<string, string>> = { FILE: join(dir, 'file.json'), TIME: '1m' }
  const args = command.args.map(({ name }) => given[name] ?? '1')
  const run = await command.load()
  await run(silent({ HOME: dir }).context, args, proxy).catch(() => undefined)
  return read
}

test('the command line: reads every option of every command', async () => {
  const dir = join(temporary.dir, 'line')
  const server = new ControlServer({ dir, handle: refuse })
  await server.open()
  try {
    // These two plan an agent by the same options: see the next test.
    const others = COMMANDS.filter(({ name }) => name !== 'run' && name !== 'mcp')
    for (const command of others) {
      const read = await readBy(command, dir)
      assert.equal(unread(Object.keys(command.options), read), [], command.name)
    }
  } finally {
    await server.close()
  }
})

test('run: reads every option, with each transport', async () => {
  const run = COMMANDS.find(({ name }) => name === 'run')!
  const secret = join(temporary.dir, 'secret')
  writeFileSync(secret, newSecret(), { mode: 0o600 })
  const all = { ...optionsOf(run, temporary.dir), 'secret-file': secret }
  const seen = new Set<string>()
  for (const { name: transport, options } of TRANSPORTS) {
    const others = Object.keys(TRANSPORT_OPTIONS).filter((name) => !Object.hasOwn(options, name))
    const some = Object.fromEntries(Object.entries(all).filter(([name]) => !others.includes(name)))
    const { proxy, read } = noting({ ...some, transport, room: ['r'] } as RunOptions)
    planRun(proxy, {})
    for (const name of read) seen.add(name)
  }
  // Nothing is started if the data folder cannot be made.
  const nowhere = { swarm: 'kv', mailbox: temporary.dir, data: '/proc/none', detach: true }
  const { proxy, read } = noting(nowhere)
  await rejects(async () => (await run.load())(silent().context, [], proxy), /the data folder/)
  for (const name of read) seen.add(name)
  assert.equal(unread(Object.keys(run.options), seen), [])
})

test('docs/socket.md: lists every command with its fields', () => {
  const page = readFileSync(join(ROOT, 'docs', 'socket.md'), 'utf8')
  const everywhere = new Set(['swarm', 'protocol'])
  for (const [command, { fields }] of Object.entries(WIRE)) {
    const row = page.split('\n').find((line) => new RegExp(`^\\| [^|]*\`${command}\``).test(line))
    const words = new Set((row?.split('|')[2] ?? '').match(/(?<=`)\w+(?=`)/g))
    const own = Object.keys(fields).filter((name) => !everywhere.has(name))
    assert.equal(
      own.filter((name) => !words.has(name)),
      [],
      command,
    )
  }
})

test.run()
