/**
 * The program behind `npm run bench:readme [RESULT.json [SIMULATION.json [SWARM.json]]]`: keeps the
 * results in `bench/results`, then writes the page `docs/performance.md` and its pictures from what is
 * kept there, and the table of overwrites too. A test compares them, so no number gets there by hand.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tellFailure } from '../runner/command-line.ts'
import { TERMINAL } from '../runner/terminal.ts'
import { replacePart } from './marked.ts'
import { toFile } from './plot/picture.ts'
import { createOverwritesText, createSection, PLOTS } from './readme-section.ts'
import { readResult, readSimulation, readSwarm } from './saved.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const results = join(root, 'bench/results')
const plots = join(root, PLOTS)
const page = join(root, 'docs/performance.md')

/** One line of JSON each, as the programs print it. */
const KEPT = {
  result: join(results, 'bench.jsonl'),
  simulation: join(results, 'simulation.jsonl'),
  swarm: join(results, 'swarm.jsonl'),
}

const keep = (from: string | undefined, to: string, check: (path: string) => unknown): void => {
  if (from === undefined) return
  check(from)
  copyFileSync(from, to)
}

const writePictures = (pictures: ReturnType<typeof createSection>['pictures']): void => {
  for (const name of readdirSync(plots)) if (name.endsWith('.svg')) rmSync(join(plots, name))
  for (const { id, picture } of pictures) writeFileSync(join(plots, `${id}.svg`), toFile(picture))
}

/** Undefined where none was kept. */
const readKept = <T>(path: string, readIt: (path: string) => T): T | undefined =>
  existsSync(path) ? readIt(path) : undefined

const run = ([result, simulation, swarm]: readonly string[]): void => {
  for (const dir of [results, plots]) mkdirSync(dir, { recursive: true })
  keep(result, KEPT.result, readResult)
  keep(simulation, KEPT.simulation, readSimulation)
  keep(swarm, KEPT.swarm, readSwarm)
  const kept = readResult(KEPT.result)
  const { text, pictures } = createSection(
    kept,
    readKept(KEPT.simulation, readSimulation),
    readKept(KEPT.swarm, readSwarm),
  )
  const overwrites = createOverwritesText(kept.overwrites ?? [])
  const before = replacePart(readFileSync(page, 'utf8'), 'overwrites', overwrites)
  writeFileSync(page, replacePart(before, 'performance', text))
  writePictures(pictures)
  process.stdout.write(
    `docs/performance.md and ${pictures.length} pictures in ${PLOTS} are written\n`,
  )
}

try {
  run(process.argv.slice(2))
} catch (error) {
  tellFailure(error, 'bench:readme', [], TERMINAL)
  process.exitCode = 2
}
