/**
 * The tools that a model is given: for each its name, what it says of itself, the schema of its
 * arguments, and the request to the agent that it makes.
 *
 * ```ts
 * const tool = TOOLS.find(({ name }) => name === 'get')!
 * await tool.call({ backend, changes }, { key: 'k' })      // { found: true, key: 'k', value: 1 }
 * ```
 */
import {
  asking,
  type Call,
  changesSince,
  getEntry,
  historyOf,
  LIMIT,
  listEntries,
  orAbsent,
  WAIT_SECONDS,
  waitForEntry,
} from './calls.ts'

/** Entries or changes in one answer at most. */
const MAX_LIMIT = 500

/** Seconds that `wait` takes at most: clients give up after 60. */
const MAX_WAIT_SECONDS = 50

/** JSON Schema (2020-12) of an object. */
export interface Schema {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly required?: readonly string[]
  readonly additionalProperties: false
}

export interface Tool {
  readonly name: string
  readonly title: string
  /** For the model: what it does, when to use it, what comes back. */
  readonly description: string
  readonly schema: Schema
  readonly annotations: {
    readonly readOnlyHint: boolean
    readonly destructiveHint?: boolean
    readonly idempotentHint?: boolean
    readonly openWorldHint: false
  }
  readonly call: Call
}

const KEY = { type: 'string', minLength: 1, description: 'The key of the entry, e.g. "task:7".' }
const MAP = { type: 'string', description: 'Another map than the default, "state".' }
const VALUE = { description: 'Any JSON value: string, number, boolean, null, array or object.' }
const WHICH = {
  prefix: { type: 'string', description: 'Only keys that begin with this.' },
  glob: {
    type: 'string',
    description: 'Only keys like this pattern: * is any characters, ? is one. Not with prefix.',
  },
}
const CLAIM = {
  key: { type: 'string', minLength: 1, description: 'What is claimed, e.g. "task:7".' },
  as: {
    type: 'string',
    minLength: 1,
    description: 'Your name: the same in claim, renew and release.',
  },
  map: { type: 'string', description: 'Another map than the default, "claims".' },
}
const FOR = { type: 'number', minimum: 10, description: 'Milliseconds (default 30000).' }
const limitOf = (what: string) => ({
  type: 'integer',
  minimum: 1,
  maximum: MAX_LIMIT,
  description: `At most that many ${what} (default ${LIMIT}).`,
})

const objectOf = (properties: Schema['properties'], required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
  additionalProperties: false,
})

const READS = { readOnlyHint: true, openWorldHint: false } as const
const ADDS = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: false,
} as const
const WRITES = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: true,
  openWorldHint: false,
} as const

