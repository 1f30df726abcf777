/**
 * Entries from a stream of bytes: one JSON object a line, or all of them in one object.
 *
 * ```ts
 * for await (const { key, value } of readLines(process.stdin)) put(key, value) // {"key":"k","value":1}
 * for await (const { key, value } of readObject(process.stdin)) put(key, value) // {"k":1}
 * ```
 */

import { isAbout } from '../control/entry.ts'
import { Lines } from '../control/lines.ts'
import { type Fields, isFields, MAX_REQUEST_BYTES, stringify } from '../control/protocol.ts'
import { Failure, isFailure } from '../errors.ts'
import type { PlacedEntry } from './batches.ts'
import { cut, printable, showJson } from './text.ts'
import { parseJson } from './value.ts'

/** Bytes of a file with one JSON object. Text and values are both in memory: some ten times as much. */
const MAX_JSON_BYTES = 64 * 1024 * 1024

/** Bytes of one line of such an object, which may hold a list of some million items. */
const MAX_OBJECT_LINE_BYTES = 256 * 1024 * 1024

/** Columns of a bad line that a message quotes. */
const MAX_SHOWN_COLUMNS = 61

/** The lines with their numbers, from 1. Rejects at a line that is too long or not UTF-8, after those before it. */
async function* linesOf(
  input: AsyncIterable<Buffer>,
  maxBytes: number,
): AsyncGenerator<readonly [line: string, number: number]> {
  const lines = new Lines(maxBytes)
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
  for await (const chunk of input) yield* take(chunk)
  yield* take(Buffer.from('\n'))
}

/** A Failure with the place in its message; any other error unchanged. */
const at = (place: string, error: unknown): unknown => {
  if (!isFailure(error)) return error
  const { code, message, hint } = error
  return new Failure(code, `${place}: ${message}`, { hint, cause: error })
}

const entryOf = (line: string, place: string): PlacedEntry => {
  let entry: unknown
  try {
    entry = parseJson(line)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw at(place, error)
  }
  if (!isFields(entry) || typeof entry.key !== 'string' || entry.value === undefined) {
    throw new Failure('invalid_argument', `${place} is not an entry: ${cutText(line)}`, {
      hint: 'write {"key":"k","value":1}, one a line; for a file that is one JSON object: --format json',
    })
  }
  const { key, value, kind, from, of, at: begin, end, types } = entry
  const size = line.length
  if (kind === undefined && types === undefined) return { key, value, place, size }
  const about = withoutUndefined({ kind, from, of, at: begin, end, types })
  if (isAbout(about)) return { key, value, about, place, size }
  throw new Failure('invalid_argument', `${place} has an unknown kind: ${cutText(line)}`, {
    hint: 'import it with the version that exported it, or leave "kind" out',
  })
}

const withoutUndefined = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const cutText = (text: string): string => printable(cut(text, MAX_SHOWN_COLUMNS))

/** NDJSON: an entry a line; empty lines count but are skipped. Rejects with a Failure that names the line. */
export async function* readLines(input: AsyncIterable<Buffer>): AsyncGenerator<PlacedEntry> {
  for await (const [line, number] of linesOf(input, MAX_REQUEST_BYTES)) {
    if (line.trim() !== '') yield entryOf(line, `line ${number}`)
  }
}

type Chunks = AsyncIterator<Buffer, unknown>

/** The chunks until the input ends, or exceeds `maxBytes`. */
const readSome = async (input: Chunks, maxBytes: number) => {
  const chunks: Buffer[] = []
  for (let bytes = 0; bytes <= maxBytes; ) {
    const next = await input.next()
    if (next.done) return { chunks, isWhole: true }
    bytes += next.value.length
    chunks.push(next.value)
  }
  return { chunks, isWhole: false }
}

async function* joined(chunks: readonly Buffer[], rest: Chunks): AsyncGenerator<Buffer> {
  yield* chunks
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
}

const parseObject = (chunks: readonly Buffer[]): Fields => {
  let entries: unknown
  try {
    entries = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch (error) {
    if (isFailure(error)) throw error
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error
    throw new Failure('invalid_argument', `the input is not JSON: ${error.message}`, {
      hint: 'for one entry a line: --format ndjson',
      cause: error,
    })
  }
  if (isFields(entries)) return entries
  throw new Failure('invalid_argument', 'the input is JSON, but not an object of keys and values', {
    hint: 'write {"k":1,"l":2}; for one entry a line: --format ndjson',
  })
}

/**
 * An object has no room for a note on the kind, so any value may be one that `export` wrote: a list,
 * or one that `set` refuses. `__proto__` is not raw, so that it is refused: most readers of JSON
 * give that key a meaning of its own.
 */
const entryIn = (key: string, value: unknown): PlacedEntry => ({
  key,
  value,
  ...(key !== '__proto__' && { about: { kind: 'raw' } }),
  place: `entry ${showJson(key)}`,
  size: key.length + sizeOf(value),
})

/** The lines of an object as `export` writes it, each with one entry. */
async function* readExported(input: AsyncIterable<Buffer>): AsyncGenerator<PlacedEntry> {
  for await (const [line, number] of linesOf(input, MAX_OBJECT_LINE_BYTES)) {
    const text = line.trim().replace(/,$/, '')
    if (text === '' || text === '{' || text === '}') continue
    let entry: Fields
    try {
      entry = parseJson(`{${text}}`) as Fields
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw at(`line ${number}`, error)
      throw new Failure('invalid_argument', `line ${number} is not an entry: ${cutText(line)}`, {
        hint: 'write one entry a line, in any number: --format ndjson',
      })
    }
    for (const [key, value] of Object.entries(entry)) yield entryIn(key, value)
  }
}

/**
 * One JSON object, read as a whole. It may be longer than `maxBytes` only in the form that `export`
 * writes, with an entry a line. Rejects with a Failure for anything else.
 */
export async function* readObject(
  input: AsyncIterable<Buffer>,
  maxBytes: number = MAX_JSON_BYTES,
): AsyncGenerator<PlacedEntry> {
  const stream = input[Symbol.asyncIterator]()
  const { chunks, isWhole } = await readSome(stream, maxBytes)
  if (isWhole) {
    for (const [key, value] of Object.entries(parseObject(chunks))) yield entryIn(key, value)
  } else if (chunks[0]?.subarray(0, 2).toString() === '{\n') {
    yield* readExported(joined(chunks, stream))
  } else {
    throw new Failure('too_large', `a JSON object may have ${maxBytes} bytes, no more`, {
      hint: 'write one entry a line, in any number: --format ndjson',
    })
  }
}

const sizeOf = (value: unknown): number => stringify(value).length
