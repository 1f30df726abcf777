/**
 * Runs one program to its end. This is the only module that starts `pilotctl`. Each run is bounded
 * in time and output and always settles, even if the program hangs, prints nonsense, ignores its
 * input, or leaves a child that holds its streams open. The outcome is plain data, so that one
 * process can send it to another (see `launcher.ts`).
 *
 * ```ts
 * const { ended, stop } = runProcess({ program: 'pilotctl', args: ['--json', 'info'], env: {}, timeoutMs: 3_000 })
 * const { kind } = await ended // 'done', 'late', 'stopped', 'too long', 'not run'
 * ```
 */
import { execa } from 'execa'

/**
 * Characters of one answer; the process is killed beyond it. `trust` prints 150 for each node, and
 * more than 50,000 nodes are not expected.
 */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024

/**
 * Milliseconds for a killed process to exit and to close its streams. After that the call settles
 * without it: killing a wrapper script leaves its child running.
 */
export const KILL_GRACE_MS = 1000

export interface Job {
  /** Path or name of the program. */
  readonly program: string
  readonly args: readonly string[]
  /** Added to the environment. */
  readonly env: NodeJS.ProcessEnv
  /** Milliseconds; after this the process is killed. */
  readonly timeoutMs: number
  /** What the program reads from its standard input; by default nothing. */
  readonly input?: string | undefined
}

export type Ended =
  | { readonly kind: 'done'; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'late' | 'stopped' | 'too long' }
  /** The program could not be started, or a signal ended it. */
  | {
      readonly kind: 'not run'
      readonly code?: string | undefined
      readonly signal?: string | undefined
      readonly message?: string | undefined
    }

export interface Running {
  readonly ended: Promise<Ended>
  /** Kills it; `ended` resolves soon after, with `stopped`. */
  stop(): void
}

const start = ({ program, args, env, input }: Job) =>
  execa(program, args, {
    env,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    reject: false,
    maxBuffer: MAX_ANSWER_BYTES,
    killSignal: 'SIGKILL',
    windowsHide: true,
    // Ctrl-C in a terminal signals the whole process group, but the last pushes must still leave.
    detached: true,
  })

/** Never throws, and `ended` never rejects: a message from another process may trigger this call. */
export const runProcess = (job: Job): Running => {
  try {
    return watch(start(job), job.timeoutMs)
  } catch (error) {
    // An argument that no process can receive.
    const message = error instanceof Error ? error.message : String(error)
    return { ended: Promise.resolve({ kind: 'not run', message }), stop: () => undefined }
  }
}

const watch = (child: ReturnType<typeof start>, timeoutMs: number): Running => {
  let reason: 'late' | 'stopped' | undefined
  let giveUp: () => void = () => undefined
  const abandoned = new Promise<undefined>((resolve) => {
    giveUp = () => resolve(undefined)
  })
  let grace: NodeJS.Timeout | undefined
  const stop = (why: 'late' | 'stopped'): void => {
    if (reason !== undefined) return
    reason = why
    child.kill()
    grace = setTimeout(() => {
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
      giveUp()
    }, KILL_GRACE_MS)
  }
  const timer = setTimeout(() => stop('late'), timeoutMs)
  const wait = async (): Promise<Ended> => {
    try {
      const result = await Promise.race([child, abandoned])
      if (reason !== undefined) return { kind: reason }
      if (result === undefined) return { kind: 'late' }
      if (result.isMaxBuffer) return { kind: 'too long' }
      if (result.exitCode !== undefined) {
        return { kind: 'done', stdout: result.stdout, stderr: result.stderr }
      }
      // The message and cause of execa contain every argument, the payload included: neither is passed on.
      const { code, signal, originalMessage: message } = result
      return { kind: 'not run', code, signal, message }
    } finally {
      clearTimeout(timer)
      clearTimeout(grace)
    }
  }
  return { ended: wait(), stop: () => stop('stopped') }
}
