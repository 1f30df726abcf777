/**
 * The command line's grammar: which commands and options there are. What they do is loaded
 * only when they are called, so that `get` is not slowed down by what `run` needs.
 *
 * ```ts
 * await createProgram(processIo(), setExitCode).parseAsync(['get', 'k'], { from: 'user' })
 * ```
 */
import { createRequire } from 'node:module'
import { Command } from 'commander'
import type { DoctorOptions } from './checks.ts'
import { addDemo } from './demo.ts'
import type { EntryOptions, SetOptions } from './entries.ts'
import type { Io } from './io.ts'
import type { Context } from './report.ts'
import type { RunOptions } from './run-plan.ts'
import type { TargetOptions } from './target.ts'

/** The package's own, wherever it is installed: from the source and from what is built alike. */
const readVersion = (): string => {
  const found = createRequire(import.meta.url)('pilot-gossip/package.json') as { version: string }
  return found.version
}

// Indented lines keep commander from filling the text anew.
const ABOUT = `Shared maps for swarms of agents: what one writes, all have a moment later,
whoever is down or cut off meanwhile. Agents gossip over the Pilot Protocol
(pilotctl), or over a folder where they share a host.

Two agents on one host:
  pilot-gossip run --swarm kv --mailbox /tmp/kv --data /tmp/a &
  pilot-gossip run --swarm kv --mailbox /tmp/kv --data /tmp/b &
  pilot-gossip set greeting hello --data /tmp/a
  pilot-gossip get greeting --data /tmp/b
  hello`

const AFTER = `
Which agent is meant: --data DIR, else --swarm NAME, else the only one that runs.
PILOT_GOSSIP_DATA and PILOT_GOSSIP_SWARM in the environment stand in for these options.
Exit code 0: done. 1: it failed. 2: something in the command is not usable.`

const VALUE_HELP = `
VALUE is JSON where it parses, else a string; "-" reads it from standard input, without the
line break at its end.

  pilot-gossip set task:7 '{"owner":"a","done":false}'
  pilot-gossip set zip 01234
  pilot-gossip set phone 5550100 --string`

const RUN_HELP = `
Peers are found by themselves: in the mailbox folder, or among the nodes that this one
trusts and that carry the swarm's tag. --peer names one that would not be found; a single
one is enough, since peers tell of each other.`

const collect = (value: string, all: readonly string[] = []): string[] => [...all, value]

/** `setExitCode` is told the exit code of commands that end without a failure, and yet not well. */
export const createProgram = (io: Io, setExitCode: (code: number) => void): Command => {
  const program = new Command('pilot-gossip')
    .description(ABOUT)
    .usage('COMMAND [OPTIONS]')
    .version(readVersion(), '-V, --version', 'print the version')
    .option('--json', 'print JSON, in the form of pilotctl')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [COMMAND]', 'print help for a command')
    .addHelpText('after', AFTER)
    .exitOverride()
    // Errors are told by main, in one form for all.
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: () => undefined,
      outputError: () => undefined,
    })

  const add = (usage: string, description: string): Command =>
    program.command(usage).description(description).option('--json', 'print JSON')
  const addTarget = (usage: string, description: string): Command =>
    add(usage, description)
      .option('--swarm <NAME>', 'the agent of that swarm')
      .option('--data <DIR>', 'the agent with that data folder')
  const addEntry = (usage: string, description: string): Command =>
    addTarget(usage, description).option('--map <NAME>', 'a map of its own (default: "state")')
  const contextOf = (command: Command): Context => ({
    io,
    isJson: command.optsWithGlobals().json === true,
  })

  add('run', 'run an agent in the foreground')
    .usage('--swarm NAME [OPTIONS]')
    .option('--swarm <NAME>', 'the swarm to join; all its agents give the same name')
    .option('--peer <ADDR>', 'a peer: its address, node id or hostname; repeatable', collect)
    .option('--transport <KIND>', 'pilot or mailbox (default: pilot, without --mailbox)')
    .option('--mailbox <DIR>', 'gossip over this folder, without Pilot')
    .option('--name <NAME>', "own name there (default: made from the data folder's path)")
    .option('--fanout <N>', 'peers a push goes to (default: 3)')
    .option('--interval <TIME>', 'between two rounds: 500ms, 5s, 1m (default: 5s)')
    .option('--data <DIR>', 'data folder (default: ~/.local/state/pilot-gossip/SWARM)')
    .option('--pilotctl <PATH>', 'the pilotctl program (default: pilotctl)')
    .option('--network <ID>', 'a Pilot network whose members are all of the swarm')
    .addHelpText('after', RUN_HELP)
    .action(async (options: RunOptions, command: Command) => {
      const { run } = await import('./run.ts')
      await run(contextOf(command), options)
    })

  addEntry('set', 'write an entry')
    .argument('<KEY>')
    .argument('<VALUE>', 'JSON, a string, or - for standard input')
    .option('--string', 'take VALUE as a string, whatever it looks like')
    .addHelpText('after', VALUE_HELP)
    .action(async (key: string, value: string, options: SetOptions, command: Command) => {
      const { set } = await import('./entries.ts')
      await set(contextOf(command), key, value, options)
    })

  addEntry('get', 'print the value of a key')
    .argument('<KEY>')
    .action(async (key: string, options: EntryOptions, command: Command) => {
      const { get } = await import('./entries.ts')
      await get(contextOf(command), key, options)
    })

  addEntry('delete', 'remove an entry')
    .argument('<KEY>')
    .action(async (key: string, options: EntryOptions, command: Command) => {
      const { remove } = await import('./entries.ts')
      await remove(contextOf(command), key, options)
    })

  addEntry('list', 'print all entries').action(async (options: EntryOptions, command: Command) => {
    const { list } = await import('./entries.ts')
    await list(contextOf(command), options)
  })

  addEntry('watch', 'print changes as they come')
    .argument('[KEY]')
    .action(async (key: string | undefined, options: EntryOptions, command: Command) => {
      const { watch } = await import('./entries.ts')
      await watch(contextOf(command), key, options)
    })

  addTarget('status', 'what the agent knows: digest, maps, peers, counters').action(
    async (options: TargetOptions, command: Command) => {
      const { status } = await import('./status.ts')
      await status(contextOf(command), options)
    },
  )

  addTarget('doctor', 'see whether all is there that run needs, and what to do')
    .option('--pilotctl <PATH>', 'the pilotctl program (default: pilotctl)')
    .option('--mailbox <DIR>', 'look at this folder instead of Pilot')
    .action(async (options: DoctorOptions, command: Command) => {
      const { doctor } = await import('./doctor.ts')
      setExitCode(await doctor(contextOf(command), options))
    })

  addDemo(program)
  return program
}
