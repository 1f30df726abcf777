/**
 * The destination of a long output: a file that is complete or not there at all, or standard output.
 *
 * ```ts
 * const output = await openOutput('kv.ndjson', io)
 * await output.write('{"key":"k","value":1}\n') // resolves when more may come
 * await output.finish()                         // now kv.ndjson is there; `discard` leaves an earlier one
 * ```
 */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { constants } from 'node:os'
import { Failure, toFailure } from '../errors.ts'
import type { Io } from './io.ts'

export interface Output {
  readonly write: (text: string) => Promise<void>
  readonly finish: () => Promise<void>
  /** Call it if the output stays incomplete. */
  readonly discard: () => Promise<void>
}

const standardOutput = (io: Io): Output => ({
  write: async (text) => {
    io.out(text)
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
  },
  finish: async () => undefined,
  discard: async () => undefined, // the reader keeps what it has
})

const unusable = (file: string, error: unknown): Failure => {
  const { code, message } = toFailure(error)
  return new Failure(code, `"${file}" cannot be written: ${message}`, {
    hint: 'give a file in a folder that this user may write to',
    cause: error,
  })
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

interface Place {
  /** The target of all links, so that a link stays one. */
  readonly path: string
  readonly mode: number
  /** A pipe or a device cannot be replaced by renaming another file. */
  readonly isFile: boolean
}

const placeOf = async (file: string): Promise<Place> => {
  try {
    const path = await realpath(file)
    const found = await stat(path)
    const isFile = found.isFile() || found.isDirectory()
    return { path, mode: found.mode & 0o777, isFile }
  } catch (error) {
    if (isMissing(error)) return { path: file, mode: 0o666, isFile: true }
    throw error
  }
}

/** A signal ends the process, as always, but first removes the incomplete file. */
const removeOnSignal = (temporary: string): (() => void) => {
  const end = (signal: NodeJS.Signals): void => {
    rmSync(temporary, { force: true })
    process.exit(128 + constants.signals[signal])
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.once(signal, end)
  return () => {
    for (const signal of signals) process.off(signal, end)
  }
}

/** Written under another name in the same folder, and renamed once it is complete and on disk. */
const wholeFile = async (file: string, { path, mode }: Place): Promise<Output> => {
  const temporary = `${path}.${process.pid}.tmp`
  const handle = await open(temporary, 'wx', mode)
  const forget = removeOnSignal(temporary)
  const attempt = async (act: () => Promise<unknown>): Promise<void> => {
    try {
      await act()
    } catch (error) {
      throw unusable(file, error)
    }
  }
  return {
    write: (text) => attempt(() => handle.appendFile(text)),
    finish: () =>
      attempt(async () => {
        await handle.sync()
        await handle.close()
        await rename(temporary, path)
        forget()
      }),
    discard: async () => {
      await handle.close()
      await rm(temporary, { force: true })
      forget()
    },
  }
}

const plainFile = (handle: FileHandle): Output => ({
  write: (text) => handle.appendFile(text),
  finish: () => handle.close(),
  discard: () => handle.close(),
})

/** Standard output for `-`. Rejects with a Failure if the file cannot be created. */
export const openOutput = async (file: string, io: Io): Promise<Output> => {
  if (file === '-') return standardOutput(io)
  try {
    const place = await placeOf(file)
    if (place.isFile) return await wholeFile(file, place)
    return plainFile(await open(place.path, 'w'))
  } catch (error) {
    throw unusable(file, error)
  }
}
