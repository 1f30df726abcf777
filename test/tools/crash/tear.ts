/**
 * Changes a data folder as a power failure may, while no program uses it. What was flushed stays;
 * everything else may be lost, cut anywhere, zeros or garbage, and names that were not flushed may be
 * the former ones. It also adds what killed programs leave: temporary files, a lock, a socket, a pid
 * file.
 *
 * ```ts
 * const done = tear(dir, readNotes(notes), random) // ['log-000003.bin: 117 bytes cut at 4711']
 * ```
 */

import { randomUUID } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { parseName } from '../../../src/store/log/names.ts'
import type { Random } from '../../helpers/random.ts'
import type { Knowledge } from './notes.ts'

/** Bytes that a disk writes at once: a group of records may lose one page and keep the next. */
const PAGE = 4096

const garbage = (random: Random, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => random.int(0, 255))

/** Share of groups longer than a page that lose one and keep later ones. */
const HOLES = 0.6

/** Different bytes from `durable` on. */
const tearBytes = (bytes: Uint8Array, durable: number, random: Random): Uint8Array => {
  const at = random.int(durable, bytes.length)
  if (bytes.length - durable > PAGE && random.chance(HOLES)) {
    const copy = bytes.slice()
    const page = Math.floor(at / PAGE) * PAGE
    return copy.fill(0, Math.max(durable, page), page + PAGE)
  }
  const kept = bytes.subarray(0, at)
  const lost = bytes.length - at
  return random.pick([
    () => kept,
    () => Buffer.concat([kept, new Uint8Array(lost)]),
    () => Buffer.concat([kept, garbage(random, lost)]),
  ])()
}

/** Undoes some of the last changes of names that were not flushed. */
const undoNames = ({ undos }: Knowledge, random: Random, done: string[]): void => {
  const kept = random.int(0, undos.length)
  for (const { path, former } of undos.slice(kept).reverse()) {
    if (former !== undefined && existsSync(former)) renameSync(former, path)
    else rmSync(path, { force: true })
    done.push(`${basename(path)}: as before`)
  }
}

/** Damages what was not flushed. */
const tearFiles = ({ durable, undos }: Knowledge, random: Random, done: string[]): void => {
  // It is not known which file has a name that was not flushed.
  const unsure = new Set(undos.map(({ path }) => path))
  for (const [path, flushed] of durable) {
    if (!existsSync(path) || unsure.has(path)) continue
    const bytes = new Uint8Array(readFileSync(path))
    if (bytes.length <= flushed) continue
    const torn = tearBytes(bytes, flushed, random)
    writeFileSync(path, torn)
    done.push(`${basename(path)}: torn behind ${flushed} of ${bytes.length} bytes`)
  }
}

const newestLog = (dir: string): string | undefined => {
  if (!existsSync(dir)) return undefined
  const logs = readdirSync(dir).filter((name) => parseName(name)?.kind === 'log')
  const last = logs.sort().at(-1)
  return last === undefined ? undefined : join(dir, last)
}

/** Adds to the log what the next commit might have left. */
const addTail = (dir: string, random: Random, done: string[]): void => {
  const log = newestLog(join(dir, 'log'))
  if (log === undefined) return
  const bytes = readFileSync(log)
  const tail = random.pick([
    () => garbage(random, random.int(1, 200)),
    () => new Uint8Array(random.int(1, 5_000)),
    // The beginning of a record; a whole one would count as appended.
    () => {
      const head = bytes.indexOf(0x0a) + 1
      const next = bytes.indexOf(bytes.subarray(head, head + 8), head + 8)
      const record = bytes.subarray(head, next < 0 ? bytes.length : next)
      return record.subarray(0, random.int(0, Math.max(0, record.length - 1)))
    },
  ])()
  appendFileSync(log, tail)
  done.push(`${basename(log)}: ${tail.length} bytes added`)
}

const leftovers: readonly ((dir: string, random: Random) => string)[] = [
  (dir, random) => {
    writeFileSync(join(dir, 'writer.json.tmp'), '{"format":1,"node"'.slice(0, random.int(0, 18)))
    return 'writer.json.tmp'
  },
  (dir, random) => {
    mkdirSync(join(dir, 'log'), { recursive: true })
    const name = `${random.pick(['log', 'state'])}-00000${random.int(1, 9)}.bin.tmp`
    writeFileSync(join(dir, 'log', name), garbage(random, random.int(0, 300)))
    return name
  },
  (dir) => {
    // A dead process: ids end below 2^22.
    writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, start: '1', lock: 'x' }))
    return 'the lock of a dead process'
  },
  (dir) => {
    // A live process with another start time: the id was reused.
    writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: process.pid, start: '1', lock: 'x' }))
    return 'the lock of a former process of our number'
  },
  (dir) => {
    writeFileSync(join(dir, `lock.${randomUUID()}`), '{')
    return 'a lock half made'
  },
  (dir) => {
    writeFileSync(join(dir, 'agent.pid'), `${2 ** 22 + 1}\n`)
    return 'agent.pid'
  },
  (dir) => {
    rmSync(join(dir, 'agent.sock'), { force: true })
    writeFileSync(join(dir, 'agent.sock'), '')
    return 'agent.sock, to which nobody listens'
  },
]

/** Returns a line for each change. */
export const tear = (dir: string, knowledge: Knowledge, random: Random): readonly string[] => {
  const done: string[] = []
  if (!existsSync(dir)) return done
  undoNames(knowledge, random, done)
  tearFiles(knowledge, random, done)
  if (random.chance(0.5)) addTail(dir, random, done)
  if (random.chance(0.5)) done.push(random.pick(leftovers)(dir, random))
  return done
}
