/**
 * How soon `list` and `export` of the built program print the first of many rows, from the start of
 * the process, and how long all of them take. Each output is read as fast as it comes, and counted.
 *
 * ```ts
 * const rows = await measureStreams({ keys: 1_000_000, runs: 3 })
 * rows[0] // { command: 'list', keys: 1000000, firstMs: 90, ms: 2500 }
 * ```
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { Failure } from '../../src/errors.ts'
import { inFolder } from '../../test/helpers/folder.ts'
import { medianOf } from '../runner/stats.ts'
import { type RunningAgent, spawnNode, startAgent } from './built.ts'
import { fillFolder } from './start.ts'

const COMMANDS = ['list', 'export'] as const

/** Lines before the first row. */
const HEAD = { list: 1, export: 0 } as const

export interface StreamOptions {
  /** An existing folder for temporary ones. */
  readonly dir?: string
  readonly keys: number
  /** Of each command. */
  readonly runs: number
}

/** Medians. */
export interface StreamCost {
  readonly command: (typeof COMMANDS)[number]
  readonly keys: number
  /** Milliseconds from the start of the process to the first row, and to its end. */
  readonly firstMs: number
  readonly ms: number
}

const LINE_BREAK = 10

/** Throws a Failure (internal) unless it prints one line for each key. */
const stream = async (agent: RunningAgent, command: StreamCost['command'], keys: number) => {
  const began = performance.now()
  const child = spawnNode(agent.command(command))
  const exit = once(child, 'exit')
  let firstMs: number | undefined
  let lines = 0
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(LINE_BREAK); at >= 0; at = chunk.indexOf(LINE_BREAK, at + 1)) {
      lines++
      if (lines > HEAD[command]) firstMs ??= performance.now() - began
    }
  }
  const [code] = await exit
  const rows = lines - HEAD[command]
  if (code === 0 && rows === keys && firstMs !== undefined)
    return { firstMs, ms: performance.now() - began }
  throw new Failure(
    'internal',
    `wrong answer: ${command} printed ${rows} rows of ${keys} and ended with ${code}`,
  )
}

export const measureStreams = ({ dir, keys, runs }: StreamOptions): Promise<StreamCost[]> =>
  inFolder(async (folder) => {
    fillFolder(join(folder, 'a'), keys, 'plain', join(folder, 'state.bin'))
    const agent = await startAgent(folder)
    try {
      const costs: StreamCost[] = []
      for (const command of COMMANDS) {
        const taken: Awaited<ReturnType<typeof stream>>[] = []
        for (let run = 0; run < runs; run++) taken.push(await stream(agent, command, keys))
        const firstMs = medianOf(taken.map((one) => one.firstMs))
        costs.push({ command, keys, firstMs, ms: medianOf(taken.map((one) => one.ms)) })
      }
      return costs
    } finally {
      await agent.stop()
    }
  }, dir)
