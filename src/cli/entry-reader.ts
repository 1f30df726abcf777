/**
 * Entries from a stream of bytes: one JSON object a line, or all of them in one object.
 *
 * ```ts
 * for await (const { key, value } of readLines(process.stdin)) … // {"key":"k","value":1}
 * for await (const { key, value } of readObject(process.stdin)) … // {"k":1}
 * ```
 */
import type { Readable } from 'node:stream'
import { stringify } from '../control/deep-json.ts'
import { Lines } from '../control/lines.ts'
import { isFields, MAX_REQUEST_BYTES } from '../control/protocol.ts'
import { Failure, isFailure } from '../errors.ts'
import type { PlacedEntry } from './batches.ts'
import { printable, showJson } from './text.ts'
import { parseJson } from './value.ts'
import { cut } from './width.ts'

/** Bytes of a file with one JSON object. It is held whole, as text and as what it says: some ten times as much. */
const MAX_JSON_BYTES = 64 * 1024 * 1024

/** Of a line that is no entry. */
const MAX_SHOWN_COLUMNS = 61

/** The lines with their numbers, from 1. Rejects, past those before it, at one that is too long or no UTF-8. */
async function* linesOf(input: Readable): AsyncGenerator<readonly [line: string, number: number]> {
  const lines = new Lines(MAX_REQUEST_BYTES)
  let number = 0
  function* take(chunk: Buffer): Generator<readonly [string, number]> {
    let tooLong: unknown
    try {
      lines.push(chunk)
    } catch (error) {
      tooLong = error
    }
    try {
      for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
        number++
        yield [number === 1 ? line.replace(/^\ufeff/, '') : line, number]
      }
    } catch (error) {
      throw at(`line ${number + 1}`, error)
    }
    if (tooLong) throw at(`line ${number + 1}`, tooLong)
  }
  for await (const chunk of input as AsyncIterable<Buffer>) yield* take(chunk)
  yield* take(Buffer.from('\n'))
}

/** A Failure that says where; anything else as it is. */
const at = (place: string, error: unknown): unknown => {
  if (!isFailure(error)) return error
  const { code, message, hint } = error
  return new Failure(code, `${place}: ${message}`, { hint, cause: error })
}

const entryOf = (line: string, place: string): PlacedEntry => {
  try {
    const entry = parseJson(line)
    if (isFields(entry) && typeof entry.key === 'string' && entry.value !== undefined) {
      return { key: entry.key, value: entry.value, place, size: line.length }
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw at(place, error)
  }
  throw new Failure('invalid_argument', `${place} is no entry: ${cutText(line)}`, {
    hint: 'write {"key":"k","value":1}, one a line; for a file that is one JSON object: --format json',
  })
}

const cutText = (text: string): string => printable(cut(text, MAX_SHOWN_COLUMNS))

/** NDJSON: an entry a line; empty lines count, and are passed over. Rejects with a Failure that names the line. */
export async function* readLines(input: Readable): AsyncGenerator<PlacedEntry> {
  for await (const [line, number] of linesOf(input)) {
    if (line.trim() !== '') yield entryOf(line, `line ${number}`)
  }
}

const readWhole = async (input: Readable): Promise<string> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of input as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_JSON_BYTES) {
      throw new Failure('too_large', `a JSON object may have ${MAX_JSON_BYTES} bytes, no more`, {
        hint: 'give one entry a line, which may be any number: --format ndjson',
      })
    }
    chunks.push(chunk)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}

/** One JSON object, which is read whole. Rejects with a Failure for anything else. */
export async function* readObject(input: Readable): AsyncGenerator<PlacedEntry> {
  let entries: unknown
  try {
    entries = parseJson(await readWhole(input))
  } catch (error) {
    if (isFailure(error)) throw error
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error
    throw new Failure('invalid_argument', `the input is no JSON: ${error.message}`, {
      hint: 'for one entry a line: --format ndjson',
      cause: error,
    })
  }
  if (!isFields(entries)) {
    throw new Failure('invalid_argument', 'the input is JSON, but no object of keys and values', {
      hint: 'write {"k":1,"l":2}; for one entry a line: --format ndjson',
    })
  }
  for (const [key, value] of Object.entries(entries)) {
    yield { key, value, place: `entry ${showJson(key)}`, size: key.length + sizeOf(value) }
  }
}

const sizeOf = (value: unknown): number => stringify(value).length
