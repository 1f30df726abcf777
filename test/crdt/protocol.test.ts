/**
 * The page PROTOCOL.md, compared with the constants that it quotes: a changed limit, default or
 * rejection reason fails here until the page says the same.
 */
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import {
  LIMITS,
  MAX_AWARENESS_ENTRIES,
  MAX_AWARENESS_STATE_LENGTH,
  MESSAGE_FORMAT,
  MESSAGE_TYPE,
  REJECTION_REASONS,
} from '../../crdt/index.ts'
import { MIN_DEFLATE_BYTES } from '../../crdt/packed.ts'
import { MAX_DELETES_BYTES } from '../../crdt/sync-request.ts'
import { DEFAULTS } from '../../src/gossip/config.ts'
import { PEERS_A_ROUND, ringsFor, SMALL_SWARM_FACTOR } from '../../src/gossip/fanouts.ts'
import { HEDGE_PATIENCE, MIN_HEDGE_MS, MIN_TIMEOUT_MS, PATIENCE } from '../../src/gossip/pulls.ts'
import { MAX_TRIES } from '../../src/gossip/reassembly.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('protocol page')

const page = readFileSync(new URL('../../crdt/PROTOCOL.md', import.meta.url), 'utf8')
/** Lines are wrapped anywhere. */
const text = page.replaceAll(/\s+/g, ' ')

const shown = (value: number): string => value.toLocaleString('en-US')
const mib = (bytes: number): string => `${bytes / 2 ** 20} MiB`
const seconds = (ms: number): string => `${ms / 1_000} s`
const power = (value: number): string => `2^${Math.log2(value)}`
const WORDS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']

/** First cells of the rows of the table below a heading. */
const firstCells = (heading: string): string[] => {
  const section = page.slice(page.indexOf(heading))
  return [...section.matchAll(/^\| `(\w+)` +\|/gm)].map(([, cell]) => cell!)
}

/** The row of a reason. */
const rowOf = (reason: string): string => {
  const row = page.split('\n').findLast((line) => line.startsWith(`| \`${reason}\` `))
  assert.ok(row, `no row for ${reason}`)
  return row
}

test('reasons: the table has each rejection reason once, in the order of the code', () => {
  assert.equal(firstCells('## What is rejected'), [...REJECTION_REASONS])
})

const LIMITS_IN_ROWS: readonly [string, readonly string[]][] = [
  [
    'too_large',
    [
      `a message over ${mib(LIMITS.messageBytes)}`,
      `an update over ${mib(LIMITS.updateBytes)}`,
      `a name over ${shown(LIMITS.nameLength)} characters`,
      `a vector over ${shown(LIMITS.fieldLength)} characters`,
    ],
  ],
  [
    'too_many',
    [
      `${shown(LIMITS.documents)} documents`,
      `${shown(LIMITS.members)} members`,
      `${shown(LIMITS.fragments)} fragments`,
      `${shown(MAX_AWARENESS_ENTRIES)} awareness states`,
      `${shown(LIMITS.entries)} structs and delete ranges`,
    ],
  ],
  ['too_costly', [`more than ${shown(LIMITS.comparisons)} comparisons`]],
  ['too_deep', [`nested more than ${shown(LIMITS.depth)} deep`]],
  ['clock_jump', [`more than ${power(LIMITS.clockJump)} clocks`]],
  ['delete_jump', [`more than ${power(LIMITS.deleteJump)} clocks`]],
]

for (const [reason, phrases] of LIMITS_IN_ROWS) {
  test(`${reason}: its row quotes the limits of the code`, () => {
    for (const phrase of phrases) assert.ok(rowOf(reason).includes(phrase), phrase)
  })
}

const PHRASES: Record<string, readonly string[]> = {
  message: [`"type": "${MESSAGE_TYPE}"`, `describes format ${MESSAGE_FORMAT}`],
  'waiting updates': [
    `at most ${shown(LIMITS.waitingUpdates)} and ${mib(LIMITS.waitingBytes)} for each document`,
  ],
  members: [
    `up to ${DEFAULTS.membersIntroduced} in the first push to a peer, then up to ${DEFAULTS.membersNamed}`,
  ],
  deletes: [`longer than ${shown(MAX_DELETES_BYTES)} bytes`],
  deflate: [`used from ${shown(MIN_DEFLATE_BYTES)} bytes on`],
  pushes: [
    `fresh changes of at most ${shown(DEFAULTS.inlineBytes)} bytes`,
    `may take ${shown(DEFAULTS.maxInlineBytes)} bytes`,
    `${DEFAULTS.digestDelayMs} ms after a push`,
  ],
  'small swarms': [
    `up to ${WORDS[SMALL_SWARM_FACTOR * DEFAULTS.fanout]} live peers`,
    `Up to ${SMALL_SWARM_FACTOR === 2 ? 'twice' : `${SMALL_SWARM_FACTOR} times`} the fanout`,
    `a ${PEERS_A_ROUND === 3 ? 'third' : `${PEERS_A_ROUND}th`} of the peers`,
  ],
  pulls: [
    `after ${WORDS[PATIENCE]} times the usual time of an answer (${MIN_TIMEOUT_MS} ms to ${seconds(DEFAULTS.pullTimeoutMs)})`,
    `after ${WORDS[HEDGE_PATIENCE]} times the usual time (at least ${MIN_HEDGE_MS} ms`,
  ],
  neighbours: [
    `Pushes use rings 0 and ${ringsFor(DEFAULTS).push.end - 1}, the digests that follow ring ${ringsFor(DEFAULTS).digest.first}`,
  ],
  'after a start': [`after ${DEFAULTS.aloneMs / 1_000} seconds without any peer`],
  fragments: [
    DEFAULTS.pullTimeoutMs / 3 === 500 ? 'Half a second after the last one came' : 'after a while',
    `at most ${WORDS[MAX_TRIES]} times`,
  ],
  awareness: [`at most ${shown(MAX_AWARENESS_STATE_LENGTH)} characters of JSON`],
  documents: [`announced to up to ${DEFAULTS.announceFanout} peers`],
}

for (const [subject, phrases] of Object.entries(PHRASES)) {
  test(`${subject}: the page quotes the constants of the code`, () => {
    for (const phrase of phrases) assert.ok(text.includes(phrase), phrase)
  })
}

test.run()
