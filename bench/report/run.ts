/**
 * The program behind `npm run bench:readme [-- --target PAGE] [RESULT …]`: keeps the given results in
 * `bench/results`, then writes the generated parts of README.md and docs, and the plots, from what
 * is kept there. A test compares them, so no figure gets there by hand.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { reportFailure, TERMINAL } from '../runner/command-line.ts'
import { PLOTS, renderPages } from './pages.ts'
import { drawPlot } from './plot.ts'
import { createPlots } from './plots.ts'
import { keepResult, readResults } from './results.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const kept = join(root, 'bench/results')
const plots = join(root, PLOTS)

try {
  const { values, positionals } = parseArgs({
    options: { target: { type: 'string' } },
    allowPositionals: true,
  })
  for (const dir of [kept, plots]) mkdirSync(dir, { recursive: true })
  for (const path of positionals) keepResult(path, kept)
  const results = readResults(kept)
  const pages = renderPages(root, results, values.target)
  for (const { path, text } of pages) writeFileSync(join(root, path), text)
  for (const name of readdirSync(plots)) if (name.endsWith('.svg')) rmSync(join(plots, name))
  for (const plot of createPlots(results))
    writeFileSync(join(plots, `${plot.id}.svg`), drawPlot(plot))
  for (const { path, parts } of pages) process.stdout.write(`${path}: ${parts.join(', ')}\n`)
} catch (error) {
  process.exitCode = reportFailure(error, 'bench:readme', [], TERMINAL)
}
