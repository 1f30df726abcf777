/** The program behind `npm run bench:side`. The first signal stops everything that was started. */
import { TERMINAL } from '../runner/command-line.ts'
import { main } from './main.ts'

const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupt.abort())
}
process.exitCode = await main(process.argv.slice(2), TERMINAL, interrupt.signal)
