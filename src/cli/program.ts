/**
 * The commands of `pilot-gossip`, as a table. What they do is loaded only when they are called,
 * so that `get` is not slowed down by what `run` needs; but for the commands that scripts call
 * all day, which are there at once: to load them apart costs them two milliseconds.
 *
 * ```ts
 * const { load } = COMMANDS.find(({ name }) => name === 'get')!
 * await (await load())(context, ['k'], { map: 'other' })
 * ```
 */
import * as entries from './entries.ts'
import type { Command, Given, Options, Run, Shape } from './grammar.ts'

/** The compiler sees to it that what is loaded takes the options that are declared. */
const command = <const O extends Options>(
  shape: Shape<O> & { readonly load: () => Promise<Run<Given<O>>> },
): Command => shape as unknown as Command // the parser makes options of exactly this shape

const target = {
  swarm: { value: 'NAME', about: 'the agent of that swarm' },
  data: { value: 'DIR', about: 'the agent with that data folder' },
} as const

const entry = {
  map: { value: 'NAME', about: 'a map of its own (default: state)' },
  ...target,
} as const

const string = { about: 'take VALUE as a string, whatever it looks like' } as const
const hot = { about: 'keep it small however often it is overwritten' } as const
const path = { value: 'POINTER', about: 'a part of the value: /items/0/name' } as const
const format = {
  value: 'FORMAT',
  about: 'json or ndjson (default: json for a name in .json)',
  choices: ['json', 'ndjson'],
} as const
const timeout = { value: 'TIME', about: 'give up after that: 500ms, 5s, 1m' } as const

const FORMAT_HELP =
  'json is one object of keys and values; ndjson is a line {"key":"k","value":1} for each entry, and may be of any length. What export writes import takes; lines keep counters, lists and hot keys as such ("kind"), an object keeps values alone.'
const pilotctl = { value: 'PATH', about: 'the pilotctl program (default: pilotctl)' } as const

const KEY = { name: 'KEY', about: 'the key of an entry' } as const
const VALUE = { name: 'VALUE', about: 'JSON, a string, or - for standard input' } as const

const VALUE_HELP =
  'VALUE is JSON where it parses, else a string. "-" reads standard input, without the line break at its end. Put "--" before a string that begins with a dash.'

const PEERS_HELP =
  'STATE of a peer: "in sync", "differs", or "pending" until it tells its state after the last change here (inSync in JSON: true, false, null); "not heard" and "failing" where nothing came from it, or nothing goes to it.'

const PATH_HELP =
  'POINTER is a JSON Pointer (RFC 6901): a slash before each name or index; "-" is the place behind the end of an array.'

