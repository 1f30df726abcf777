/**
 * The command `secret`: makes the secret of a swarm, and changes it without a gap. The file of an
 * agent has the newest secret and, while agents change, the former one.
 *
 * ```ts
 * await secret(context, ['new', 'kv.secret'])        // a file that only its owner reads
 * await secret(context, ['rotate', 'kv.secret'])     // the newest one, and the former one
 * await secret(context, ['finish', 'kv.secret'])     // the newest one alone
 * ```
 */
import { Failure, invalid, systemCodeOf } from '../errors.ts'
import { OWN_FILE_MODE } from '../fs/own-folder.ts'
import { quote } from '../quote.ts'
import { type Context, report } from './report.ts'

/** Loaded when it is needed: every command loads this file, and these cost more than all of it. */
const load = async () => ({
  ...(await import('../transports/sealed/secret.ts')),
  ...(await import('node:fs/promises')),
})

const contentOf = (secrets: readonly string[]): string => `${secrets.join('\n')}\n`

/** Writes the whole file or nothing. */
const replace = async (path: string, secrets: readonly string[]): Promise<void> => {
  const { rename, rm, writeFile } = await load()
  const draft = `${path}.${process.pid}.new`
  try {
    await writeFile(draft, contentOf(secrets), { mode: OWN_FILE_MODE, flag: 'wx' })
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

const make = async (context: Context, path: string | undefined): Promise<void> => {
  const { newSecret, writeFile } = await load()
  const secret = newSecret()
  if (path === undefined) {
    report(context, { secret }, () => `${secret}\n`)
    return
  }
  try {
    // Never over another one: that would cut its agents off.
    await writeFile(path, contentOf([secret]), { mode: OWN_FILE_MODE, flag: 'wx' })
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error
    throw new Failure('already_exists', `${quote(path)} exists already`, {
      hint: `give another name, or change it: pilot-gossip secret rotate ${path}`,
    })
  }
  report(
    context,
    { file: path, secrets: 1 },
    () => `wrote ${path}: copy it to each host of the swarm, and start each agent with
  pilot-gossip run --secret-file ${path} …
`,
  )
}

const rotate = async (context: Context, path: string): Promise<void> => {
  const { newSecret, readSecretFile } = await load()
  const [newest, former] = readSecretFile(path)
  if (former !== undefined)
    throw invalid(
      `the secret file ${quote(path)} has two secrets already`,
      `once status names no agent with the former one, run: pilot-gossip secret finish ${path}`,
    )
  await replace(path, [newSecret(), newest!])
  report(
    context,
    { file: path, secrets: 2 },
    () => `${path} has a new secret, and the former one after it. Copy it to each host, and start each agent again, one by
one. "pilot-gossip status" names the peers that have not shown the new one yet. Then end the former one with
  pilot-gossip secret finish ${path}
`,
  )
}

const finish = async (context: Context, path: string): Promise<void> => {
  const { readSecretFile } = await load()
  const [newest, former] = readSecretFile(path)
  if (former !== undefined) await replace(path, [newest!])
  report(
    context,
    { file: path, secrets: 1 },
    () => `${path} has one secret. Copy it to each host, and start each agent again.\n`,
  )
}

/** Rejects with a Failure: invalid_argument, not_found, already_exists, permission_denied. */
export const secret = async (
  context: Context,
  [action, path]: readonly string[],
): Promise<void> => {
  if (action === 'new') return make(context, path)
  if (path === undefined)
    throw invalid(
      `secret ${action} needs the secret file`,
      `give it: pilot-gossip secret ${action} FILE`,
    )
  return action === 'rotate' ? rotate(context, path) : finish(context, path)
}
