/**
 * Reads a folder of the store, in whatever condition it is, and changes nothing. It reads the newest
 * readable state and all logs from that generation on. After damage it goes on at the next readable
 * record, and after a file that the system refuses to read at the next file. It reports all problems.
 *
 * ```ts
 * const { state, updates, problems, asides } = await recover(disk, dir)
 * ```
 */
import { join } from 'node:path'
import { stateToUpdate } from '../../../crdt/index.ts'
import { Failure, systemCodeOf } from '../../errors.ts'
import type { Disk } from '../../fs/disk.ts'
import { toDiskFailure } from '../../fs/disk-failure.ts'
import { decodeHead, type FileKind, guessMarkers, headBytes } from '../head.ts'
import { GROUP_V1, type Scan, STATE_V2, scanRecords, UPDATE_V1 } from '../record.ts'
import type { StoreProblem } from '../store.ts'
import { damagedName, type FileName, fileName, isLeftover, parseName } from './names.ts'

/** Damaged bytes, and the name of the file for their copy. */
export interface Aside {
  readonly name: string
  readonly bytes: Uint8Array
}

/** A log to which updates can be appended. */
export interface OpenLog {
  readonly generation: number
  readonly marker: Uint8Array
  /** Bytes up to the end of the last valid record. The rest is cut off before a write. */
  length: number
  updates: number
}

export interface Recovered {
  readonly state: Uint8Array | undefined
  readonly updates: readonly Uint8Array[]
  readonly problems: readonly StoreProblem[]
  readonly asides: readonly Aside[]
  /** Files that the system refuses to read, so their content is unknown. */
  readonly unreadable: readonly FileName[]
  /** Is it certain that no stored data will become readable later? */
  readonly isWhole: boolean
  /** The newest log; undefined if there is none or its head is damaged. */
  readonly log: OpenLog | undefined
  /** Bytes of the logs that were read, without torn tails. */
  readonly logBytes: number
  /** The highest generation of any file; 0 in an empty folder. */
  readonly newest: number
  /** Names of useless files: older than a readable state, or not completely written. */
  readonly useless: readonly string[]
}

interface FileScan extends Scan {
  readonly marker: Uint8Array | undefined
}

const KINDS = { log: [UPDATE_V1, GROUP_V1], state: [STATE_V2] } as const

/**
 * Errors that concern one file alone. Any other (too many open files, no memory) is not about the
 * file: then the recovery fails, and may be tried again.
 */
const OF_ONE_FILE: ReadonlySet<unknown> = new Set(['EIO', 'EISDIR', 'EACCES', 'EPERM'])

/** Errors of missing rights: the file is valid, but the user may not read it. */
const OF_RIGHTS: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM'])

/** Looks for records after a damaged head. If there are none, the whole file is damaged. */
const scanWithoutHead = (bytes: Uint8Array, kind: FileKind): Scan => {
  const start = headBytes(kind)
  for (const marker of guessMarkers(bytes, kind)) {
    const { payloads, damage, end } = scanRecords(bytes, start, marker, KINDS[kind])
    if (payloads.length > 0) return { payloads, damage: [{ from: 0, to: start }, ...damage], end }
  }
  return { payloads: [], damage: [{ from: 0, to: bytes.length }], end: bytes.length }
}

