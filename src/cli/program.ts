/**
 * All commands of `pilot-gossip`, in the order of help. What each does is loaded only when it is
 * called. The commands that are one request to the agent stand in `requests.ts`: with those alone
 * `get` starts without this file.
 *
 * ```ts
 * const { load } = COMMANDS.find(({ name }) => name === 'watch')!
 * await (await load())(context, ['k'], { map: 'other' })
 * ```
 */
import type { Given, Options } from '../control/command.ts'
import {
  FORMAT_HELP,
  FORMAT_OPTION,
  KEY_FIELD,
  MAP_FIELDS,
  STRING_OPTION,
  TIMEOUT_OPTION,
  COMMANDS as WIRE,
} from '../control/commands.ts'
import type { Command, Run, Shape } from './grammar.ts'
import { onLine, REQUESTS } from './requests.ts'
import { CHECK_OPTIONS, KIND_OPTION, TRANSPORT_OPTIONS } from './transports.ts'

/** A command that no agent answers. The compiler checks that `load` takes the options declared here. */
const command = <const O extends Options>(
  shape: Shape<O> & { readonly load: () => Promise<Run<Given<O>>> },
): Command => shape as unknown as Command // the parser makes options of exactly this form

const RUN_OPTIONS = {
  swarm: { value: 'NAME', about: 'the swarm to join; all its agents give the same name' },
  peer: {
    value: 'ADDR',
    about: 'a peer: address, node id or hostname; repeatable',
    isList: true,
  },
  accept: {
    value: 'WHOM',
    about: 'take messages of trusted, listed, network:ID or any (default: trusted, if any are)',
  },
  'read-only-peer': {
    value: 'ADDR',
    about: 'a peer that may read, but whose changes are refused; repeatable',
    isList: true,
  },
  ban: {
    value: 'ADDR',
    about: 'take nothing from there and send nothing there; repeatable',
    isList: true,
  },
  'read-only': { about: 'refuse writes here, and pass on those of peers' },
  detach: { about: 'go to the background as soon as it runs' },
  data: { value: 'DIR', about: 'data folder (default: a folder of the swarm)' },
  transport: KIND_OPTION,
  ...TRANSPORT_OPTIONS,
  'secret-file': {
    value: 'FILE',
    about: 'seal all messages with the secret in it (default: PILOT_GOSSIP_SECRET)',
  },
  fanout: { value: 'N', about: 'peers that each push goes to (default: 3)' },
  'max-value': { value: 'SIZE', about: 'longest value that may be written (default: 8MiB)' },
  points: {
    value: 'SIZE',
    about: 'most bytes of former states for restore, or off (default: 64MiB)',
  },
  interval: { value: 'TIME', about: 'between two rounds: 500ms, 5s, 1m (default: 5s)' },
  room: { value: 'NAME', about: 'another document to share; repeatable', isList: true },
  ws: { value: 'PORT', about: 'serve y-websocket clients: ws://127.0.0.1:PORT/ROOM' },
  'ws-host': { value: 'HOST', about: 'address to listen on (default: 127.0.0.1)' },
  'ws-origin': {
    value: 'URL',
    about: 'let pages from there connect, besides those of this host; repeatable',
    isList: true,
  },
  'ws-read-only': { about: 'its clients see changes but make none' },
} as const satisfies Options

const run = command({
  name: 'run',
  group: 'Run an agent',
  about: 'run an agent, in the foreground or with --detach',
  needs: '--swarm NAME',
  args: [],
  options: RUN_OPTIONS,
  paragraphs: [
    "An agent finds peers by itself: in the mailbox folder, or among the nodes that this one trusts and that carry the swarm's tag. --peer names one that it would not find. One is enough, since peers report each other.",
    'Ctrl-C or "pilot-gossip stop" ends it. What it wrote is then on disk, and pushed.',
  ],
  examples: [
    'pilot-gossip run --swarm kv --peer 0:0000.0000.000B',
    'pilot-gossip run --swarm kv --mailbox /tmp/kv --detach',
    'pilot-gossip run --swarm kv --secret-file kv.secret',
  ],
  synonyms: ['start', 'join', 'serve', 'daemon', 'up'],
  isService: true,
  load: async () => (await import('./run.ts')).run,
})

const { detach: _, ...runOptions } = RUN_OPTIONS

const mcp = command({
  name: 'mcp',
  group: 'Run an agent',
  about: 'give the maps to a language model as tools',
  args: [],
  options: runOptions,
  paragraphs: [
    'A server of the Model Context Protocol over standard input and output: a client starts it. It uses the agent that runs on the data folder. With --swarm it starts one in the background if none runs, with the options of run; that agent goes on when the client ends.',
    'It needs the package @modelcontextprotocol/server beside this one.',
  ],
  examples: [
    'pilot-gossip mcp --swarm kv',
    'pilot-gossip mcp --swarm kv --mailbox /tmp/kv',
    'claude mcp add shared -- pilot-gossip mcp --swarm kv',
  ],
  synonyms: ['tools', 'model', 'server'],
  isService: true,
  load: async () => (await import('./mcp.ts')).mcp,
})

const doctor = command({
  name: 'doctor',
  group: 'Run an agent',
  about: 'check that everything run needs is in place',
  args: [],
  options: {
    swarm: { value: 'NAME', about: 'the agent of that swarm' },
    data: { value: 'DIR', about: 'the agent with that data folder' },
    ...CHECK_OPTIONS,
  },
  examples: ['pilot-gossip doctor --swarm kv', 'pilot-gossip doctor --mailbox /tmp/kv'],
  synonyms: ['check', 'diagnose'],
  load: async () => {
    const { doctor } = await import('./doctor.ts')
    return (context, _args, options) => doctor(context, options)
  },
})

