/**
 * Overwrites a few keys 100,000 times through one agent with a peer, and measures what grows: entries
 * of the state vector, structs, bytes in the data folder, memory.
 *
 * ```
 * node --import tsx test/tools/endurance.ts --sets 100000
 * ```
 *
 * Checked during the whole run:
 * - the state vector has one entry for each writer, however often the agent restarts;
 * - structs: a plain map keeps one for each set (see the README), a hot one 3 for each key;
 * - the folder stays below `folderBound`, after each group;
 * - memory stays below `heapBound`, with the structs of both agents, which share this process.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { collect } from '../../bench/runner/garbage.ts'
import { Agent } from '../../src/agent/agent.ts'
import { ControlClient } from '../../src/control/client.ts'
import { ControlServer } from '../../src/control/server.ts'
import { serveAgent } from '../../src/control/service.ts'
import { readEntries, writeEntry } from '../../src/maps/index.ts'
import { COMPACT_BYTES } from '../../src/store/compaction.ts'
import type { DataFolder } from '../../src/store/data-folder.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { MailboxTransport } from '../../src/transports/mailbox/mailbox.ts'
import { until } from '../helpers/until.ts'

export interface EnduranceOptions {
  readonly sets: number
  readonly layout: 'plain' | 'hot'
  /** Groups of sets from this process with one flush each, or requests to its control socket. */
  readonly through: 'library' | 'socket'
  /** Characters of each value besides its number. */
  readonly padding?: number
  /** Is the heap measured? That takes a second. */
  readonly isMeasured?: boolean
}

export interface EnduranceReport {
  readonly layout: string
  readonly through: string
  readonly sets: number
  readonly 'sets/s': number
  /** Entries of the state vector, at the agent and at its peer. */
  readonly writers: number
  readonly structs: number
  /** Bytes of the whole document as a V2 update. */
  readonly bytes: number
  /** Flushes of the log since the last start. */
  readonly commits: number
  /** Bytes of the data folder: the maximum as a share of the bound, and at the end. */
  readonly 'folder most': number
  readonly 'of bound': string
  readonly 'folder end': number
  /** MiB that the heap has grown by, with both agents; undefined if it was not measured. */
  readonly 'heap MiB': number | undefined
  /** Milliseconds of the last start, with everything on disk. */
  readonly 'start ms': number
}

export const KEYS = 100

/** Sets that wait for one flush. */
const GROUP = 100

/** Requests to the socket at one time. */
const AT_ONCE = 16

/** How often the bytes of the state are measured. */
const STATE_LOOKS = 100

/** Restarts of the agent during the run. */
const RESTARTS = 4

/** Structs that a hot map may have for each live key. */
const HOT_SHARE = 3

/** Structs besides those of the keys: one for what was overwritten last. */
const HOT_MORE = 10

/** Bytes of the identity, the lock and the heads of files. */
const SMALL_FILES = 4096

/**
 * Bytes of heap for a struct, in each of the two documents. Measured for overwritten entries: 240
 * as they are written here, 150 as they are read from single updates, by a peer or at a start.
 */
const STRUCT_HEAP = 300

/** Bytes of heap for two agents, whatever they hold: remembered updates, buffers, caches. Measured 1 to 7 MiB. */
const AGENT_HEAP = 16 * 1024 * 1024

const structBound = ({ layout, sets }: EnduranceOptions): number =>
  layout === 'plain' ? sets : KEYS * HOT_SHARE + HOT_MORE

/**
 * Bytes that the folder may take, from `src/store/compaction.ts`: twice the state, twice the log,
 * which is as long as the state or 1 MiB, and what is written between two checks of the agent.
 */
export const folderBound = (stateBytes: number, between: number): number =>
  2 * stateBytes + 2 * (Math.max(COMPACT_BYTES, stateBytes) + between) + SMALL_FILES

export const heapBound = (structs: number): number => 2 * structs * STRUCT_HEAP + AGENT_HEAP

const countStructs = (doc: Y.Doc): number => {
  let count = 0
  for (const structs of doc.store.clients.values()) count += structs.length
  return count
}

const folderBytes = (dir: string): number =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
    // A file that a compaction has just removed or renamed has no size.
    const found = statSync(join(dir, name), { throwIfNoEntry: false })
    return found?.isFile() ? sum + found.size : sum
  }, 0)

