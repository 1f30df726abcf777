/**
 * Kills a writing agent again and again, tears its files, and checks that nothing acknowledged is
 * lost: on its disk, in the restarted agent, and at its peer (see `crash/run.ts`).
 *
 * ```
 * node --import tsx test/tools/crash.ts --kills 200 --seed 7
 * ```
 *
 * The seed determines the writes, the kinds of lives and the damage. The instruction at which the
 * process is killed depends on the machine: a failure may take several runs of its seed to recur.
 */
import { parseArgs } from 'node:util'
import { runCrash } from './crash/run.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    mutation: { type: 'string' },
  },
})
const { mutation } = values
const kills = Number(values.kills)
const seed = Number(values.seed)
console.log(`${kills} kills, seed ${seed}`)
try {
  const report = await runCrash({
    kills,
    seed,
    ...(mutation !== undefined && { mutation }),
    tell: (line) => console.log(line),
  })
  console.log(report)
  console.log(`nothing was lost in ${kills} of ${kills} kills (seed ${seed})`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
