/** The version of this package, as it is installed. */
import { createRequire } from 'node:module'

/** The package's own, wherever it lies: from the source and from what is built alike. */
export const packageVersion = (): string => {
  const found = createRequire(import.meta.url)('pilot-gossip/package.json') as { version: string }
  return found.version
}
