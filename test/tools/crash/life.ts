/**
 * One life of the writer: a process that starts on its data folder, reports its entries, writes on
 * request, and is killed. It is either the agent as a library (`fixtures/agent/writer.ts`), or the
 * real program, which is written to through its control socket.
 *
 * ```ts
 * const life = startLife({ kind: 'program', dir, seed: 1 })
 * await life.ready          // its entries after the start; undefined: it died first
 * life.go(17)               // writes operations 17, 18, …
 * life.kill()
 * await life.ended          // begun and acknowledged operations, and the notes of its disk
 * ```
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { ControlClient } from '../../../src/control/client.ts'
import type { Fields } from '../../../src/control/protocol.ts'
import { isFailure } from '../../../src/errors.ts'
import { homeEnv } from '../../helpers/cli.ts'
import { Random } from '../../helpers/random.ts'
import type { Note } from './notes.ts'
import { type Found, type Operation, operationOf, requestOf, WRITER_MAPS } from './operations.ts'

export type LifeKind = 'library' | 'program'

export interface LifeOptions {
  readonly kind: LifeKind
  /** The folder of the whole run. */
  readonly dir: string
  readonly seed: number
  /** The process kills itself at this moment of its disk's work, counted from the start. */
  readonly crashAt?: number | undefined
  /** A deliberate defect; for the library only. */
  readonly mutation?: string | undefined
}

export interface LifeStatus {
  readonly digest: string
  readonly rejected: Fields
}

export interface LifeEnd {
  /** Numbers of operations, in order. */
  readonly begun: readonly number[]
  readonly acknowledged: ReadonlySet<number>
  readonly notes: readonly Note[]
  /** The problems that it reported. */
  readonly problems: readonly string[]
  readonly signal: NodeJS.Signals | null
}

export interface Life {
  /** The agent's entries right after the start; undefined if it died first. */
  readonly ready: Promise<Found | undefined>
  /** Undefined if it is dead. */
  readonly status: () => Promise<LifeStatus | undefined>
  readonly go: (first: number) => void
  readonly kill: () => void
  readonly ended: Promise<LifeEnd>
}

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))
const WRITER = pathOf('../../fixtures/agent/writer.ts')
const BIN = pathOf('../../../src/bin.ts')
const RECORDER = pathOf('recorder.ts')

/** Concurrent requests to the program. */
const AT_ONCE = 3

/** The data folder of the writer. */
export const writerFolder = (dir: string): string => join(dir, 'writer')

const spawnWriter = ({ kind, dir, seed, crashAt, mutation }: LifeOptions): ChildProcess => {
  // Second names of files that this life replaces or removes.
  const undo = join(dir, 'undo')
  rmSync(undo, { recursive: true, force: true })
  mkdirSync(undo, { recursive: true })
  const mailbox = ['--mailbox', join(dir, 'mail'), '--name', 'writer', '--interval', '300ms']
  const args =
    kind === 'library'
      ? [WRITER, dir, String(seed), ...(mutation === undefined ? [] : [mutation])]
      : [BIN, 'run', '--swarm', 'kv', ...mailbox, '--data', writerFolder(dir), '--json']
  return spawn(process.execPath, ['--import', 'tsx', '--import', RECORDER, ...args], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: homeEnv(dir, {
      CRASH_UNDO: undo,
      ...(crashAt !== undefined && { CRASH_AT: String(crashAt) }),
    }),
  })
}

/** Calls `onLine` for each line; resolves at the end of the stream. */
const readLines = (stream: Readable, onLine: (line: string) => void): Promise<void> =>
  new Promise((resolve) => {
    const lines = createInterface({ input: stream })
    lines.on('line', onLine)
    lines.on('close', resolve)
  })

