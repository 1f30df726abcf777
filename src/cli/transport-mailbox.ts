/** Mailboxes in a folder, for `run` and `doctor`. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { makeFolder } from '../control/folder.ts'
import { Failure } from '../errors.ts'
import type { Check } from './check.ts'
import { count } from './text.ts'
import { transportKind } from './transport-kind.ts'

export interface MailboxPlan {
  readonly kind: 'mailbox'
  readonly dir: string
  readonly name: string
}

/** The same name for each start on that data folder, so that the agent reads what waits for it. */
export const mailboxName = (dir: string): string => {
  // Loaded here because every command loads this file, and `node:crypto` costs more than all of it.
  const { createHash } = process.getBuiltinModule('node:crypto')
  return `agent-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`
}

/** The agents that use the folder, and those that were killed and are not back. */
const checkMailbox = async (dir: string): Promise<readonly Check[]> => {
  const { checkFolder, MAX_SHOWN } = await import('./check.ts')
  const folder = await checkFolder('mailbox', dir)
  if (folder.level !== 'ok') return [folder]
  const showNames = (names: readonly string[]): string =>
    names.length > 0 ? `: ${[...names].sort().slice(0, MAX_SHOWN).join(', ')}` : ''
  const { listBoxes } = await import('../transports/mailbox/box.ts')
  const { open, gone } = existsSync(dir) ? await listBoxes(dir) : { open: [], gone: [] }
  const others = gone.length > 0 ? `; ${gone.length} of agents that are gone${showNames(gone)}` : ''
  const detail = `${count(open.length, 'mailbox', 'mailboxes')}${showNames(open)}${others}`
  return [folder, { name: 'peers', level: 'ok', detail }]
}

export const mailbox = transportKind({
  name: 'mailbox',
  options: {
    mailbox: { value: 'DIR', about: 'gossip over this folder, without Pilot' },
    name: { value: 'NAME', about: "own name there (default: from the data folder's path)" },
  },
  impliedBy: 'mailbox',
  plan: ({ mailbox: folder, name }, dir): MailboxPlan => {
    if (folder) return { kind: 'mailbox', dir: resolve(folder), name: name ?? mailboxName(dir) }
    throw new Failure('invalid_argument', 'the mailbox transport needs a folder', {
      hint: 'add --mailbox DIR',
    })
  },
  create: async ({ dir, name }) => {
    const { MailboxTransport } = await import('../transports/mailbox/mailbox.ts')
    return new MailboxTransport({ dir, address: name })
  },
  prepare: ({ dir }) => makeFolder('the mailbox folder', dir, 0o700),
  describe: ({ dir }) => ({
    fields: { mailbox: dir },
    place: ` in ${dir}`,
    peers: 'those in the mailbox folder',
  }),
  checkOptions: { mailbox: { value: 'DIR', about: 'check this folder instead of Pilot' } },
  check: async ({ mailbox: folder = '' }) => checkMailbox(resolve(folder)),
})
