/** The command `version`. */
import { createRequire } from 'node:module'
import { type Context, report } from './report.ts'

/** The package's own, wherever it is installed: from the source and from what is built alike. */
const readVersion = (): string => {
  const found = createRequire(import.meta.url)('pilot-gossip/package.json') as { version: string }
  return found.version
}

export const version = async (context: Context): Promise<void> => {
  const data = { version: readVersion() }
  report(context, data, () => `${data.version}\n`)
}
