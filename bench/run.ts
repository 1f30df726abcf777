/** The program behind `npm run bench`. */
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ENGINES } from './engines/index.ts'
import { main } from './main.ts'
import { TERMINAL } from './runner/terminal.ts'

/** A folder that git leaves out. */
const cache = fileURLToPath(new URL('../.cache/', import.meta.url))
mkdirSync(cache, { recursive: true })

process.exitCode = await main(process.argv.slice(2), ENGINES, {
  ...TERMINAL,
  page: `${cache}bench.html`,
})
