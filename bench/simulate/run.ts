/** The program behind `npm run simulate`. */
import { main } from './main.ts'

const { stdout, stderr } = process

process.exitCode = main(process.argv.slice(2), {
  out: (text) => void stdout.write(text),
  err: (text) => void stderr.write(text),
  // Back to the start of the line, and clear it.
  ...(stderr.isTTY && { progress: (row: string) => void stderr.write(`\r\x1b[K${row}\r`) }),
})
