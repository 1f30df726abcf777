/**
 * Listeners of the program: what one throws must keep nothing of ours from being done, and must not
 * come out of a timer, a socket or a child's event, where it would end the process.
 *
 * ```ts
 * const tell = safeListener(options.onProblem)   // never throws
 * attempt(() => listener(event), (error) => tell({ type: 'observer_failed', error }))
 * ```
 */

const textOf = (error: unknown): string => {
  try {
    return String(error instanceof Error ? (error.stack ?? error.message) : error)
  } catch {
    return 'an error that cannot be shown'
  }
}

/**
 * The last resort for what the program should know and does not listen to: a warning of the
 * process, which Node prints and programs get by `process.on('warning')`.
 */
export const warn = (code: string, text: string): void =>
  process.emitWarning(text, { type: 'PilotGossipWarning', code })

/** The same for what a listener has thrown. */
export const warnOfThrown = (error: unknown): void =>
  warn('observer_failed', `a listener of the program failed: ${textOf(error)}`)

/** Runs it; what it throws goes to `onThrown`, which must not throw. */
export const attempt = (run: () => void, onThrown: (error: unknown) => void): void => {
  try {
    run()
  } catch (error) {
    onThrown(error)
  }
}

/** The listener as one that never throws: what it throws is a warning of the process. */
export const safeListener =
  <Args extends readonly unknown[]>(listener: (...args: Args) => void): ((...args: Args) => void) =>
  (...args) =>
    attempt(() => listener(...args), warnOfThrown)
