/**
 * The commands that a running agent answers, each described once. The types of requests, the
 * decoder, and the options, help and completion of the command line all come from this table.
 *
 * ```ts
 * COMMANDS.get.fields.key // { kind: 'text', isNeeded: true, argument: { name: 'KEY', … } }
 * const request: RequestOf<'get'> = { command: 'get', key: 'k' }
 * ```
 */
import type { CommandSpec, FieldTable, RequestFrom } from './command.ts'

/** For every request. The agent refuses one for another swarm, or in another version of the protocol. */
export const TARGET_FIELDS = {
  swarm: { kind: 'text', option: { value: 'NAME', about: 'the agent of that swarm' } },
  protocol: { kind: 'number' },
} as const satisfies FieldTable

export const MAP_FIELDS = {
  map: { kind: 'text', option: { value: 'NAME', about: 'another map (default: state)' } },
  ...TARGET_FIELDS,
} as const satisfies FieldTable

export const KEY_FIELD = {
  key: {
    kind: 'text',
    isNeeded: true,
    argument: { name: 'KEY', about: 'the key of an entry' },
  },
} as const satisfies FieldTable

const VALUE_FIELD = {
  value: {
    kind: 'json',
    isNeeded: true,
    argument: { name: 'VALUE', about: 'JSON, a string, or - for standard input' },
  },
} as const satisfies FieldTable

const PATH_FIELD = {
  path: {
    kind: 'text',
    option: { value: 'POINTER', about: 'a part of the value: /items/0/name' },
  },
} as const satisfies FieldTable

/** Which keys. */
export const WHICH_FIELDS = {
  prefix: { kind: 'text', option: { value: 'TEXT', about: 'keys that begin with it' } },
  glob: {
    kind: 'text',
    option: { value: 'PATTERN', about: 'keys like it: * is any characters, ? is one' },
  },
} as const satisfies FieldTable

/** Which keys, page by page. */
const PAGE_FIELDS = {
  ...WHICH_FIELDS,
  limit: { kind: 'number', option: { value: 'N', about: 'at most that many' } },
  cursor: {
    kind: 'text',
    option: { value: 'KEY', about: 'those after it: what the page before ended with' },
  },
} as const satisfies FieldTable

/** What must be so for a write. This agent checks it; another may write at the same moment. */
const CONDITION_FIELDS = {
  ifAbsent: { kind: 'flag', option: { about: 'only if there is no such key' } },
  if: { kind: 'json', option: { value: 'OLD', about: 'only if the value is OLD' } },
  ifVersion: {
    kind: 'text',
    option: { value: 'VERSION', about: 'only if nobody has written it since (get --versioned)' },
  },
} as const satisfies FieldTable

const CLAIM_FIELDS = {
  ...KEY_FIELD,
  as: {
    kind: 'text',
    option: { value: 'NAME', about: "the holder (default: this agent's address)" },
  },
  map: { kind: 'text', option: { value: 'NAME', about: 'another map (default: claims)' } },
  ...TARGET_FIELDS,
} as const satisfies FieldTable

const FOR_FIELD = {
  for: {
    kind: 'number',
    isTime: true,
    option: { value: 'TIME', about: 'hold it for that long (default: 30s)' },
  },
} as const satisfies FieldTable

export const HOT_FIELD = {
  hot: { kind: 'flag', option: { about: 'keep it small however often it is overwritten' } },
} as const satisfies FieldTable

export const STRING_OPTION = {
  string: { about: 'take VALUE as a string, whatever it looks like' },
} as const

export const TIMEOUT_OPTION = {
  timeout: { value: 'TIME', about: 'give up after that: 500ms, 5s, 1m' },
} as const

export const FORMAT_OPTION = {
  format: {
    value: 'FORMAT',
    about: 'json or ndjson (default: json for a name in .json)',
    choices: ['json', 'ndjson'],
  },
} as const

export const FORMAT_HELP =
  'json is one object of keys and values. ndjson is a line {"key":"k","value":1} for each entry, and may have any length. import takes what export writes. Lines keep counters, lists and hot keys as such ("kind"); an object keeps values alone.'

const VALUE_HELP =
  'VALUE is JSON if it parses, else a string. "-" reads standard input, without the line break at its end. Put "--" before a string that begins with a dash.'

const PAGE_HELP =
  'A page of --limit keys that is not the last one names the --cursor of the next. Quote a pattern: the shell has its own. A backslash before * or ? takes it as it is.'

