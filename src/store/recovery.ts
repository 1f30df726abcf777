/**
 * Reads a folder of the store after whatever has happened to it, and changes nothing. It takes
 * the newest state that can be read and all logs from that generation on, goes on after damage
 * at the next readable record, and tells what was wrong.
 *
 * ```ts
 * const { state, updates, problems, asides } = await recover(disk, dir)
 * ```
 */
import { join } from 'node:path'
import { Failure } from '../errors.ts'
import type { Disk } from './disk.ts'
import { decodeHead, type FileKind, guessMarkers, headBytes } from './head.ts'
import { damagedName, fileName, isLeftover, parseName } from './names.ts'
import { type Scan, STATE_V2, scanRecords, UPDATE_V1 } from './record.ts'
import type { StoreProblem } from './store.ts'

/** Damaged bytes, and the name under which a copy of them is kept. */
export interface Aside {
  readonly name: string
  readonly bytes: Uint8Array
}

/** A log that can be written on. */
export interface OpenLog {
  readonly generation: number
  readonly marker: Uint8Array
  /** Bytes up to the end of the last good record: what follows is cut off before writing. */
  length: number
  updates: number
}

export interface Recovered {
  readonly state: Uint8Array | undefined
  readonly updates: readonly Uint8Array[]
  readonly problems: readonly StoreProblem[]
  readonly asides: readonly Aside[]
  /** The newest log; undefined where there is none, or its head is damaged. */
  readonly log: OpenLog | undefined
  /** Bytes of the logs that were used, without torn tails. */
  readonly logBytes: number
  /** The highest generation that any file bears; 0 in an empty folder. */
  readonly newest: number
  /** Names of files that are of no more use: older than a readable state, or left half written. */
  readonly useless: readonly string[]
}

interface FileScan extends Scan {
  readonly marker: Uint8Array | undefined
}

const KINDS = { log: UPDATE_V1, state: STATE_V2 } as const

/** Looks for records behind a head that says nothing; none at all is one damage. */
const scanWithoutHead = (bytes: Uint8Array, kind: FileKind): Scan => {
  const start = headBytes(kind)
  for (const marker of guessMarkers(bytes, kind)) {
    const { payloads, damage, end } = scanRecords(bytes, start, marker, KINDS[kind])
    if (payloads.length > 0) return { payloads, damage: [{ from: 0, to: start }, ...damage], end }
  }
  return { payloads: [], damage: [{ from: 0, to: bytes.length }], end: bytes.length }
}

/** A state is one record: without it nothing of the file is of use, and nothing may follow it. */
const judgeState = (scan: Scan, length: number): Scan => {
  if (scan.payloads.length === 0)
    return { payloads: [], damage: [{ from: 0, to: length }], end: length }
  const tail = scan.end < length ? [{ from: scan.end, to: length }] : []
  return { payloads: scan.payloads, damage: [...scan.damage, ...tail], end: length }
}

class Recovery {
  readonly #disk: Disk
  readonly #dir: string
  readonly problems: StoreProblem[] = []
  readonly asides: Aside[] = []

  constructor(disk: Disk, dir: string) {
    this.#disk = disk
    this.#dir = dir
  }

  /** Reads a file and tells what is wrong with it. */
  async scan(kind: FileKind, generation: number): Promise<FileScan> {
    const name = fileName(kind, generation)
    const path = join(this.#dir, name)
    const bytes = await this.#disk.read(path)
    const marker = decodeHead(bytes, path)
    const scan = marker
      ? scanRecords(bytes, headBytes(kind), marker, KINDS[kind])
      : scanWithoutHead(bytes, kind)
    const judged = kind === 'state' ? judgeState(scan, bytes.length) : scan
    for (const { from, to } of judged.damage) {
      const aside = damagedName({ kind, generation }, from)
      if (to > from) this.asides.push({ name: aside, bytes: bytes.subarray(from, to) })
      const where =
        to > from ? `${to - from} bytes at ${from}, copied to "${aside}"` : 'it is empty'
      this.#tell('damaged', name, to - from, `"${path}" is damaged: ${where}`)
    }
    const torn = bytes.length - judged.end
    if (torn > 0)
      this.#tell('torn', name, torn, `"${path}" ends with ${torn} bytes that are no record`)
    return { ...judged, marker }
  }

  tellMissing(kind: FileKind, generation: number): void {
    const name = fileName(kind, generation)
    this.#tell('missing', name, 0, `"${join(this.#dir, name)}" is missing`)
  }

  #tell(type: StoreProblem['type'], file: string, bytes: number, message: string): void {
    const failure = new Failure('internal', message, {
      hint: 'All that can be read is used; what is lost comes back from the peers, if they had it.',
    })
    this.problems.push({ type, file, bytes, failure })
  }
}

/** Rejects with a Failure for a newer format. */
export const recover = async (disk: Disk, dir: string): Promise<Recovered> => {
  const names = await disk.list(dir)
  const files = names.map(parseName).filter((file) => file !== undefined)
  const generationsOf = (wanted: FileKind): number[] =>
    files
      .filter(({ kind }) => kind === wanted)
      .map(({ generation }) => generation)
      .sort((a, b) => a - b)
  const newest = Math.max(0, ...files.map(({ generation }) => generation))
  const recovery = new Recovery(disk, dir)

  const states = generationsOf('state')
  let state: Uint8Array | undefined
  let base = 0
  for (const generation of states.toReversed()) {
    state = (await recovery.scan('state', generation)).payloads[0]
    if (state) {
      base = generation
      break
    }
  }

  const logs = generationsOf('log').filter((generation) => generation >= base)
  const first = state ? base : (logs[0] ?? newest + 1)
  // Generation 1 has no state before it; any other has one, or the log of the one before.
  if (!state && first > 1 && logs.length > 0 && !states.includes(first)) {
    recovery.tellMissing('state', first)
  }
  for (let generation = first; generation <= newest; generation++) {
    if (!logs.includes(generation)) recovery.tellMissing('log', generation)
  }

  const updates: Uint8Array[] = []
  let log: OpenLog | undefined
  let logBytes = 0
  for (const generation of logs) {
    const { payloads, marker, end: length } = await recovery.scan('log', generation)
    for (const update of payloads) updates.push(update)
    logBytes += length
    const isOpen = marker && generation === newest
    log = isOpen ? { generation, marker, length, updates: payloads.length } : undefined
  }
  const useless = names.filter((name) => {
    const file = parseName(name)
    return file ? file.generation < base : isLeftover(name)
  })
  const { problems, asides } = recovery
  return { state, updates, problems, asides, log, logBytes, newest, useless }
}
