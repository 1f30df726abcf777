/** The program behind `npm run bench`. */
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ENGINES } from './engines/index.ts'
import { main } from './main.ts'

const { stdout, stderr } = process

/** Back to the start of the line, and clear it. */
const CLEAR = '\r\x1b[K'

/** A folder that git leaves out. */
const cache = fileURLToPath(new URL('../.cache/', import.meta.url))
mkdirSync(cache, { recursive: true })

process.exitCode = await main(process.argv.slice(2), ENGINES, {
  out: (text) => {
    if (stderr.isTTY) stderr.write(CLEAR)
    stdout.write(text)
  },
  err: (text) => void stderr.write(text),
  ...(stderr.isTTY && { progress: (row: string) => void stderr.write(`${CLEAR}${row}\r`) }),
  page: `${cache}bench.html`,
})