const wait = onLine(
  'wait',
  {
    fields: { ...KEY_FIELD, ...MAP_FIELDS },
    local: {
      args: [{ name: 'VALUE', about: 'JSON, or a string (default: any value)', isOptional: true }],
      options: { ...TIMEOUT_OPTION, ...STRING_OPTION },
    },
    help: {
      group: 'Watch and wait',
      about: 'wait until a key is there, or has a value',
      paragraphs: ['Prints the value. Without --timeout it waits as long as it takes.'],
      examples: [
        'pilot-gossip wait build --timeout 5m',
        `pilot-gossip wait task:7 '{"done":true}' --timeout 30s`,
      ],
      synonyms: ['await', 'until', 'block'],
    },
  },
  async () => (await import('./watch.ts')).wait,
)

const { entries: _entries, ...importFields } = WIRE.put.fields

const importing = onLine(
  'import',
  {
    fields: importFields,
    local: {
      args: [{ name: 'FILE', about: 'default: -, standard input', isOptional: true }],
      options: FORMAT_OPTION,
    },
    help: {
      group: 'Tools',
      about: 'write entries from a file or standard input',
      paragraphs: [FORMAT_HELP],
      examples: ['pilot-gossip import state.json', 'pilot-gossip import <state.ndjson'],
      synonyms: ['load'],
    },
  },
  async () => (await import('./transfer.ts')).importEntries,
)

const secret = command({
  name: 'secret',
  group: 'Run an agent',
  about: 'make or change the secret of a swarm',
  args: [
    { name: 'ACTION', about: 'new, rotate or finish', choices: ['new', 'rotate', 'finish'] },
    { name: 'FILE', about: 'the secret file (new without it: print one)', isOptional: true },
  ],
  options: {},
  paragraphs: [
    'All agents of a swarm with a secret seal their messages: whoever lacks it reads and writes nothing.',
    'To change it, run "secret rotate FILE", copy the file to each host and start the agents again one by one. When status names no peer with the former secret, run "secret finish FILE", and do the same.',
  ],
  examples: [
    'pilot-gossip secret new kv.secret',
    'pilot-gossip secret rotate kv.secret',
    'pilot-gossip secret finish kv.secret',
  ],
  synonyms: ['key', 'password', 'encrypt', 'seal'],
  load: async () => (await import('./secret.ts')).secret,
})

const demo = command({
  name: 'demo',
  group: 'Tools',
  about: 'watch a swarm work, and lose nothing',
  args: [],
  options: {
    agents: { value: 'N', about: 'number of agents (default: 8)' },
    writes: { value: 'N', about: 'writes, overwrites and deletes (default: 300)' },
    loss: { value: 'SHARE', about: 'share of messages that are lost, 0 to 0.9 (default: 0.2)' },
    seed: { value: 'N', about: 'repeat the run with that seed (default: any)' },
  },
  paragraphs: [
    'It starts no agent and sends nothing: it is the gossip of the real agents in virtual time, in one process. The same seed gives the same run.',
  ],
  examples: ['pilot-gossip demo', 'pilot-gossip demo --agents 20 --seed 7'],
  synonyms: ['simulate', 'try'],
  load: async () => (await import('./demo.ts')).demo,
})

const completion = command({
  name: 'completion',
  group: 'Tools',
  about: 'print a script for completion in a shell',
  args: [{ name: 'SHELL', about: 'bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] }],
  options: {},
  examples: [
    'eval "$(pilot-gossip completion bash)"     # in ~/.bashrc',
    'eval "$(pilot-gossip completion zsh)"      # in ~/.zshrc, after compinit',
    'pilot-gossip completion fish | source      # in ~/.config/fish/config.fish',
  ],
  synonyms: ['completions'],
  load: async () => {
    const { completion } = await import('./completion.ts')
    return (context, [shell]) => completion(context, shell)
  },
})

const help = command({
  name: 'help',
  group: 'Tools',
  about: 'print help for a command',
  args: [{ name: 'COMMAND', about: 'the command', isOptional: true }],
  options: {},
  examples: ['pilot-gossip help run'],
  synonyms: ['man', 'usage', 'commands'],
  load: async () => {
    const { help } = await import('./help.ts')
    return (context, [topic]) => help(context, COMMANDS, topic)
  },
})

const version = command({
  name: 'version',
  group: 'Tools',
  about: 'print the version',
  args: [],
  options: {},
  load: async () => (await import('./version.ts')).version,
})

const { status, peers, history, increment, append, points, restore, ...entries } = REQUESTS

export const COMMANDS: readonly Command[] = [
  run,
  onLine('stop', WIRE.stop, async () => (await import('./stop.ts')).stop),
  status,
  doctor,
  secret,
  mcp,
  ...Object.values(entries),
  onLine('keys', WIRE.keys, async () => (await import('./listing.ts')).listKeys),
  onLine('list', WIRE.list, async () => (await import('./listing.ts')).listEntries),
  increment,
  append,
  history,
  onLine('watch', WIRE.watch, async () => (await import('./watch.ts')).watch),
  wait,
  peers,
  importing,
  onLine('export', WIRE.export, async () => (await import('./transfer.ts')).exportEntries),
  points,
  restore,
  demo,
  completion,
  help,
  version,
]

/** For the completion scripts, not for people: help and guesses leave it out, and its words are not parsed. */
export const COMPLETE = command({
  name: 'complete',
  group: 'Tools',
  about: 'print what the last word may become',
  args: [],
  options: {},
  load: async () => {
    const { printCompletion } = await import('./complete.ts')
    return (context, words) => printCompletion(context, COMMANDS, words)
  },
})