/** A promise that is resolved from outside; the first call counts. */
const gate = <T>() => {
  let open: (value: T) => void = () => undefined
  const passed = new Promise<T>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

/** What both kinds share: a process, its output, and its end. */
class Output {
  readonly begun: number[] = []
  readonly acknowledged = new Set<number>()
  readonly notes: Note[] = []
  readonly problems: string[] = []
  readonly started = gate<Found | undefined>()
  isOver = false
  /** Resolves when the process has ended and all its output is read. */
  readonly closed: Promise<NodeJS.Signals | null>

  constructor(child: ChildProcess, onLine: (line: string) => void) {
    const streams = child.stdio as readonly (Readable | null)[]
    const read = [
      readLines(streams[1]!, onLine),
      readLines(streams[2]!, (line) => this.problems.push(line)),
      readLines(streams[3]!, (line) => this.#note(line)),
    ]
    const exited = new Promise<NodeJS.Signals | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (_, signal) => {
        this.isOver = true
        resolve(signal)
      })
    })
    // The process may be dead when it is written to.
    child.stdin?.on('error', () => undefined)
    this.closed = Promise.all([exited, ...read]).then(([signal]) => {
      this.started.open(undefined)
      return signal
    })
  }

  #note(line: string): void {
    // Only the last line can be incomplete; the process died while it was written.
    if (line.endsWith('}')) this.notes.push(JSON.parse(line) as Note)
  }

  async end(more: Promise<unknown> = Promise.resolve()): Promise<LifeEnd> {
    const signal = await this.closed
    await more
    const { begun, acknowledged, notes, problems } = this
    return { begun, acknowledged, notes, problems, signal }
  }
}

const startLibrary = (child: ChildProcess): Life => {
  let answer = gate<LifeStatus | undefined>()
  const output = new Output(child, (line) => {
    const space = line.indexOf(' ')
    const [word, rest] = [line.slice(0, space), line.slice(space + 1)]
    if (word === 'begin') output.begun.push(Number(rest))
    else if (word === 'ack') output.acknowledged.add(Number(rest))
    else if (word === 'problem') output.problems.push(rest)
    else if (word === 'entries') output.started.open(JSON.parse(rest) as Found)
    else if (word === 'status') answer.open(JSON.parse(rest) as LifeStatus)
  })
  void output.closed.then(() => answer.open(undefined))
  return {
    ready: output.started.passed,
    status: () => {
      answer = gate()
      if (output.isOver) answer.open(undefined)
      child.stdin?.write('status\n')
      return answer.passed
    },
    go: (first) => void child.stdin?.write(`go ${first}\n`),
    kill: () => void child.kill('SIGKILL'),
    ended: output.end(),
  }
}

const startProgram = (child: ChildProcess, { dir, seed }: LifeOptions): Life => {
  const client = new ControlClient(writerFolder(dir))
  const output = new Output(child, () => {
    void look().then(output.started.open)
  })
  let writing: Promise<void> = Promise.resolve()

  /** The answer to `ask`; undefined if the process is dead. */
  const ifAlive = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await ask()
    } catch (error) {
      // The process may be dying: then it ends at once.
      const isDead = output.isOver || isFailure(error, 'not_running')
      if (!isDead) output.problems.push(String(error))
      return undefined
    }
  }

  const look = (): Promise<Found | undefined> =>
    ifAlive(async () => {
      const entries: [string, Fields][] = []
      for (const map of WRITER_MAPS) {
        const { entries: found } = await client.ask({ command: 'list', map })
        entries.push([map, found as Fields])
      }
      return Object.fromEntries(entries)
    })

  const write = async (n: number, operation: Operation): Promise<boolean> => {
    output.begun.push(n)
    const answer = await ifAlive(() =>
      client.ask(requestOf(operation)).catch((error: unknown) => {
        // Deleting a missing key changes nothing, and counts as acknowledged.
        if (operation.kind === 'delete' && isFailure(error, 'not_found')) return {}
        throw error
      }),
    )
    if (answer) output.acknowledged.add(n)
    return answer !== undefined
  }

  const writeOn = async (first: number): Promise<void> => {
    const random = new Random(seed + first)
    for (let next = first; ; ) {
      const wanted = random.int(1, AT_ONCE)
      const keys = new Set<string>()
      const writes: Promise<boolean>[] = []
      // The order of two concurrent requests on one key is unknown.
      for (; writes.length < wanted; next++) {
        const operation = operationOf(seed, next)
        const name = `${operation.map} ${operation.key}`
        if (keys.has(name)) break
        keys.add(name)
        writes.push(write(next, operation))
      }
      if ((await Promise.all(writes)).includes(false)) return
    }
  }

  return {
    ready: output.started.passed,
    status: () =>
      ifAlive(async () => {
        const { digest, counters } = await client.ask({ command: 'status' })
        return { digest: String(digest), rejected: (counters as Fields).rejected as Fields }
      }),
    go: (first) => {
      writing = writeOn(first)
    },
    kill: () => void child.kill('SIGKILL'),
    ended: output.end(output.closed.then(() => writing)),
  }
}

export const startLife = (options: LifeOptions): Life => {
  const child = spawnWriter(options)
  return options.kind === 'library' ? startLibrary(child) : startProgram(child, options)
}
