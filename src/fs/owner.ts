/**
 * The holder of a lock: a process, identified by its id and its start time, since ids are reused. Only
 * processes of this host can be checked.
 *
 * ```ts
 * const owner = ownProcess()        // { pid: 123, start: '4711', host: 'box pid:[4026531836]', boot: '…' }
 * isAlive(owner)                    // true
 * describeOwner(owner)              // 'process 123 has it (this process)'
 * ```
 */

import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { systemCodeOf } from '../errors.ts'

export interface Owner {
  readonly pid: number
  /**
   * When the process started: in clock ticks since the start of the host (Linux), or as `ps` prints it
   * in UTC; empty if neither reports it.
   */
  readonly start: string
  /** The host or container in which the id is valid; absent in locks of older versions. */
  readonly host?: string
  /** The start of the host: after another one, another process may have the same id and ticks. */
  readonly boot?: string
  /** The data folder of the agent, if it was given. */
  readonly data?: string
}

/** Milliseconds for `ps`, which takes about ten. */
const PS_TIMEOUT_MS = 5_000

/** The start of a zombie: a process that has ended and that its parent has not waited for. */
const DEAD = 'dead'

/** This host or container, with its namespace of processes: two containers may share a name. */
export const hostOf = (): string => {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname() // no such file system
  }
}

const bootOf = (): string | undefined => {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return undefined // no such file system
  }
}

/** The 22nd field of /proc/PID/stat; empty if there is no such process. */
const startByProc = (pid: number): string => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ...rest] = fields.slice(fields.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? DEAD : (rest[18] ?? '')
  } catch {
    return ''
  }
}

/**
 * The same for systems without /proc, to the second: `Mon Nov 29 09:36:11 2026`. Empty if there is no
 * such process or no `ps`.
 */
export const startByPs = (pid: number): string => {
  // Loaded here, since few commands and few systems need it.
  const { execFileSync } = process.getBuiltinModule('node:child_process')
  try {
    const line = execFileSync('ps', ['-o', 'stat=', '-o', 'lstart=', '-p', `${pid}`], {
      encoding: 'utf8',
      // The time must not depend on the language and zone of the caller.
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PS_TIMEOUT_MS,
    })
    const [state = '', ...start] = line.trim().split(/\s+/)
    return state.startsWith('Z') ? DEAD : start.join(' ')
  } catch {
    return '' // the caller also checks by signal
  }
}

const TICKS = /^\d+$/

let hasProc: boolean | undefined

const startOf = (pid: number): string => {
  hasProc ??= existsSync('/proc/self/stat')
  return hasProc ? startByProc(pid) : startByPs(pid)
}

let own: Owner | undefined

export const ownProcess = (): Owner => {
  const boot = bootOf()
  own ??= {
    pid: process.pid,
    start: startOf(process.pid),
    host: hostOf(),
    ...(boot !== undefined && { boot }),
  }
  return own
}

/** Is that process alive, and not another one that has its id now? */
export const isAlive = ({ pid, start, host, boot }: Owner): boolean => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is alive, but belongs to another user.
    if (systemCodeOf(error) === 'ESRCH') return false
  }
  const self = ownProcess()
  if (boot !== undefined && self.boot !== undefined && host === self.host && boot !== self.boot)
    return false
  // In the form in which the start of the owner was recorded.
  const now = start === '' || TICKS.test(start) ? startOf(pid) : startByPs(pid)
  return now !== DEAD && (start === '' || now === '' || now === start)
}

/** `process 123 has it`, with a note if it is this process or one of another host. */
export const describeOwner = ({ pid, host }: Owner): string => {
  if (pid === process.pid && (host === undefined || host === hostOf()))
    return `process ${pid} has it (this process)`
  const isElsewhere = host !== undefined && host !== hostOf()
  return `process ${pid} has it${isElsewhere ? ` (of host "${host.split(' ')[0]}")` : ''}`
}

/** Returns undefined for a text that is not that of a lock: no process owns such a file. */
export const parseOwner = (text: string): Owner | undefined => {
  try {
    const { pid, start, host, boot, data } = JSON.parse(text) as Partial<
      Record<keyof Owner, unknown>
    >
    if (typeof pid !== 'number' || !(pid > 0) || typeof start !== 'string') return undefined
    return {
      pid,
      start,
      ...(typeof host === 'string' && { host }),
      ...(typeof boot === 'string' && { boot }),
      ...(typeof data === 'string' && { data }),
    }
  } catch {
    return undefined // not JSON
  }
}
