/**
 * Only one agent of a swarm may read an inbox: two would each receive a part of the messages, and
 * peers could not tell them apart. A lock beside the inbox names that agent, and the data folder
 * through which other programs reach it.
 *
 * ```ts
 * const claim = new Claim({ inbox: '/home/me/.pilot/inbox', swarm: 'kv', data: '/var/lib/kv' })
 * await claim.take()    // InboxTaken while another agent of the swarm has it
 * await claim.release()
 * ```
 */
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Failure } from '../../errors.ts'
import { describeOwner, Lock, type Owner } from '../../fs/lock.ts'

/** Beside the inbox, in the folder that Pilot keeps for this user. */
const FOLDER = 'pilot-gossip'

export interface ClaimOptions {
  readonly inbox: string
  readonly swarm: string
  /** The data folder of the agent, if it has one. */
  readonly data?: string | undefined
}

/** Another agent of the swarm uses this daemon. */
export class InboxTaken extends Failure {
  /** Its data folder, through which it can be reached; undefined if it has none. */
  readonly data: string | undefined

  constructor(swarm: string, owner: Owner | undefined) {
    const who = owner ? describeOwner(owner) : 'several processes want it at once'
    const where = owner?.data === undefined ? '' : `, with the data folder "${owner.data}"`
    super(
      'already_exists',
      `an agent of the swarm "${swarm}" takes the messages of this daemon already: ${who}${where}`,
      {
        hint:
          owner?.data === undefined
            ? 'end that program, give it a data folder so that others can take part through it, or start a daemon of its own for this one'
            : 'use that agent (openMap and connectMap do), stop it, or start a daemon of its own for this one',
      },
    )
    this.data = owner?.data
  }
}

export class Claim {
  readonly #path: string
  readonly #lock: Lock

  constructor({ inbox, swarm, data }: ClaimOptions) {
    this.#path = join(dirname(inbox), FOLDER, `${swarm}.lock`)
    this.#lock = new Lock(this.#path, {
      ...(data !== undefined && { data }),
      taken: (_holder, owner) => new InboxTaken(swarm, owner),
    })
  }

  /** Rejects with InboxTaken while another agent has it, and with the system's error if the lock cannot be created. */
  async take(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    await this.#lock.hold()
  }

  /** May be called twice, and without `take`. */
  async release(): Promise<void> {
    await this.#lock.release()
  }
}