export const COMMANDS: readonly Command[] = [
  command({
    name: 'run',
    group: 'Run an agent',
    about: 'run an agent, in the foreground or with --detach',
    needs: '--swarm NAME',
    args: [],
    options: {
      swarm: { value: 'NAME', about: 'the swarm to join; all its agents give the same' },
      peer: {
        value: 'ADDR',
        about: 'a peer: address, node id or hostname; repeatable',
        isList: true,
      },
      detach: { about: 'go to the background as soon as it runs' },
      data: { value: 'DIR', about: 'data folder (default: a folder of the swarm)' },
      transport: {
        value: 'KIND',
        about: 'default: pilot, or mailbox with --mailbox',
        choices: ['pilot', 'mailbox'],
      },
      mailbox: { value: 'DIR', about: 'gossip over this folder, without Pilot' },
      name: { value: 'NAME', about: "own name there (default: from the data folder's path)" },
      fanout: { value: 'N', about: 'peers that a push goes to (default: 3)' },
      'max-value': { value: 'SIZE', about: 'longest value that may be written (default: 8MiB)' },
      interval: { value: 'TIME', about: 'between two rounds: 500ms, 5s, 1m (default: 5s)' },
      pilotctl,
      network: { value: 'ID', about: 'a Pilot network whose members are all of the swarm' },
      room: { value: 'NAME', about: 'a further document to share; repeatable', isList: true },
      ws: { value: 'PORT', about: 'let y-websocket clients in: ws://127.0.0.1:PORT/ROOM' },
      'ws-host': { value: 'HOST', about: 'listen there (default: 127.0.0.1)' },
      'ws-origin': {
        value: 'URL',
        about: 'pages from there may connect, besides those of this host; repeatable',
        isList: true,
      },
      'ws-read-only': { about: 'its clients see what changes, and change nothing' },
    },
    more: [
      "Peers are found by themselves: in the mailbox folder, or among the nodes that this one trusts and that carry the swarm's tag. --peer names one that would not be found; a single one is enough, since peers tell of each other.",
      'Ctrl-C or "pilot-gossip stop" ends it; what was written is on disk, and pushed.',
    ],
    examples: [
      'pilot-gossip run --swarm kv --peer 0:0000.0000.000B',
      'pilot-gossip run --swarm kv --mailbox /tmp/kv --detach',
    ],
    alike: ['start', 'join', 'serve', 'daemon', 'up'],
    isService: true,
    load: async () => (await import('./run.ts')).run,
  }),
  command({
    name: 'stop',
    group: 'Run an agent',
    about: 'stop the agent; what it wrote is pushed before',
    args: [],
    options: { timeout, ...target },
    examples: ['pilot-gossip stop --swarm kv'],
    alike: ['kill', 'quit', 'end', 'down', 'shutdown', 'exit'],
    load: async () => (await import('./stop.ts')).stop,
  }),
  command({
    name: 'status',
    group: 'Run an agent',
    about: 'print what the agent knows: maps, peers, counters',
    args: [],
    options: target,
    more: [PEERS_HELP],
    examples: ['pilot-gossip status', 'pilot-gossip status --swarm kv --json'],
    alike: ['info', 'stats', 'ps'],
    load: async () => {
      const { status } = await import('./status.ts')
      return (context, _args, options) => status(context, options)
    },
  }),
  command({
    name: 'doctor',
    group: 'Run an agent',
    about: 'see whether all is there that run needs',
    args: [],
    options: {
      ...target,
      pilotctl,
      mailbox: { value: 'DIR', about: 'look at this folder instead of Pilot' },
    },
    examples: ['pilot-gossip doctor --swarm kv', 'pilot-gossip doctor --mailbox /tmp/kv'],
    alike: ['check', 'diagnose'],
    load: async () => {
      const { doctor } = await import('./doctor.ts')
      return (context, _args, options) => doctor(context, options)
    },
  }),
  command({
    name: 'set',
    group: 'Entries',
    about: 'write an entry',
    args: [KEY, VALUE],
    options: { string, path, hot, ...entry },
    more: [VALUE_HELP, PATH_HELP],
    examples: [
      `pilot-gossip set task:7 '{"owner":"a","done":false}'`,
      'pilot-gossip set task:7 true --path /done',
      'pilot-gossip set phone 5550100 --string',
      'date | pilot-gossip set seen - --hot',
    ],
    alike: ['put', 'write', 'add', 'update'],
    load: async () => entries.set,
  }),
  command({
    name: 'get',
    group: 'Entries',
    about: 'print the value of a key',
    args: [KEY],
    options: { path, ...entry },
    more: ['Strings are printed as they are, all else as JSON. Exit code 1 where there is none.'],
    examples: ['pilot-gossip get greeting', 'pilot-gossip get task:7 --path /owner'],
    alike: ['read', 'show', 'cat', 'print'],
    load: async () => entries.get,
  }),
  command({
    name: 'delete',
    group: 'Entries',
    about: 'remove an entry',
    args: [KEY],
    options: { path, ...entry },
    examples: ['pilot-gossip delete greeting', 'pilot-gossip delete task:7 --path /done'],
    alike: ['rm', 'del', 'remove', 'unset', 'drop'],
    load: async () => entries.remove,
  }),
  command({
    name: 'has',
    group: 'Entries',
    about: 'tell whether a key is there: exit code 0, else 1',
    args: [KEY],
    options: entry,
    more: ['Prints true or false. Exit code 1 too where it cannot be asked, and then says why.'],
    examples: ['pilot-gossip has task:7 && echo taken'],
    alike: ['exists', 'contains', 'test'],
    load: async () => entries.has,
  }),
  command({
    name: 'keys',
    group: 'Entries',
    about: 'print all keys',
    args: [],
    options: entry,
    more: ['One a line, sorted; a key with a space or a quote in it is printed as JSON.'],
    examples: ['pilot-gossip keys --map tasks'],
    load: async () => entries.keys,
  }),
  command({
    name: 'list',
    group: 'Entries',
    about: 'print all entries',
    args: [],
    options: entry,
    examples: ['pilot-gossip list', 'pilot-gossip list --map other --json'],
    alike: ['ls', 'all', 'dump', 'entries'],
    load: async () => entries.list,
  }),
  command({
    name: 'increment',
    group: 'Entries',
    about: 'add 1, or BY, to a number; none is lost',
    args: [KEY, { name: 'BY', about: 'a number; may be negative (default: 1)', isOptional: true }],
    options: entry,
    more: [
      'Prints the new sum. Increments made at the same time elsewhere all count, unlike those by get and set.',
    ],
    examples: ['pilot-gossip increment visits', 'pilot-gossip increment stock -2'],
    alike: ['incr', 'inc', 'count', 'decrement', 'decr', 'dec'],
    load: async () => entries.increment,
  }),
  command({
    name: 'append',
    group: 'Entries',
    about: 'add an item to the end of a list; none is lost',
    args: [KEY, VALUE],
    options: { string, ...entry },
    more: [VALUE_HELP],
    examples: [`pilot-gossip append log '{"at":"12:00","did":"start"}'`],
    alike: ['push'],
    load: async () => entries.append,
  }),
  command({
    name: 'history',
    group: 'Entries',
    about: 'print who wrote a key and when, as far as known',
    args: [KEY],
    options: entry,
    examples: ['pilot-gossip history task:7'],
    alike: ['log', 'blame', 'versions'],
    load: async () => (await import('./history.ts')).history,
  }),
  command({
    name: 'watch',
    group: 'Watch and wait',
    about: 'print changes as they come',
    args: [{ ...KEY, about: 'of this key alone', isOptional: true }],
    options: entry,
    more: ['With --json a line for each: key, old, new, and who wrote it. Ctrl-C ends it.'],
    examples: ['pilot-gossip watch', 'pilot-gossip watch task:7 --json'],
    alike: ['observe', 'follow', 'tail', 'subscribe', 'listen'],
    load: async () => (await import('./watch.ts')).watch,
  }),
  command({
    name: 'wait',
    group: 'Watch and wait',
    about: 'wait until a key is there, or has a value',
    args: [
      KEY,
      { name: 'VALUE', about: 'JSON, or a string; any where none is given', isOptional: true },
    ],
    options: { timeout, string, ...entry },
    more: ['Prints the value. Without --timeout it waits as long as it takes.'],
    examples: [
      'pilot-gossip wait build --timeout 5m',
      `pilot-gossip wait task:7 '{"done":true}' --timeout 30s`,
    ],
    alike: ['await', 'until', 'block'],
    load: async () => (await import('./watch.ts')).wait,
  }),
  command({
    name: 'peers',
    group: 'Swarm',
    about: 'print the other agents that this one knows',
    args: [],
    options: target,
    more: [PEERS_HELP],
    examples: ['pilot-gossip peers', 'pilot-gossip peers --json'],
    alike: ['members', 'nodes', 'agents', 'who'],
    load: async () => (await import('./peers.ts')).peers,
  }),
  command({
    name: 'import',
    group: 'Tools',
    about: 'write entries from a file or standard input',
    args: [{ name: 'FILE', about: 'default: -, standard input', isOptional: true }],
    options: { format, hot, ...entry },
    more: [FORMAT_HELP],
    examples: ['pilot-gossip import state.json', 'pilot-gossip import <state.ndjson'],
    alike: ['load', 'restore'],
    load: async () => (await import('./transfer.ts')).importEntries,
  }),
  command({
    name: 'export',
    group: 'Tools',
    about: 'write all entries to a file or standard output',
    args: [{ name: 'FILE', about: 'default: -, standard output', isOptional: true }],
    options: { format, ...entry },
    more: [FORMAT_HELP],
    examples: ['pilot-gossip export state.json', 'pilot-gossip export | wc -l'],
    alike: ['save', 'backup'],
    load: async () => (await import('./transfer.ts')).exportEntries,
  }),
  command({
    name: 'demo',
    group: 'Tools',
    about: 'see a swarm work, and that nothing is lost',
    args: [],
    options: {
      agents: { value: 'N', about: 'how many (default: 8)' },
      writes: { value: 'N', about: 'writes, overwrites and deletes (default: 300)' },
      loss: { value: 'SHARE', about: 'of messages that are lost, 0 to 0.9 (default: 0.2)' },
      seed: { value: 'N', about: 'to see a run again (default: any)' },
    },
    more: [
      'Nothing is started and nothing leaves this process: it is the gossip of the real agents in virtual time. The same seed gives the same run.',
    ],
    examples: ['pilot-gossip demo', 'pilot-gossip demo --agents 20 --seed 7'],
    alike: ['simulate', 'try'],
    load: async () => (await import('./demo.ts')).demo,
  }),
  command({
    name: 'completion',
    group: 'Tools',
    about: 'print a script that makes a shell complete this',
    args: [{ name: 'SHELL', about: 'bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] }],
    options: {},
    examples: [
      'eval "$(pilot-gossip completion bash)"     # in ~/.bashrc',
      'eval "$(pilot-gossip completion zsh)"      # in ~/.zshrc, behind compinit',
      'pilot-gossip completion fish | source      # in ~/.config/fish/config.fish',
    ],
    alike: ['completions', 'complete'],
    load: async () => {
      const { completion } = await import('./completion.ts')
      return (context, [shell]) => completion(context, COMMANDS, shell)
    },
  }),
  command({
    name: 'help',
    group: 'Tools',
    about: 'print help for a command',
    args: [{ name: 'COMMAND', about: 'the command', isOptional: true }],
    options: {},
    examples: ['pilot-gossip help run'],
    alike: ['man', 'usage', 'commands'],
    load: async () => {
      const { help } = await import('./help.ts')
      return (context, [topic]) => help(context, COMMANDS, topic)
    },
  }),
  command({
    name: 'version',
    group: 'Tools',
    about: 'print the version',
    args: [],
    options: {},
    load: async () => (await import('./version.ts')).version,
  }),
]