export const TOOLS: readonly Tool[] = [
  {
    name: 'get',
    title: 'Read an entry',
    description:
      'Read the value of a key in the shared map. Returns found: false if there is no such key. version identifies the last write, for set with ifVersion.',
    schema: objectOf(
      {
        key: KEY,
        path: { type: 'string', description: 'A JSON Pointer to a part of the value: "/items/0".' },
        map: MAP,
      },
      ['key'],
    ),
    annotations: READS,
    call: getEntry,
  },
  {
    name: 'set',
    title: 'Write an entry',
    description:
      'Write a value under a key. All agents of the swarm see it within a second. It replaces the value that is there; of two agents that write one key at the same moment one wins. Use increment for counters and append for logs, which lose nothing. The conditions (ifAbsent, if, ifVersion) are checked against what this agent knows: an error with the code conflict means that nothing was written.',
    schema: objectOf(
      {
        key: KEY,
        value: VALUE,
        path: { type: 'string', description: 'Write only this part of the value: "/done".' },
        ifAbsent: { type: 'boolean', description: 'Write only if there is no such key.' },
        if: { description: 'Write only if the value equals this one.' },
        ifVersion: { type: 'string', description: 'Write only if this is still its version.' },
        ttl: {
          type: 'number',
          minimum: 1,
          description: 'Milliseconds after which the entry ends, as if it were deleted.',
        },
        hot: {
          type: 'boolean',
          description: 'For a key that is overwritten very often: keeps its history from growing.',
        },
        map: MAP,
      },
      ['key', 'value'],
    ),
    annotations: WRITES,
    call: asking('set'),
  },
  {
    name: 'delete',
    title: 'Delete an entry',
    description:
      'Delete a key, or all keys with a prefix or of a pattern, for all agents of the swarm. Give exactly one of key, prefix and glob.',
    schema: objectOf({ key: KEY, ...WHICH, map: MAP }),
    annotations: WRITES,
    call: (behind, args) =>
      orAbsent(asking('delete')(behind, args), { key: args.key, found: false }),
  },
  {
    name: 'list',
    title: 'List entries',
    description:
      'List entries in order of their keys: all, or those with a prefix or of a pattern. If the answer has a cursor there are more: give it to the next call.',
    schema: objectOf({
      ...WHICH,
      limit: limitOf('entries'),
      cursor: { type: 'string', description: 'The cursor of the page before.' },
      keysOnly: { type: 'boolean', description: 'Only the keys, without values.' },
      map: MAP,
    }),
    annotations: READS,
    call: listEntries,
  },
  {
    name: 'increment',
    title: 'Add to a number',
    description:
      'Add to a number, which starts at 0, and return the sum. Increments of all agents count, also those at the same moment.',
    schema: objectOf(
      { key: KEY, by: { type: 'number', description: 'Default 1; may be negative.' }, map: MAP },
      ['key'],
    ),
    annotations: ADDS,
    call: asking('increment'),
  },
  {
    name: 'append',
    title: 'Append to a list',
    description:
      'Append an item to a list, which starts empty, and return its length. Items of all agents are kept, also those of the same moment.',
    schema: objectOf({ key: KEY, value: VALUE, map: MAP }, ['key', 'value']),
    annotations: ADDS,
    call: asking('append'),
  },
  {
    name: 'wait',
    title: 'Wait for an entry',
    description: `Wait until a key is there, or has the given value, for at most ${MAX_WAIT_SECONDS} seconds. Use it to wait for the result of another agent instead of asking again and again. found: false means that the time is over: call it again.`,
    schema: objectOf(
      {
        key: KEY,
        value: { description: 'Wait until the value equals this one. Default: any value.' },
        seconds: {
          type: 'number',
          exclusiveMinimum: 0,
          maximum: MAX_WAIT_SECONDS,
          description: `Default ${WAIT_SECONDS}.`,
        },
        map: MAP,
      },
      ['key'],
    ),
    annotations: READS,
    call: waitForEntry,
  },
  {
    name: 'claim',
    title: 'Claim a task',
    description:
      'Take a task for some time, so that no other agent works on it. An error with the code taken says who has it: take another task. Renew it in time, and release it when you are done. It is no lock: if the network is cut two agents may hold it until they meet, and then that with the higher fence wins. acknowledged: how many other agents have shown that they know of it.',
    schema: objectOf({ ...CLAIM, for: FOR }, ['key', 'as']),
    annotations: { ...WRITES, destructiveHint: false },
    call: asking('claim'),
  },
  {
    name: 'renew',
    title: 'Hold a claim for longer',
    description:
      'Hold a claim for longer. An error with the code taken or not_found says that it is lost: stop the work, and look at what happened.',
    schema: objectOf({ ...CLAIM, for: FOR }, ['key', 'as']),
    annotations: { ...WRITES, destructiveHint: false },
    call: asking('renew'),
  },
  {
    name: 'release',
    title: 'Give a claim back',
    description:
      'Give a claim back when the work is done, so that others need not wait for its end.',
    schema: objectOf(CLAIM, ['key', 'as']),
    annotations: { ...WRITES, destructiveHint: false },
    call: asking('release'),
  },
  {
    name: 'watch_since',
    title: 'Catch up with changes',
    description:
      'What has changed in a map since the last call. The first call, without a cursor, returns one; give it to the next call to get the changes in between: key, action, value, and who wrote it. isComplete: false means that some were missed: call list to see what is there.',
    schema: objectOf({
      cursor: { type: 'string', description: 'The cursor of the last call. Default: from now on.' },
      limit: limitOf('changes'),
      map: MAP,
    }),
    annotations: READS,
    call: changesSince,
  },
  {
    name: 'history',
    title: 'Who wrote a key',
    description:
      'Who wrote a key and when, newest first, as far as the agent knows: to find out what happened to an entry.',
    schema: objectOf({ key: KEY, map: MAP }, ['key']),
    annotations: READS,
    call: historyOf,
  },
  {
    name: 'status',
    title: 'State of the swarm',
    description:
      'What the agent of this host knows: its maps with their sizes, the other agents and whether their state is equal, and problems.',
    schema: objectOf({}),
    annotations: READS,
    call: asking('status'),
  },
]
