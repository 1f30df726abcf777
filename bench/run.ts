/** The program behind `npm run bench`. */
import { ENGINES } from './engines/index.ts'
import { main } from './main.ts'
import { TERMINAL } from './runner/command-line.ts'

process.exitCode = await main(process.argv.slice(2), ENGINES, TERMINAL)
