/** The program behind `npm run bench:costs`. */
import { TERMINAL } from '../runner/command-line.ts'
import { main } from './main.ts'

process.exitCode = await main(process.argv.slice(2), TERMINAL)
