/**
 * A part of the bench in a process of its own, with V8 and the heap as they are after a start. The
 * process runs like this one and prints what it measured as one line of JSON.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Failure } from '../../src/errors.ts'
import type { Message } from '../engines/engine.ts'

const exec = promisify(execFile)

/**
 * What `file` in this folder prints; `input` is its standard input. Throws a Failure (internal)
 * with the message `failure` if it does not start, fails, or prints something else than JSON.
 */
export const runChild = async <T>(
  file: string,
  args: readonly string[],
  failure: string,
  input: Message = '',
): Promise<T> => {
  const path = fileURLToPath(new URL(file, import.meta.url))
  try {
    const running = exec(process.execPath, [...process.execArgv, path, ...args])
    running.child.stdin!.end(input)
    return JSON.parse((await running).stdout) as T
  } catch (error) {
    throw new Failure('internal', failure, { hint: String(error), cause: error })
  }
}
