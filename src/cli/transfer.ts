/**
 * The commands `import` and `export`: many entries at once, as NDJSON (one `{"key":…,"value":…}`
 * a line) of any length, or as one JSON object.
 *
 * ```ts
 * await exportEntries(context, ['kv.ndjson'], { swarm: 'kv' })
 * await importEntries(context, ['kv.ndjson'], { swarm: 'other' })
 * ```
 *
 * Without FILE, or with `-`, they read standard input and write standard output. `export` then
 * writes only the data, with `--json` too: a report would be one more line of the data.
 */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { isContinuation } from '../control/chunks.ts'
import type { Fields } from '../control/protocol.ts'
import { Failure, isFailure, toFailure } from '../errors.ts'
import { Batches, type PlacedEntry } from './batches.ts'
import { readLines, readObject } from './entry-reader.ts'
import { lineWriter, objectWriter } from './entry-writer.ts'
import { openOutput } from './output-file.ts'
import { unusable } from './parse.ts'
import { Progress } from './progress.ts'
import { type Context, report } from './report.ts'
import { requestOf } from './requests.ts'
import { reach, type TargetOptions } from './target.ts'
import { count, printable, printableJson, showJson } from './text.ts'

export interface TransferOptions extends TargetOptions {
  readonly map?: string
  /** `json` or `ndjson`. Default: `json` if the file's name ends in `.json`, else `ndjson`. */
  readonly format?: string
}

export interface ImportOptions extends TransferOptions {
  /** Keep the keys in the layout for keys that are overwritten all day. */
  readonly hot?: boolean
}

const isJsonFormat = (
  file: string,
  format = /\.json$/i.test(file) ? 'json' : 'ndjson',
): boolean => {
  if (format === 'json' || format === 'ndjson') return format === 'json'
  throw unusable('--format', format, 'give json or ndjson')
}

const openInput = (file: string): Readable =>
  file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 256 * 1024 })

/** The failure to read the input, with the file's name. */
const unreadable = (file: string, error: unknown): Failure => {
  const { code, message } = toFailure(error)
  const name = file === '-' ? 'standard input' : `"${file}"`
  return new Failure(code, `${name} cannot be read: ${message}`, {
    hint: 'give a file that this user may read, or - for standard input',
    cause: error,
  })
}

/** The failure, with what was done before it. */
const stoppedAfter = (error: unknown, written: number): Failure => {
  const { code, message, hint } = toFailure(error)
  const done =
    written === 0
      ? 'no entry was imported'
      : `${count(written, 'entry', 'entries')} before ${written === 1 ? 'was' : 'were'} imported`
  const again = 'importing it again is safe'
  return new Failure(code, `${message}; ${done}`, {
    hint: hint === undefined ? again : code === 'not_running' ? `${hint}; ${again}` : hint,
    cause: error,
  })
}

/** Resolves when all entries are on the agent's disk. If one fails, no entry after it is imported. */
export const importEntries = async (
  context: Context,
  [file = '-']: readonly string[],
  options: ImportOptions,
): Promise<void> => {
  const { io, isJson } = context
  const isObject = isJsonFormat(file, options.format)
  const request = await requestOf(context, 'put', [], options)
  const { client } = await reach(context, options)
  const connection = await client.open()
  const input = openInput(file)
  const batches = new Batches(connection, request, (failure) => input.destroy(failure))
  const progress = new Progress(isObject ? 'entries' : 'lines', {
    isShown: !isJson && process.stderr.isTTY === true,
    print: (text) => io.err(text),
    now: () => performance.now(),
  })
  try {
    if (file === '-' && process.stdin.isTTY) io.err('reading standard input; Ctrl-D ends it\n')
    const entries = isObject ? readObject(input) : readLines(input)
    const map = await sendAll(entries, batches, (number) => progress.at(number))
    progress.end()
    const { written: imported } = batches
    const shown = `imported ${count(imported, 'entry', 'entries')} into map ${showJson(map)}\n`
    report(context, { map, file, imported }, () => shown)
  } catch (error) {
    progress.end()
    const failure = isFailure(error) ? error : unreadable(file, error)
    throw stoppedAfter(failure, batches.written)
  } finally {
    batches.close()
    input.destroy()
  }
}

/** Resolves with the name of the map. If reading fails, the entries before that are still sent. */
const sendAll = async (
  entries: AsyncIterable<PlacedEntry>,
  batches: Batches,
  onEntry: (number: number) => void,
): Promise<string> => {
  let number = 0
  try {
    for await (const entry of entries) {
      await batches.add(entry)
      onEntry(++number)
    }
  } catch (error) {
    await batches.finish() // if that fails, an earlier entry is to blame
    throw error
  }
  return batches.finish()
}

/** Resolves when FILE is complete. If it fails, an earlier FILE is untouched. */
export const exportEntries = async (
  context: Context,
  [file = '-']: readonly string[],
  options: TransferOptions,
): Promise<void> => {
  const { io, isJson } = context
  const isObject = isJsonFormat(file, options.format)
  const request = await requestOf(context, 'export', [], options)
  const { client } = await reach(context, options)
  const rows = client.rows({ ...request, ...(!isObject && { kinds: true }) })
  const first = await rows.next() // before the file is created: there may be no agent
  const output = await openOutput(file, io)
  const writer = isObject ? objectWriter() : lineWriter()
  const progress = new Progress('entries', {
    isShown: !isJson && file !== '-' && process.stderr.isTTY === true,
    print: (text) => io.err(text),
    now: () => performance.now(),
  })
  let exported = 0
  const show = file === '-' && io.isTerminal ? printableJson : (text: string): string => text
  let end: Fields
  try {
    let next = first
    for (; !next.done; next = await rows.next()) {
      await output.write(show(writer.entries(next.value)))
      exported += next.value.filter(([, , about]) => !isContinuation(about)).length
      progress.at(exported)
    }
    end = next.value
    await output.write(writer.end())
    await output.finish()
  } catch (error) {
    await output.discard()
    throw error
  } finally {
    progress.end()
    await rows.return({})
  }
  const { map, flattened } = end
  const lost = flattened === undefined ? '' : lostIn(Number(flattened), isObject)
  if (file === '-') {
    if (lost !== '' && !isJson) io.err(`${lost}\n`)
    return
  }
  const data = {
    map,
    file,
    format: isObject ? 'json' : 'ndjson',
    exported,
    ...(flattened !== undefined && { flattened }),
  }
  const shown = `exported ${count(exported, 'entry', 'entries')} of map ${showJson(map)} to ${printable(file)}`
  report(context, data, () => `${shown}\n${lost === '' ? '' : `${lost}\n`}`)
}

/** What an import cannot restore of entries of other programs. */
const lostIn = (flattened: number, isObject: boolean): string => {
  const what = isObject ? 'what JSON cannot write' : 'shared types'
  const hold = `${count(flattened, 'entry', 'entries')} ${flattened === 1 ? 'holds' : 'hold'} ${what}`
  return `${hold}: an import turns them into plain values`
}