/** A state file has exactly one record: without it the file is damaged, and so are bytes after it. */
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
  readonly unreadable: FileName[] = []
  readonly #errors: unknown[] = []
  #hasRead = false

  constructor(disk: Disk, dir: string) {
    this.#disk = disk
    this.#dir = dir
  }

  /** Reads a file and reports its problems. Resolves to undefined if the system refuses. */
  async scan(file: FileName): Promise<FileScan | undefined> {
    const { kind, generation, isKept } = file
    const name = fileName(kind, generation, isKept)
    const path = join(this.#dir, name)
    const bytes = await this.#read(file, name, path)
    if (!bytes) return undefined
    const marker = decodeHead(bytes, path)
    const scan = marker
      ? scanRecords(bytes, headBytes(kind), marker, KINDS[kind])
      : scanWithoutHead(bytes, kind)
    const judged = kind === 'state' ? judgeState(scan, bytes.length) : scan
    for (const { from, to } of judged.damage) {
      const aside = damagedName(file, from)
      if (to > from) this.asides.push({ name: aside, bytes: bytes.subarray(from, to) })
      const where =
        to > from ? `${to - from} bytes at ${from}, copied to "${aside}"` : 'it is empty'
      this.#report('damaged', name, to - from, `"${path}" is damaged: ${where}`)
    }
    const torn = bytes.length - judged.end
    if (torn > 0)
      this.#report('torn', name, torn, `"${path}" ends with ${torn} bytes that are not a record`)
    return { ...judged, marker }
  }

  reportMissing(kind: FileKind, generation: number): void {
    const name = fileName(kind, generation)
    this.#report('missing', name, 0, `"${join(this.#dir, name)}" is missing`)
  }

  /**
   * Throws the error of the system if no file could be read for missing rights: a program that runs as
   * another user must fail, rather than get an empty document.
   */
  checkRights(): void {
    const [error] = this.#errors
    if (this.#hasRead || error === undefined) return
    if (this.#errors.every((each) => OF_RIGHTS.has(systemCodeOf(each)))) throw error
  }

  /** Reads a file that an earlier compaction could not read. Resolves to its V1 updates. */
  async readKept(file: FileName): Promise<readonly Uint8Array[]> {
    const payloads = (await this.scan(file))?.payloads ?? []
    if (file.kind === 'log') return payloads
    try {
      return payloads.map((state) => stateToUpdate(state))
    } catch (error) {
      const name = fileName(file.kind, file.generation, true)
      const bytes = payloads[0]?.length ?? 0
      this.#report('damaged', name, bytes, `"${name}" is not a state that Yjs can read: ${error}`)
      return []
    }
  }

  async #read(file: FileName, name: string, path: string): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#disk.read(path)
      this.#hasRead = true
      return bytes
    } catch (error) {
      if (!OF_ONE_FILE.has(systemCodeOf(error))) throw error
      this.#errors.push(error)
      this.unreadable.push(file)
      const { code, message, hint = '' } = toDiskFailure(error, `read "${path}"`)
      const rest = 'start again later: the file is kept, and each start tries to read it.'
      const failure = new Failure(code, message, { hint: `${rest} ${hint}`, cause: error })
      this.problems.push({ type: 'unreadable', file: name, bytes: 0, failure })
      return undefined
    }
  }

  #report(type: StoreProblem['type'], file: string, bytes: number, message: string): void {
    const failure = new Failure('damaged', message, {
      hint: 'keep the agent running: peers send back what was lost, if they have it',
    })
    this.problems.push({ type, file, bytes, failure })
  }
}

/** Rejects with a Failure for a newer format, and with the error of the system if nothing can be read. */
export const recover = async (disk: Disk, dir: string): Promise<Recovered> => {
  const names = await disk.list(dir)
  const files = names.map(parseName).filter((file) => file !== undefined)
  const current = files.filter(({ isKept }) => !isKept).sort((a, b) => a.generation - b.generation)
  const has = (kind: FileKind, generation: number): boolean =>
    files.some((file) => file.kind === kind && file.generation === generation)
  const newest = Math.max(0, ...files.map(({ generation }) => generation))
  const recovery = new Recovery(disk, dir)

  const updates: Uint8Array[] = []
  for (const file of files.filter(({ isKept }) => isKept)) {
    for (const update of await recovery.readKept(file)) updates.push(update)
  }

  const states = current.filter(({ kind }) => kind === 'state')
  let state: Uint8Array | undefined
  let base = 0
  for (const file of states.toReversed()) {
    state = (await recovery.scan(file))?.payloads[0]
    if (state) {
      base = file.generation
      break
    }
  }

  const logs = current.filter(({ kind, generation }) => kind === 'log' && generation >= base)
  const first = state ? base : (logs[0]?.generation ?? newest + 1)
  // Generation 1 has no state. Any other has one, or the log of the previous generation.
  if (!state && first > 1 && logs.length > 0 && !has('state', first)) {
    recovery.reportMissing('state', first)
  }
  for (let generation = first; generation <= newest; generation++) {
    if (!has('log', generation)) recovery.reportMissing('log', generation)
  }

  let log: OpenLog | undefined
  let logBytes = 0
  for (const file of logs) {
    const scan = await recovery.scan(file)
    for (const update of scan?.payloads ?? []) updates.push(update)
    logBytes += scan?.end ?? 0
    log = undefined
    if (scan?.marker && file.generation === newest) {
      const { marker, end, payloads } = scan
      log = { generation: newest, marker, length: end, updates: payloads.length }
    }
  }
  recovery.checkRights()
  const useless = names.filter((name) => {
    const file = parseName(name)
    return file ? !file.isKept && file.generation < base : isLeftover(name)
  })
  const { problems, asides, unreadable } = recovery
  // The next append cuts it off, or an earlier start has found it and changed the writer id.
  const isSettled = ({ type, file }: StoreProblem): boolean =>
    (type === 'torn' && log !== undefined && file === fileName('log', log.generation)) ||
    parseName(file)?.isKept === true
  const isWhole = problems.every(isSettled)
  return { state, updates, problems, asides, unreadable, isWhole, log, logBytes, newest, useless }
}
