/**
 * The crash run: many lives of one writer, each ended by SIGKILL at a random moment, after which its
 * files are torn as by a power failure; and a peer that survives all of them.
 *
 * ```ts
 * const report = await runCrash({ kills: 200, seed: 1, tell: console.log })
 * ```
 *
 * It rejects unless:
 * - after each life every acknowledged write is on the disk, read without a peer; of the writes
 *   under way some may be there, in their order, and nothing else;
 * - the restarted agent has exactly that at once;
 * - in every few lives, and at the end, the peer has it, too, once the digests are equal, and
 *   neither has ever rejected a message of the other;
 * - no two structs have one writer and clock, in any push or on the disk, and the writer id changes
 *   only after a life that left damage before readable records (a lost page in the middle of a
 *   group).
 */
import { join } from 'node:path'
import { incrementEntry, readEntry, writeEntry } from '../../../src/maps/index.ts'
import { temporaryFolder } from '../../helpers/folder.ts'
import { Random } from '../../helpers/random.ts'
import { until } from '../../helpers/until.ts'
import { lookAt, type OnDisk } from './disk.ts'
import { type Life, type LifeEnd, type LifeKind, startLife, writerFolder } from './life.ts'
import { readNotes } from './notes.ts'
import {
  differences,
  emptyModel,
  expected,
  foundIn,
  type Model,
  operationOf,
  PEER_MAP,
  SHARED,
  sharedPart,
} from './operations.ts'
import { type CrashPeer, startPeer } from './peer.ts'
import { SeenStructs } from './structs.ts'
import { tear } from './tear.ts'

/** Milliseconds that a life may write, and within which a start is interrupted. */
const WRITING_MS = 250
const STARTING_MS = 1_000

/** Moments of the disk's work at which a life may end: 5 at the start, about 12 for each group. */
const MOMENTS = 200

/** Milliseconds after which a life that should end itself is killed. */
const LONGEST_MS = 2_000

/** Shares of lives: with the real program, ended at a moment of the disk, killed during the start, compared with the peer, torn. */
const PROGRAM = 0.3
const AT_MOMENT = 0.35
const STARTING = 0.15
const CHECKED = 0.3
const TORN = 0.6

export interface CrashOptions {
  readonly kills: number
  readonly seed: number
  /** A deliberate defect of the writer, which must be found. */
  readonly mutation?: string
  readonly tell?: (line: string) => void
}

export interface CrashReport {
  readonly seed: number
  readonly kills: number
  /** Lives that ended before they wrote anything. */
  readonly idle: number
  readonly programs: number
  readonly torn: number
  /** Comparisons with the peer. */
  readonly checks: number
  readonly acknowledged: number
  /** Writes under way at the end of a life, and how many of them were found. */
  readonly underWay: number
  readonly underWayFound: number
  readonly compactions: number
  /** Lives after which records before readable ones were lost: a new writer id is due. */
  readonly damaged: number
  readonly writers: readonly number[]
  readonly structs: number
}

/** The models that the disk may show: `base` with a part of the writes under way. */
const candidates = (
  base: Model,
  numbers: readonly number[],
  seed: number,
  kind: LifeKind,
): { readonly model: Model; readonly count: number }[] => {
  const all = [{ model: base, count: 0 }]
  for (const n of numbers) {
    // The library's writes are in the log in their order; the program's requests may overtake each other.
    const before = kind === 'library' ? all.slice(-1) : [...all]
    for (const { model, count } of before) {
      all.push({ model: expected(model, operationOf(seed, n)), count: count + 1 })
    }
  }
  return all
}

const fail = (what: string, lines: readonly string[]): never => {
  const shown = lines.slice(0, 8).map((line) => `\n  ${line}`)
  throw new Error(`${what}:${shown.join('')}${lines.length > 8 ? '\n  …' : ''}`)
}

