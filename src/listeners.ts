/**
 * Calls listeners of the program. What one throws must not stop our own work, and must not escape from
 * a timer, a socket or an event of a child process, where it would end the process.
 *
 * ```ts
 * const report = safeListener(options.onProblem)   // never throws
 * attempt(() => listener(event), (error) => report({ type: 'observer_failed', error }))
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
 * A warning of the process, for problems that the program has no listener for. Node prints it, and
 * programs get it by `process.on('warning')`.
 */
export const warn = (code: string, text: string): void =>
  process.emitWarning(text, { type: 'PilotGossipWarning', code })

/** A warning about what a listener has thrown. */
export const warnOfThrown = (error: unknown): void =>
  warn('observer_failed', `a listener of the program failed: ${textOf(error)}`)

/** Calls `run`. What it throws goes to `onThrown`, which must not throw. */
export const attempt = (run: () => void, onThrown: (error: unknown) => void): void => {
  try {
    run()
  } catch (error) {
    onThrown(error)
  }
}

/** The listener, as a function that never throws: what it throws becomes a warning of the process. */
export const safeListener =
  <Args extends readonly unknown[]>(listener: (...args: Args) => void): ((...args: Args) => void) =>
  (...args) =>
    attempt(() => listener(...args), warnOfThrown)
