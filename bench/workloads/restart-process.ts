/**
 * A process that does what an agent does first after a restart: it loads its folder into a document
 * and reads an entry. It prints the time and the result as one line of JSON.
 *
 *     node --import tsx bench/workloads/restart-process.ts DIR
 */
import * as Y from 'yjs'
import { DEFAULT_MAP, hasEntry } from '../../src/maps/index.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { restore } from '../../src/store/store.ts'
import { collect } from '../runner/garbage.ts'
import { type Summary, summaryOf } from './kept.ts'

export interface Restart {
  /** Elapsed milliseconds: reading the files, building the document, finding an entry. */
  readonly loadMs: number
  readonly restoreMs: number
  readonly readMs: number
  /** Milliseconds of processor time of all three. */
  readonly cpuMs: number
  /** Memory of the document. */
  readonly heapBytes: number
  /** Peak memory of the process, node included. */
  readonly peakBytes: number
  /** What the store could not read. */
  readonly problems: readonly string[]
  readonly summary: Summary
}

const heapBytes = (): number => {
  collect('all')
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** A function of its own, so that what it loaded can be collected once it returns. */
const start = async (dir: string, doc: Y.Doc) => {
  const began = performance.now()
  const store = new LogStore({ dir })
  const loaded = await store.load()
  const read = performance.now()
  const problems = restore(doc, loaded).problems.map(({ failure }) => failure.message)
  const restored = performance.now()
  // The first look-up builds the index of hot entries.
  hasEntry(doc, DEFAULT_MAP, 'task:00000')
  const found = performance.now()
  const parts = { loadMs: read - began, restoreMs: restored - read, readMs: found - restored }
  return { store, problems, parts }
}

const [dir = ''] = process.argv.slice(2)
const doc = new Y.Doc()
const before = heapBytes()
const cpu = process.cpuUsage()
const { store, problems, parts } = await start(dir, doc)
const { user, system } = process.cpuUsage(cpu)
const peakBytes = process.resourceUsage().maxRSS * 1024
const restart: Restart = {
  ...parts,
  cpuMs: (user + system) / 1000,
  heapBytes: heapBytes() - before,
  peakBytes,
  problems,
  summary: summaryOf(doc),
}
await store.close()
process.stdout.write(JSON.stringify(restart))
