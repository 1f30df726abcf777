/**
 * One run: the requested sections, for each loss, over several swarms. The same settings give the
 * same result, to the last digit.
 *
 * ```ts
 * const { writes, verdicts } = simulate(STANDARD)
 * ```
 */
import { measureChurn, measurePartition, type Recovery } from './faults.ts'
import { measureRates, type Rates } from './rates.ts'
import { type Figures, faultRow, rateRow, type WriteRow, writeRow, writersRow } from './rows.ts'
import type { Settings } from './settings.ts'
import { Swarm } from './swarm.ts'
import { judge, type Verdict } from './verdicts.ts'
import { measureWrite, type Write } from './write.ts'

/** Past writers that are compared. */
const WRITERS = [1, 1_000]

export interface Result extends Figures {
  readonly settings: Settings
  readonly verdicts: readonly Verdict[]
}

type Progress = (row: string) => void

const seedsOf = ({ seed, seeds }: Settings): number[] =>
  Array.from({ length: seeds }, (_, i) => seed + i)

const measureWrites = (swarm: Swarm, count: number, size: number): Write[] =>
  Array.from({ length: count }, () => measureWrite(swarm, size))

const runWrites = (
  settings: Settings,
  loss: number,
  size: number,
  progress: Progress,
): WriteRow => {
  const writes = seedsOf(settings).flatMap((seed) => {
    progress(`write of ${size} characters, loss ${loss}, seed ${seed}`)
    const swarm = new Swarm({ ...settings, seed, loss, hasRounds: false })
    return measureWrites(swarm, settings.writes, size)
  })
  return writeRow(writes, loss, size, settings)
}

/** The sections that need swarms with rounds. */
const runWithRounds = (settings: Settings, loss: number, progress: Progress) => {
  const { sections, partition, churn } = settings
  const size = settings.sizes[0]!
  const rates: Rates[] = []
  const partitions: Recovery[] = []
  const churns: Recovery[] = []
  for (const seed of seedsOf(settings)) {
    const row = `loss ${loss}, seed ${seed}`
    progress(`warming up, ${row}`)
    const swarm = new Swarm({ ...settings, seed, loss, hasRounds: true })
    const run = <T>(name: Settings['sections'][number], list: T[], measure: () => T): void => {
      if (!sections.includes(name)) return
      progress(`${name}, ${row}`)
      list.push(measure())
    }
    run('traffic', rates, () => measureRates(swarm, size))
    run('partition', partitions, () => measurePartition(swarm, partition, size))
    run('churn', churns, () => measureChurn(swarm, churn, size))
  }
  return {
    rates: rates.length > 0 ? [rateRow(rates, loss, size)] : [],
    faults: [
      ...(partitions.length > 0 ? [faultRow(partitions, loss, 'partition')] : []),
      ...(churns.length > 0 ? [faultRow(churns, loss, 'churn')] : []),
    ],
  }
}

const runWriters = (settings: Settings, progress: Progress) => {
  const { seed, writes } = settings
  const loss = settings.losses[0]!
  const size = settings.sizes[0]!
  return WRITERS.map((writers) => {
    progress(`${writers} past writers`)
    const swarm = new Swarm({ ...settings, seed, loss, writers, hasRounds: false })
    return writersRow(measureWrites(swarm, writes, size), writers, loss, size)
  })
}

/** Throws a Failure (internal) for a wrong answer: a write that does not arrive, states that differ. */
export const simulate = (settings: Settings, progress: Progress = () => undefined): Result => {
  const { sections, losses, sizes } = settings
  const has = (...names: Settings['sections']): boolean =>
    names.some((name) => sections.includes(name))
  const writes = has('write')
    ? losses.flatMap((loss) => sizes.map((size) => runWrites(settings, loss, size, progress)))
    : []
  const living = has('traffic', 'partition', 'churn')
    ? losses.map((loss) => runWithRounds(settings, loss, progress))
    : []
  const figures: Figures = {
    writes,
    rates: living.flatMap(({ rates }) => rates),
    faults: living.flatMap(({ faults }) => faults),
    writers: has('writers') ? runWriters(settings, progress) : [],
  }
  return { settings, ...figures, verdicts: judge(settings, figures) }
}
