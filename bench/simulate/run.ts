/** The program behind `npm run simulate`. */
import { TERMINAL } from '../runner/command-line.ts'
import { main } from './main.ts'

process.exitCode = main(process.argv.slice(2), TERMINAL)
