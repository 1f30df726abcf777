/** The program behind `npm run bench:swarm`. The first signal stops what was started, then it ends. */
import { TERMINAL } from '../runner/terminal.ts'
import { main } from './main.ts'

const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupt.abort())
}
process.exitCode = await main(process.argv.slice(2), TERMINAL, interrupt.signal)
