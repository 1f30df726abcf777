/** The program behind `npm run bench`. */
import { ENGINES } from './engines/index.ts'
import { main } from './main.ts'

const { stdout, stderr } = process

process.exitCode = main(process.argv.slice(2), ENGINES, {
  out: (text) => void stdout.write(text),
  err: (text) => void stderr.write(text),
  // Back to the start of the line, and clear it.
  ...(stderr.isTTY && { progress: (row: string) => void stderr.write(`\r\x1b[K${row}\r`) }),
})