const CONDITION_HELP =
  'With a condition that does not hold nothing is written: exit code 1 (conflict). This agent checks it. Of what others write at the same moment one wins, as always.'

const CLAIM_HELP =
  'A claim is no lock: there is nobody to ask. Where the network is cut, two may hold it until they meet; then the higher fencing number wins, and watch tells the other. Give the number to what you change, so that it can refuse a lower one.'

const PEERS_HELP =
  'STATE of a peer: "in sync", "differs", or "pending" until it reports its state after the last change here (inSync in JSON: true, false, null); "not heard" if nothing came from it, "failing" if nothing reaches it.'

const PATH_HELP =
  'POINTER is a JSON Pointer (RFC 6901): a slash before each name or index. "-" is the place after the last item of an array.'

export const COMMANDS = {
  set: {
    fields: {
      ...KEY_FIELD,
      ...VALUE_FIELD,
      ...PATH_FIELD,
      ...HOT_FIELD,
      ttl: {
        kind: 'number',
        isTime: true,
        option: { value: 'TIME', about: 'it ends after that: 30s, 10m, 7d' },
      },
      ...CONDITION_FIELDS,
      ...MAP_FIELDS,
    },
    local: { options: STRING_OPTION },
    help: {
      group: 'Entries',
      about: 'write an entry',
      paragraphs: [VALUE_HELP, PATH_HELP, CONDITION_HELP],
      examples: [
        `pilot-gossip set task:7 '{"owner":"a","done":false}'`,
        'pilot-gossip set task:7 true --path /done',
        'pilot-gossip set phone 5550100 --string',
        'date | pilot-gossip set seen - --hot',
        'pilot-gossip set leader a --if-absent --ttl 30s',
      ],
      synonyms: ['put', 'write', 'add', 'update'],
    },
  },
  get: {
    fields: {
      ...KEY_FIELD,
      ...PATH_FIELD,
      versioned: {
        kind: 'flag',
        option: { about: 'with --json: also its version, for set --if-version' },
      },
      ...MAP_FIELDS,
    },
    help: {
      group: 'Entries',
      about: 'print the value of a key',
      paragraphs: [
        'Strings are printed as they are, all else as JSON. Exit code 1 if there is no such key.',
      ],
      examples: ['pilot-gossip get greeting', 'pilot-gossip get task:7 --path /owner'],
      synonyms: ['read', 'show', 'cat', 'print'],
    },
  },
  delete: {
    fields: {
      key: { kind: 'text', argument: { ...KEY_FIELD.key.argument, isOptional: true } },
      ...PATH_FIELD,
      ...WHICH_FIELDS,
      ...MAP_FIELDS,
    },
    help: {
      group: 'Entries',
      about: 'remove an entry, or all of a prefix',
      examples: [
        'pilot-gossip delete greeting',
        'pilot-gossip delete task:7 --path /done',
        'pilot-gossip delete --prefix task:',
      ],
      synonyms: ['rm', 'del', 'remove', 'unset', 'drop'],
    },
  },
  expire: {
    fields: {
      ...KEY_FIELD,
      ttl: {
        kind: 'number',
        isTime: true,
        isNeeded: true,
        argument: { name: 'TIME', about: 'from now: 30s, 10m, 2h, 7d' },
      },
      ...MAP_FIELDS,
    },
    help: {
      group: 'Entries',
      about: 'let an entry end after some time',
      paragraphs: [
        'It is then as if it had been deleted. Adding to a counter or a list does not change when it ends; set without --ttl keeps the entry. Each agent goes by its own clock.',
      ],
      examples: ['pilot-gossip expire task:7 10m'],
      synonyms: ['ttl', 'timeout'],
    },
  },
  persist: {
    fields: { ...KEY_FIELD, ...MAP_FIELDS },
    help: {
      group: 'Entries',
      about: 'keep an entry that would end',
      examples: ['pilot-gossip persist task:7'],
      synonyms: ['keep'],
    },
  },
  claim: {
    fields: {
      ...CLAIM_FIELDS,
      ...FOR_FIELD,
      settle: {
        kind: 'number',
        isTime: true,
        option: { value: 'TIME', about: 'wait for claims of that moment (default: 500ms)' },
      },
    },
    help: {
      group: 'Entries',
      about: 'take a task for some time, unless it is taken',
      paragraphs: [
        'Exit code 1 (taken) if another holder has it. It returns when it has settled: give --settle twice the time that a write takes to the others. With --json it says how many peers have shown that they know it.',
        CLAIM_HELP,
      ],
      examples: ['pilot-gossip claim task:7 --for 1m --as anna && work'],
      synonyms: ['lock', 'lease', 'acquire', 'take'],
    },
  },
  renew: {
    fields: { ...CLAIM_FIELDS, ...FOR_FIELD },
    help: {
      group: 'Entries',
      about: 'hold a claim for longer',
      paragraphs: [CLAIM_HELP],
      examples: ['pilot-gossip renew task:7 --for 1m --as anna'],
      synonyms: ['extend', 'refresh'],
    },
  },
  release: {
    fields: CLAIM_FIELDS,
    help: {
      group: 'Entries',
      about: 'give a claim back',
      examples: ['pilot-gossip release task:7 --as anna'],
      synonyms: ['unlock', 'free'],
    },
  },
  has: {
    fields: { ...KEY_FIELD, ...MAP_FIELDS },
    help: {
      group: 'Entries',
      about: 'check for a key: exit code 0 if it is there, else 1',
      paragraphs: ['Prints true or false. If the agent cannot be asked, it says why and exits 1.'],
      examples: ['pilot-gossip has task:7 && echo taken'],
      synonyms: ['exists', 'contains', 'test'],
    },
  },
  // `rows`: the answer is streamed in rows, as that of `export`.
  keys: {
    fields: { rows: { kind: 'flag' }, ...PAGE_FIELDS, ...MAP_FIELDS },
    help: {
      group: 'Entries',
      about: 'print keys: all, or those of a prefix',
      paragraphs: [
        'One a line, sorted. A key with a space or a quote in it is printed as JSON.',
        PAGE_HELP,
      ],
      examples: ['pilot-gossip keys --map tasks', 'pilot-gossip keys --prefix task: --limit 20'],
    },
  },
  list: {
    fields: { rows: { kind: 'flag' }, ...PAGE_FIELDS, ...MAP_FIELDS },
    help: {
      group: 'Entries',
      about: 'print entries: all, or those of a prefix',
      paragraphs: [PAGE_HELP],
      examples: [
        'pilot-gossip list',
        'pilot-gossip list --map other --json',
        "pilot-gossip list --glob 'task:*:done'",
      ],
      synonyms: ['ls', 'all', 'dump', 'entries'],
    },
  },
  increment: {
    fields: {
      ...KEY_FIELD,
      by: {
        kind: 'number',
        argument: { name: 'BY', about: 'a number; may be negative (default: 1)', isOptional: true },
      },
      ...MAP_FIELDS,
    },
    help: {
      group: 'Entries',
      about: 'add 1, or BY, to a number; no increment is lost',
      paragraphs: [
        'Prints the new sum. Increments made elsewhere at the same time all count, unlike those by get and set.',
      ],
      examples: ['pilot-gossip increment visits', 'pilot-gossip increment stock -2'],
      synonyms: ['incr', 'inc', 'count', 'decrement', 'decr', 'dec'],
    },
  },
  append: {
    fields: { ...KEY_FIELD, ...VALUE_FIELD, ...MAP_FIELDS },
    local: { options: STRING_OPTION },
    help: {
      group: 'Entries',
      about: 'add an item to the end of a list; no item is lost',
      paragraphs: [VALUE_HELP],
      examples: [`pilot-gossip append log '{"at":"12:00","did":"start"}'`],
      synonyms: ['push'],
    },
  },
  history: {
    fields: { ...KEY_FIELD, ...MAP_FIELDS },
    help: {
      group: 'Entries',
      about: 'print who wrote a key and when, as far as known',
      examples: ['pilot-gossip history task:7'],
      synonyms: ['log', 'blame', 'versions'],
    },
  },
  // `take`: stores one now, before it answers.
  points: {
    fields: { take: { kind: 'flag', option: { about: 'store one now' } }, ...TARGET_FIELDS },
    help: {
      group: 'Tools',
      about: 'print the times to which restore can go back',
      paragraphs: [
        'The agent stores its state each hour in which something changes. It keeps one an hour for a day and one a day for a month.',
      ],
      examples: ['pilot-gossip points', 'pilot-gossip points --take'],
      synonyms: ['snapshots', 'snapshot', 'backups'],
    },
  },
  restore: {
    fields: {
      at: {
        kind: 'text',
        isNeeded: true,
        option: { value: 'TIME', about: '90m, 2h or 1d ago, or 2026-12-01T03:00 in UTC' },
      },
      key: { kind: 'text', option: { value: 'KEY', about: 'only that key' } },
      prefix: { kind: 'text', option: { value: 'TEXT', about: 'only keys that begin so' } },
      exact: { kind: 'flag', option: { about: 'also delete keys that did not exist then' } },
      dryRun: { kind: 'flag', option: { about: 'print what would change, and change nothing' } },
      map: { kind: 'text', option: { value: 'NAME', about: 'only that map (default: all)' } },
      ...TARGET_FIELDS,
    },
    help: {
      group: 'Tools',
      about: 'write again what entries were at a time',
      needs: '--at TIME',
      paragraphs: [
        'Takes the newest state at or before TIME that "points" lists. Deleted keys come back, and overwritten ones get their former value, as new writes that all agents get.',
        'The present state is stored first, so that a restore can be undone.',
      ],
      examples: [
        'pilot-gossip restore --at 2h --dry-run',
        'pilot-gossip restore --at 1d --map state --prefix task:',
      ],
      synonyms: ['undo', 'rollback', 'revert', 'recover'],
    },
  },
  watch: {
    fields: {
      key: {
        kind: 'text',
        argument: { name: 'KEY', about: 'only changes of this key', isOptional: true },
      },
      ...WHICH_FIELDS,
      ...MAP_FIELDS,
    },
    help: {
      group: 'Watch and wait',
      about: 'print changes as they come',
      paragraphs: ['With --json a line for each: key, old, new, and who wrote it. Ctrl-C ends it.'],
      examples: ['pilot-gossip watch', 'pilot-gossip watch task:7 --json'],
      synonyms: ['observe', 'follow', 'tail', 'subscribe', 'listen'],
    },
  },
  status: {
    fields: TARGET_FIELDS,
    help: {
      group: 'Run an agent',
      about: 'print what the agent knows: maps, peers, counters',
      paragraphs: [PEERS_HELP],
      examples: ['pilot-gossip status', 'pilot-gossip status --swarm kv --json'],
      synonyms: ['info', 'stats', 'ps'],
    },
  },
  peers: {
    // `ask`: the agent pulls from a peer first, and waits some seconds until one answers.
    fields: { ask: { kind: 'flag' }, ...TARGET_FIELDS },
    help: {
      group: 'Swarm',
      about: 'print the other agents that this one knows',
      paragraphs: [PEERS_HELP],
      examples: ['pilot-gossip peers', 'pilot-gossip peers --json'],
      synonyms: ['members', 'nodes', 'agents', 'who'],
    },
  },
  stop: {
    fields: TARGET_FIELDS,
    local: { options: TIMEOUT_OPTION },
    help: {
      group: 'Run an agent',
      about: 'stop the agent; it pushes what it wrote first',
      examples: ['pilot-gossip stop --swarm kv'],
      synonyms: ['kill', 'quit', 'end', 'down', 'shutdown', 'exit'],
    },
  },
  export: {
    // `kinds`: each entry carries a note on its kind, so that `put` can restore it.
    fields: { kinds: { kind: 'flag' }, ...WHICH_FIELDS, ...MAP_FIELDS },
    local: {
      args: [{ name: 'FILE', about: 'default: -, standard output', isOptional: true }],
      options: FORMAT_OPTION,
    },
    help: {
      group: 'Tools',
      about: 'write all entries to a file or standard output',
      paragraphs: [FORMAT_HELP],
      examples: ['pilot-gossip export state.json', 'pilot-gossip export | wc -l'],
      synonyms: ['save', 'backup'],
    },
  },
  put: { fields: { entries: { kind: 'entries', isNeeded: true }, ...HOT_FIELD, ...MAP_FIELDS } },
  hello: { fields: TARGET_FIELDS },
  // The connection carries gossip from then on: see `guest-channel.ts`.
  join: { fields: { peers: { kind: 'texts' }, ...TARGET_FIELDS } },
} as const satisfies Readonly<Record<string, CommandSpec>>

export type Command = keyof typeof COMMANDS

/** A request of one of these commands. */
export type RequestOf<Name extends Command> = {
  readonly [One in Name]: RequestFrom<One, (typeof COMMANDS)[One]>
}[Name]

export type Request = RequestOf<Command>