class CrashRun {
  readonly #options: CrashOptions
  readonly #dir: string
  readonly #random: Random
  readonly #seen: SeenStructs
  readonly #peer: CrashPeer
  #model = emptyModel()
  #next = 0
  /** The counter that both increment: certain increments, and those that may be there besides. */
  readonly #shared = { certain: 0, unsure: 0 }
  /** Is the next start due to take a new writer id? */
  #mayChange = false
  readonly #writers = new Set<number>()
  readonly #counts = {
    idle: 0,
    programs: 0,
    torn: 0,
    checks: 0,
    acknowledged: 0,
    underWay: 0,
    underWayFound: 0,
    compactions: 0,
    damaged: 0,
  }

  constructor(options: CrashOptions, dir: string, seen: SeenStructs, peer: CrashPeer) {
    this.#options = options
    this.#dir = dir
    this.#random = new Random(options.seed)
    this.#seen = seen
    this.#peer = peer
  }

  async run(): Promise<CrashReport> {
    const { kills, seed } = this.#options
    for (let kill = 1; kill <= kills; kill++) await this.#live(kill)
    // The last life writes nothing, and everything must be everywhere.
    await this.#endLife()
    const structs = this.#seen.size
    return { seed, kills, ...this.#counts, writers: [...this.#writers], structs }
  }

  async #live(kill: number): Promise<void> {
    const { seed, mutation } = this.#options
    const random = this.#random
    const kind = mutation === undefined && random.chance(PROGRAM) ? 'program' : 'library'
    const isAtMoment = random.chance(AT_MOMENT)
    const isStarting = !isAtMoment && random.chance(STARTING)
    const isChecked = !isStarting && random.chance(CHECKED)
    const crashAt = isAtMoment ? random.int(1, MOMENTS) : undefined
    const life = startLife({ kind, dir: this.#dir, seed, crashAt, mutation })
    const timers: NodeJS.Timeout[] = []
    const killAfter = (ms: number): void => void timers.push(setTimeout(life.kill, ms))
    let end: LifeEnd
    try {
      if (isStarting) killAfter(random.int(0, STARTING_MS))
      await this.#start(life)
      if (isChecked) await this.#check(life)
      this.#writePeer()
      killAfter(isAtMoment ? LONGEST_MS : random.int(0, WRITING_MS))
      life.go(this.#next)
      end = await life.ended
    } finally {
      for (const timer of timers) clearTimeout(timer)
      life.kill()
      await life.ended
    }
    const torn = random.chance(TORN) ? this.#tear(end) : []
    await this.#examine(end, kind, torn)
    const how = isStarting ? 'starting' : isAtMoment ? `moment ${crashAt}` : 'any time'
    this.#options.tell?.(
      `${String(kill).padStart(4)} ${kind} ${how}: ${end.acknowledged.size} acknowledged of ` +
        `${end.begun.length}${torn.length > 0 ? `; ${torn.join('; ')}` : ''}`,
    )
  }

  async #endLife(): Promise<void> {
    const { seed, mutation } = this.#options
    const life = startLife({ kind: 'library', dir: this.#dir, seed, mutation })
    try {
      await this.#start(life)
      await this.#check(life)
    } finally {
      life.kill()
      await life.ended
    }
    await this.#examine(await life.ended, 'library', [])
  }

  /** Checks that the restarted agent has at once what is on its disk. */
  async #start(life: Life): Promise<void> {
    const found = await life.ready
    if (!found) return
    const lines = differences(this.#model, found)
    if (lines.length > 0) fail('the restarted agent lost acknowledged writes', lines)
  }

  /** Checks that the peer has it, too, once the digests are equal. */
  async #check(life: Life): Promise<void> {
    const { agent } = this.#peer
    const isAlive = await until('one digest at writer and peer', async () => {
      const status = await life.status()
      if (!status) return { alive: false }
      const rejected = Object.entries(status.rejected)
      if (rejected.length > 0) fail('the writer rejected what the peer sent', [rejected.join(' ')])
      return status.digest === agent.status().digest && { alive: true }
    })
    if (!isAlive.alive) return
    const lines = differences(this.#model, foundIn(agent.doc))
    if (lines.length > 0) fail('the peer lacks acknowledged writes', lines)
    this.#checkShared(Number(readEntry(agent.doc, SHARED.map, SHARED.key) ?? 0))
    this.#counts.checks++
  }

  /** Checks that no increment is lost. An unacknowledged one that is found is certain from then on. */
  #checkShared(sum: number): void {
    const { certain, unsure } = this.#shared
    if (sum < certain || sum > certain + unsure) {
      const range = unsure > 0 ? `${certain} to ${certain + unsure}` : `${certain}`
      fail('increments are lost, or counted twice', [`${sum} instead of ${range}`])
    }
    Object.assign(this.#shared, { certain: sum, unsure: 0 })
  }

  #writePeer(): void {
    const key = `key${this.#random.int(1, 20)}`
    const { doc } = this.#peer.agent
    writeEntry(doc, PEER_MAP, key, this.#next)
    incrementEntry(doc, SHARED.map, SHARED.key)
    this.#shared.certain++
  }

  #tear({ notes }: LifeEnd): readonly string[] {
    const done = tear(writerFolder(this.#dir), readNotes(notes), this.#random)
    if (done.length > 0) this.#counts.torn++
    return done
  }

  async #examine(end: LifeEnd, kind: LifeKind, torn: readonly string[]): Promise<void> {
    if (end.signal !== 'SIGKILL') fail('the writer ended by itself', end.problems)
    const onDisk = await lookAt(writerFolder(this.#dir), join(this.#dir, 'spare'))
    this.#judge(end, kind, torn, onDisk)
    this.#judgeIdentity(onDisk)
    this.#judgeProblems(end, onDisk)
    if (end.begun.length === 0) this.#counts.idle++
    if (kind === 'program') this.#counts.programs++
    // Generation 1 is the first log.
    this.#counts.compactions = Math.max(0, onDisk.generation - 1)
  }

  /** Takes over what the disk shows, if that is possible. */
  #judge(end: LifeEnd, kind: LifeKind, torn: readonly string[], { found }: OnDisk): void {
    const { seed } = this.#options
    let base = this.#model
    const underWay: number[] = []
    for (const n of end.begun) {
      const operation = operationOf(seed, n)
      const isAcknowledged = end.acknowledged.has(n)
      this.#shared[isAcknowledged ? 'certain' : 'unsure'] += sharedPart(operation)
      if (isAcknowledged) base = expected(base, operation)
      else underWay.push(n)
    }
    const all = candidates(base, underWay, seed, kind)
    const match = all.find(({ model }) => differences(model, found).length === 0)
    if (!match) {
      const what = `acknowledged writes are lost, or others appeared (${torn.join('; ') || 'not torn'})`
      throw fail(what, differences(base, found))
    }
    this.#model = match.model
    this.#next += end.begun.length
    this.#counts.acknowledged += end.acknowledged.size
    this.#counts.underWay += underWay.length
    this.#counts.underWayFound += match.count
  }

  #judgeIdentity({ update, writer, problems }: OnDisk): void {
    this.#seen.add(update, 'the disk of the writer')
    if (this.#seen.forks.length > 0) fail('the writer forked', this.#seen.forks)
    if (writer !== undefined && !this.#writers.has(writer)) {
      // Nothing published was ever lost: only damage is a reason for another id.
      const before = [...this.#writers].join(', ')
      if (before !== '' && !this.#mayChange) {
        fail('there is another writer id', [`${writer} after ${before}`])
      }
      this.#writers.add(writer)
      this.#mayChange = false
    }
    const isDamaged = problems.some(({ type }) => type !== 'torn')
    if (isDamaged) this.#counts.damaged++
    this.#mayChange ||= isDamaged
    const known = new Set([...this.#writers, this.#peer.agent.doc.clientID])
    const strangers = [...this.#seen.writers].filter((id) => !known.has(id))
    if (strangers.length > 0) fail('structs of unknown writers', strangers.map(String))
  }

  #judgeProblems(end: LifeEnd, onDisk: OnDisk): void {
    const isTorn = (message: string): boolean =>
      /ends with \d+ bytes that are not a record/.test(message)
    const messages = [
      ...onDisk.problems.map(({ failure }) => failure.message),
      ...end.problems,
      ...this.#peer.problems,
    ]
    const others = messages.filter((message) => !isTorn(message))
    if (others.length > 0) fail('unexpected problems', others)
    const rejected = Object.entries(this.#peer.agent.status().counters.rejected)
    if (rejected.length > 0) fail('the peer rejected what the writer sent', [rejected.join(' ')])
  }
}

/** Rejects with an Error that has the command to run it again. */
export const runCrash = async (options: CrashOptions): Promise<CrashReport> => {
  const { dir, remove } = temporaryFolder()
  const seen = new SeenStructs()
  const peer = await startPeer(dir, seen)
  try {
    return await new CrashRun(options, dir, seen, peer).run()
  } catch (error) {
    const { kills, seed, mutation } = options
    const defect = mutation === undefined ? '' : ` --mutation ${mutation}`
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(
      `${message}\n  again: node --import tsx test/tools/crash.ts --kills ${kills} --seed ${seed}${defect}`,
      { cause: error },
    )
  } finally {
    await peer.agent.stop()
    remove()
  }
}
