/**
 * Runs test files in processes of their own, two at a time, and adds up their counts. The output of
 * a file is shown when it has ended.
 *
 * ```ts
 * await runApart(['gossip/core.test.ts'], counts, (text) => process.stdout.write(text))
 * ```
 */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** Processes at a time. More are not faster on two cores, and slow down tests that wait. */
const LANES = 2

const RUN = fileURLToPath(new URL('./run.ts', import.meta.url))

const SUMMARY = /(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/

export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** With real daemons: the swarms of two files at once would slow each other down. */
const isHeavy = (file: string): boolean => file.startsWith('pilot')

interface Ended {
  readonly code: number | null
  readonly output: string
}

const runFile = async (file: string): Promise<Ended> => {
  const args = [...process.execArgv, RUN, '--file', file]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, output: `${err}${out}` }
}

/** Adds the counts of the files to `counts`; a file that ends without a summary counts as a failure. */
export const runApart = async (
  files: readonly string[],
  counts: Counts,
  show: (text: string) => void,
): Promise<void> => {
  const waiting = [...files.filter(isHeavy), ...files.filter((file) => !isHeavy(file))]
  let isHeavyRunning = false
  const take = (): string | undefined => {
    const at = waiting.findIndex((file) => !(isHeavyRunning && isHeavy(file)))
    return at < 0 ? undefined : waiting.splice(at, 1)[0]
  }
  const lane = async (): Promise<void> => {
    for (let file = take(); file !== undefined; file = take()) {
      const heavy = isHeavy(file)
      if (heavy) isHeavyRunning = true
      const { code, output } = await runFile(file)
      if (heavy) isHeavyRunning = false
      const [, passed, failed, skipped] = SUMMARY.exec(output) ?? []
      counts.passed += Number(passed ?? 0)
      counts.failed += Number(failed ?? 0)
      counts.skipped += Number(skipped ?? 0)
      const isLost = passed === undefined || (code !== 0 && Number(failed) === 0)
      if (isLost) counts.failed++
      show(
        `${output}${isLost ? `${file} ended with code ${code} and without a failed test\n` : ''}\n`,
      )
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}
