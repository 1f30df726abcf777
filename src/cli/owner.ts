/**
 * Who works on a data folder, as its locks tell. There are two of them: the control socket's,
 * taken first and given back last, so that nobody removes a socket that is still in use; and the
 * writer identity's, which guards folders of programs that open an agent without a socket.
 *
 * ```ts
 * (await ownerOf('/var/lib/kv'))?.pid // of an agent that lives there
 * throw await tellOwner('/var/lib/kv', failure)
 * ```
 */
import { join } from 'node:path'
import { shellQuote } from '../control/client.ts'
import { Failure } from '../errors.ts'
import { type Owner, readOwner } from '../fs/lock.ts'

const SOCKET_LOCK = 'agent.lock'
const WRITER_LOCK = 'lock'

/** The living process of this host that runs an agent with a socket there; undefined where none does. */
export const ownerOf = (dir: string): Promise<Owner | undefined> =>
  readOwner(join(dir, SOCKET_LOCK))

/** The failure to start on a folder: where another process has it, told with its id and what to do. */
export const tellOwner = async (dir: string, failure: Failure): Promise<Failure> => {
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
  return failure // somebody else's name in the mailbox, or an agent in another container
}
