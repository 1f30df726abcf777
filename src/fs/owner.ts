/**
 * Who holds a lock: a process, known by its id and by the time it started, since ids are given
 * out again. Knows the processes of this host alone.
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
   * When the process started: in clock ticks since the host did (Linux), or as `ps` prints it in
   * UTC; empty where neither reports it.
   */
  readonly start: string
  /** Among whose processes the id was given out; absent in locks of older versions. */
  readonly host?: string
  /** Which start of the host: after another one, id and ticks may be those of another process. */
  readonly boot?: string
  /** The data folder of the agent, where it has told one. */
  readonly data?: string
}

/** Milliseconds for `ps`, which takes some ten. */
const PS_TIMEOUT_MS = 5_000

/** For when a process started that has ended, and whose parent has not asked how. */
const DEAD = 'dead'

/** This host, or the container: two that share a name still count their processes apart. */
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

/** The 22nd field of /proc/PID/stat; empty where there is no such process. */
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
 * The same for systems without /proc, to the second: `Mon Nov 29 09:36:11 2026`. Empty where
 * there is no such process or no `ps`.
 */
export const startByPs = (pid: number): string => {
  // Loaded where it is needed: few commands and few systems do.
  const { execFileSync } = process.getBuiltinModule('node:child_process')
  try {
    const line = execFileSync('ps', ['-o', 'stat=', '-o', 'lstart=', '-p', `${pid}`], {
      encoding: 'utf8',
      // The time must be the same in whatever language and zone it is asked for.
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PS_TIMEOUT_MS,
    })
    const [state = '', ...start] = line.trim().split(/\s+/)
    return state.startsWith('Z') ? DEAD : start.join(' ')
  } catch {
    return '' // the caller asks by signal too
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

/** Does that very process live, and not another that was given its id since? */
export const isAlive = ({ pid, start, host, boot }: Owner): boolean => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, as another user's.
    if (systemCodeOf(error) === 'ESRCH') return false
  }
  const self = ownProcess()
  if (boot !== undefined && self.boot !== undefined && host === self.host && boot !== self.boot)
    return false
  // Asked in the words in which the owner was noted.
  const now = start === '' || TICKS.test(start) ? startOf(pid) : startByPs(pid)
  return now !== DEAD && (start === '' || now === '' || now === start)
}

/** `process 123 has it`, and whether that is this process, or one of another host. */
export const describeOwner = ({ pid, host }: Owner): string => {
  if (pid === process.pid && (host === undefined || host === hostOf()))
    return `process ${pid} has it (this process)`
  const isElsewhere = host !== undefined && host !== hostOf()
  return `process ${pid} has it${isElsewhere ? ` (of host "${host.split(' ')[0]}")` : ''}`
}

/** Undefined for what no lock says: such a file belongs to no process. */
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
