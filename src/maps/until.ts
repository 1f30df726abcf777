/**
 * Waits for a condition on a document, which is checked now and after each transaction that changed
 * something, also when the time of a value has come or is over. However the wait ends, its listeners
 * and its timer are removed.
 *
 * ```ts
 * const { over, close } = waitUntil(doc, () => hasEntry(doc, 'state', 'k'), { timeout: 5_000 })
 * await over
 * ```
 */
import type * as Y from 'yjs'
import { Failure } from '../errors.ts'
import { TIME_PASSED } from './time-passed.ts'

/** Milliseconds. Node's timers fire at once for longer times. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** The used part of an `AbortSignal`, whose own type is the DOM's or Node's: a program may have neither. */
export interface Signal {
  readonly aborted: boolean
  readonly reason: unknown
  /** Calls the listener when it is aborted. */
  addEventListener(type: 'abort', listener: () => void): void
  /** Removes that listener. */
  removeEventListener(type: 'abort', listener: () => void): void
}

export interface UntilOptions {
  /** Milliseconds, 0 to 2^31 - 1; default: no limit. */
  readonly timeout?: number | undefined
  /** Aborting it ends the wait. */
  readonly signal?: Signal | undefined
}

export interface Wait {
  /**
   * Resolves when the condition is true. Rejects with a Failure (`timeout`; `closed` after
   * `close`), with the reason of the signal, and with what `isSo` throws.
   */
  readonly over: Promise<void>
  readonly close: () => void
}

const closed = (): Failure =>
  new Failure('closed', 'the map was closed while somebody waited for a change of it', {
    hint: 'close the map after the wait',
  })

/** The Failure of a wait that timed out. */
export const late = (timeout: number): Failure =>
  new Failure('timeout', `what was waited for did not come within ${Math.ceil(timeout)} ms`, {
    hint: 'wait longer, or check which peers the agent knows and when they last sent something',
  })

/** Throws a TypeError for an invalid timeout. */
export const waitUntil = (
  doc: Y.Doc,
  isSo: () => boolean,
  { timeout, signal }: UntilOptions = {},
): Wait => {
  if (timeout !== undefined && !(timeout >= 0 && timeout <= MAX_TIMEOUT_MS)) {
    throw new TypeError(`timeout must be 0 to ${MAX_TIMEOUT_MS} milliseconds, not ${timeout}`)
  }
  let close = (): void => undefined
  const over = new Promise<void>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      doc.off('afterTransaction', checkIfChanged)
    }
    const fail = (reason: unknown): void => {
      end()
      reject(reason)
    }
    const check = (): void => {
      try {
        if (!isSo()) return
        end()
        resolve()
      } catch (error) {
        fail(error)
      }
    }
    const checkIfChanged = ({ changed, origin }: Y.Transaction): void => {
      if (changed.size > 0 || origin === TIME_PASSED) check()
    }
    const abort = (): void => fail(signal?.reason)
    close = () => fail(closed())
    if (timeout !== undefined) timer = setTimeout(() => fail(late(timeout)), timeout)
    signal?.addEventListener('abort', abort)
    doc.on('afterTransaction', checkIfChanged)
    if (signal?.aborted) abort()
    else check()
  })
  return { over, close }
}