/** Collections of garbage: what a callback frees is collected by the next one. */
const COLLECTIONS = 3

const heap = async (): Promise<number> => {
  for (let time = 0; time < COLLECTIONS; time++) {
    collect('all')
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

interface Living {
  readonly agent: Agent
  readonly folder: DataFolder
}

const startAgent = async (dir: string, name: string): Promise<Living> => {
  const folder = dataFolder(join(dir, name))
  const agent = new Agent({
    swarm: 'kv',
    transport: new MailboxTransport({ dir: join(dir, 'mail'), address: name }),
    data: folder,
    config: { intervalMs: 300 },
    onProblem: (problem) => {
      throw new Error(`trouble: ${JSON.stringify(problem)}`)
    },
  })
  await agent.start()
  return { agent, folder }
}

class Endurance {
  readonly #options: EnduranceOptions
  readonly #dir: string
  #living: Living
  #stateBytes = 0
  #milliseconds = 0
  #most = 0
  #share = 0
  readonly #last = new Map<string, unknown>()

  constructor(options: EnduranceOptions, dir: string, living: Living) {
    this.#options = options
    this.#dir = dir
    this.#living = living
  }

  get living(): Living {
    return this.#living
  }

  get folder(): { readonly most: number; readonly share: number; readonly end: number } {
    return { most: this.#most, share: this.#share, end: folderBytes(join(this.#dir, 'agent')) }
  }

  /** Milliseconds that the writes took, with their flushes. */
  get milliseconds(): number {
    return this.#milliseconds
  }

  get expected(): Record<string, unknown> {
    const entries = [...this.#last].sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(entries)
  }

  async run(): Promise<void> {
    const { sets } = this.#options
    const life = Math.ceil(sets / (RESTARTS + 1) / GROUP) * GROUP
    for (let first = 0; first < sets; first += life) {
      if (first > 0) await this.restart()
      await this.#live(first, Math.min(sets, first + life))
    }
  }

  async restart(): Promise<number> {
    await this.#living.agent.stop()
    const writer = this.#living.agent.doc.clientID
    const start = performance.now()
    this.#living = await startAgent(this.#dir, 'agent')
    assert.is(this.#living.agent.doc.clientID, writer)
    return performance.now() - start
  }

  async #live(first: number, end: number): Promise<void> {
    const { through } = this.#options
    const write = through === 'library' ? this.#writeGroup : await this.#openSocket()
    for (let next = first; next < end; next += GROUP) {
      const start = performance.now()
      await write(next, Math.min(end, next + GROUP))
      this.#milliseconds += performance.now() - start
      this.#look(next)
    }
    await this.#closeSocket()
  }

  #someValue(n: number): unknown {
    return `${n} ${'x'.repeat(this.#options.padding ?? 0)}`
  }

  readonly #writeGroup = async (first: number, end: number): Promise<void> => {
    const { agent } = this.#living
    for (let n = first; n < end; n++) {
      const [key, value] = [`key${n % KEYS}`, this.#someValue(n)]
      writeEntry(agent.doc, 'state', key, value, { hot: this.#options.layout === 'hot' })
      this.#last.set(key, value)
    }
    await agent.flushed()
  }

  #closeSocket: () => Promise<void> = async () => undefined

  async #openSocket() {
    const data = join(this.#dir, 'agent')
    const server = new ControlServer({ dir: data, handle: serveAgent(this.#living.agent) })
    await server.open()
    this.#closeSocket = () => server.close()
    const client = new ControlClient(data)
    const hot = this.#options.layout === 'hot'
    return async (first: number, end: number): Promise<void> => {
      for (let next = first; next < end; next += AT_ONCE) {
        const numbers = Array.from({ length: Math.min(AT_ONCE, end - next) }, (_, i) => next + i)
        const asked = numbers.map((n) => {
          const [key, value] = [`key${n % KEYS}`, this.#someValue(n)]
          this.#last.set(key, value)
          return client.ask({ command: 'set', key, value, hot })
        })
        await Promise.all(asked)
      }
    }
  }

  /** Is everything within its bounds now? */
  #look(n: number): void {
    const { agent } = this.#living
    // To encode a state of many structs takes a while.
    if (n % Math.max(GROUP, this.#options.sets / STATE_LOOKS) === 0) {
      const state = Y.encodeStateAsUpdateV2(agent.doc).length
      this.#stateBytes = Math.max(this.#stateBytes, state)
    }
    const found = folderBytes(join(this.#dir, 'agent'))
    // Keys, ids and the heads of records are some 100 bytes a set.
    const between = GROUP * ((this.#options.padding ?? 0) + 100)
    const bound = folderBound(this.#stateBytes, between)
    assert.ok(found <= bound, `the folder has ${found} bytes, at most ${bound}`)
    this.#most = Math.max(this.#most, found)
    this.#share = Math.max(this.#share, found / bound)
    const structs = countStructs(agent.doc)
    const most = structBound(this.#options)
    assert.ok(structs <= most, `${structs} structs, at most ${most}`)
    assert.is(agent.doc.store.clients.size, 1)
  }
}

/** Rejects if a bound is exceeded. */
export const runEndurance = async (options: EnduranceOptions): Promise<EnduranceReport> => {
  const dir = mkdtempSync(join(tmpdir(), 'endurance-'))
  try {
    const before = options.isMeasured ? await heap() : 0
    const peer = await startAgent(dir, 'peer')
    const run = new Endurance(options, dir, await startAgent(dir, 'agent'))
    await run.run()
    const { commits } = run.living.folder.store.stats()
    const startMs = await run.restart()
    const { agent } = run.living
    await until('both agree', () => agent.status().digest === peer.agent.status().digest)
    const all = run.expected
    assert.equal(readEntries(agent.doc, 'state'), all)
    assert.equal(readEntries(peer.agent.doc, 'state'), all)
    assert.equal([agent.doc.store.clients.size, peer.agent.doc.store.clients.size], [1, 1])
    assert.equal(peer.agent.status().counters.rejected, {})
    const structs = countStructs(agent.doc)
    assert.ok(countStructs(peer.agent.doc) <= structBound(options))
    const grown = options.isMeasured ? (await heap()) - before : undefined
    if (grown !== undefined) {
      const bound = heapBound(structs)
      assert.ok(grown <= bound, `the heap has grown by ${grown} bytes, at most ${bound}`)
    }
    const { most, share, end } = run.folder
    const bytes = Y.encodeStateAsUpdateV2(agent.doc).length
    await agent.stop()
    await peer.agent.stop()
    return {
      layout: options.layout,
      through: options.through,
      sets: options.sets,
      'sets/s': Math.round((options.sets * 1000) / run.milliseconds),
      writers: 1,
      structs,
      bytes,
      commits,
      'folder most': most,
      'of bound': `${Math.round(share * 100)} %`,
      'folder end': end,
      'heap MiB': grown === undefined ? undefined : Math.round(grown / 2 ** 18) / 4,
      'start ms': Math.round(startMs),
    }
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Sets of a run before the one whose heap is measured, so that all code is loaded and compiled. */
const WARM_UP = 2_000

const LAYOUTS = ['plain', 'hot'] as const
const WAYS = ['library', 'socket'] as const

/** One row, in a process of its own: what an earlier one left in memory would be measured too. */
const runApart = (sets: number, layout: string, through: string): unknown => {
  const args = ['--sets', String(sets), '--layout', layout, '--through', through]
  const command = ['--import', 'tsx', import.meta.filename, ...args]
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  return JSON.parse(
    execFileSync(process.execPath, command, { encoding: 'utf8', stdio: [...stdio] }),
  )
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      sets: { type: 'string', default: '100000' },
      layout: { type: 'string' },
      through: { type: 'string' },
    },
  })
  const sets = Number(values.sets)
  const layout = LAYOUTS.find((name) => name === values.layout)
  const through = WAYS.find((name) => name === values.through)
  if (layout && through) {
    await runEndurance({ sets: WARM_UP, layout, through })
    console.log(JSON.stringify(await runEndurance({ sets, layout, through, isMeasured: true })))
    return
  }
  // Each request waits for its own flush, so a tenth of them takes as long.
  const rows = LAYOUTS.flatMap((name) => [
    runApart(sets, name, 'library'),
    runApart(Math.ceil(sets / 10), name, 'socket'),
  ])
  console.table(rows)
}

if (import.meta.filename === process.argv[1]) await main()
