/**
 * Mutates golden pushes, updates and sealed messages, and checks that only Rejections are thrown,
 * that what is rejected changes nothing, and that the heap does not grow (see `fuzz/run.ts`).
 *
 * ```
 * npm run fuzz -- --messages 1000000 --seed 1
 * ```
 *
 * A failing case prints the command that replays it. With `node --expose-gc` the heap is exact.
 */
import { parseArgs } from 'node:util'
import { runFuzz } from './fuzz/run.ts'

/** Bytes by which the heap may be larger at the end: what the collector has not looked at yet. */
const MAX_GROWTH = 64 * 2 ** 20

/** Messages between two lines of progress. */
const PROGRESS = 50_000

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
})
const messages = Number(values.messages)
const seed = Number(values.seed)
if (!Number.isSafeInteger(messages) || messages < 1 || !Number.isSafeInteger(seed))
  throw new TypeError('--messages and --seed must be whole numbers')
try {
  const report = runFuzz({
    messages,
    seed,
    onProgress: (done) => {
      if (done % PROGRESS === 0) console.log(`${done} messages`)
    },
  })
  console.log(report)
  const growth = report.heapAfter - report.heapBefore
  if (growth > MAX_GROWTH) throw new Error(`the heap has grown by ${growth} bytes`)
  console.log(`${messages} messages, seed ${seed}: only rejections, and nothing half merged`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
