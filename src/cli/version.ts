/** The command `version`. */
import { packageVersion } from '../package-version.ts'
import { type Context, report } from './report.ts'

export const version = async (context: Context): Promise<void> => {
  const data = { version: packageVersion() }
  report(context, data, () => `${data.version}\n`)
}
