/**
 * The process that works on a data folder, according to its two locks. That of the control socket
 * is taken first and released last, so that no other agent removes a socket in use. That of the
 * writer's identity also guards the folder of a program whose agent has no socket.
 *
 * ```ts
 * (await ownerOf('/var/lib/kv'))?.pid // of the agent that runs there
 * throw await withOwner('/var/lib/kv', failure)
 * ```
 */
import { join } from 'node:path'
import { shellQuote } from '../control/client.ts'
import { Failure } from '../errors.ts'
import { type Owner, readOwner } from '../fs/lock.ts'

const SOCKET_LOCK = 'agent.lock'
const WRITER_LOCK = 'lock'

/** The live process on this host that runs an agent with a socket there; undefined if there is none. */
export const ownerOf = (dir: string): Promise<Owner | undefined> =>
  readOwner(join(dir, SOCKET_LOCK))

/** The failure to start on a folder, with the id of the process that has it, if one does. */
export const withOwner = async (dir: string, failure: Failure): Promise<Failure> => {
  if (failure.code !== 'already_exists') return failure
  const agent = await ownerOf(dir)
  if (agent && agent.pid !== process.pid) {
    return new Failure(
      'already_exists',
      `an agent runs on "${dir}" already: process ${agent.pid}`,
      {
        hint: `stop it with: pilot-gossip stop --data ${shellQuote(dir)}; or give this one another folder with --data DIR`,
        cause: failure,
      },
    )
  }
  const program = await readOwner(join(dir, WRITER_LOCK))
  if (program && program.pid !== process.pid) {
    return new Failure('already_exists', `"${dir}" is in use already: by process ${program.pid}`, {
      hint: 'end that program, or give this agent another folder with --data DIR',
      cause: failure,
    })
  }
  return failure // another agent has the name in the mailbox, or runs in another container
}
