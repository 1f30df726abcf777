/**
 * What a command prints: its result on standard output, or its failure on standard error. Each is
 * for people, or JSON in the form of `pilotctl`.
 *
 * ```ts
 * report(context, { key: 'k', value: 1 }, () => '1\n')
 * ```
 */
import { encodeAnswer, encodeFailure } from '../control/protocol.ts'
import type { Failure } from '../errors.ts'
import type { Io } from './io.ts'
import { printable } from './text.ts'

export interface Context {
  readonly io: Io
  readonly isJson: boolean
}

/** Prints `data` as JSON, or the text that `show` returns. */
export const report = ({ io, isJson }: Context, data: unknown, show: () => string): void =>
  io.out(isJson ? encodeAnswer(data) : show())

/** `data`, only in JSON, is the part of the result that is known despite the failure. */
export const reportFailure = ({ io, isJson }: Context, failure: Failure, data?: unknown): void => {
  const hint = failure.hint === undefined ? '' : `hint: ${printable(failure.hint)}\n`
  io.err(
    isJson ? encodeFailure(failure, data) : `pilot-gossip: ${printable(failure.message)}\n${hint}`,
  )
}

/** 2: the caller must change the command line. 1: it failed for another reason. */
export const exitCodeOf = ({ code }: Failure): number => (code === 'invalid_argument' ? 2 : 1)
