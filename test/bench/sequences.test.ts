/** B1 and B2: every engine that has texts and lists passes, and a wrong merge ends the run. */
import * as assert from 'uvu/assert'
import { ENGINES } from '../../bench/engines/index.ts'
import { yjsV1 } from '../../bench/engines/yjs.ts'
import { runSequences, TASKS } from '../../bench/workloads/sequences.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('bench: sequences')

const SIZES = { reference: yjsV1, n: 5, runs: 1, seed: 1 }

test('all engines with texts and lists agree in each workload; the others are left out', () => {
  const leftOut: string[] = []
  const rows = runSequences({
    ...SIZES,
    engines: ENGINES,
    leaveOut: ({ engine }) => void leftOut.push(engine),
  })
  const engines = ENGINES.filter(({ createSequence }) => createSequence)
  assert.is(rows.length, TASKS.length * engines.length)
  assert.is(leftOut.length, ENGINES.length - engines.length)
  assert.ok(rows.every(({ us, docBytes }) => us.min > 0 && docBytes > 0))
  assert.ok(rows.every(({ engine, ratio }) => engine !== 'yjs-v1' || ratio === 1))
})

test('a replica that drops a change ends the run', async () => {
  const deaf = {
    ...yjsV1,
    createSequence: (writer: number) => ({
      ...yjsV1.createSequence!(writer),
      ...(writer === 2 && { receive: () => undefined }),
    }),
  }
  await rejects(
    async () => runSequences({ ...SIZES, engines: [deaf] }),
    /wrong answer: yjs-v1, B1.1, N = 5/,
  )
})

test.run()
