/**
 * A part of the bench that needs a process of its own, where V8 and the heap are as at a start. It
 * is run as this one was, and prints what it measured as one line of JSON.
 *
 * ```ts
 * const start = await runChild<Restart>('restart-child.ts', [dir], 'start-up, plain: it has failed')
 * ```
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Failure } from '../../src/errors.ts'
import type { Message } from '../engines/engine.ts'

const exec = promisify(execFile)

/**
 * What `file`, which lies beside this one, prints; `input` is what it reads. Throws a Failure
 * (internal) with the message `failure` where it cannot be started, fails, or prints no JSON.
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
