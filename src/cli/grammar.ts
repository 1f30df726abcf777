/**
 * A command as the command line knows it: name, help, arguments, options and what it does. The
 * parser, help and completion all read this. Types only, since each module costs every command
 * some time at its start.
 *
 * ```ts
 * const version: Command = { name: 'version', group: 'Tools', about: 'print the version', args: [], options: {}, load }
 * ```
 */
import type { Argument, Help, Options } from '../control/command.ts'
import type { RequestOf } from '../control/commands.ts'
import type { OneAnswer } from '../control/connection.ts'
import type { Fields } from '../control/protocol.ts'
import type { Context } from './report.ts'

/** What an option is read as: a flag, its value, or all its values. */
export type Value = boolean | string | readonly string[]

/** Resolves with the exit code unless that is 0; rejects with a Failure. */
export type Run<O> = (
  context: Context,
  args: readonly string[],
  options: O,
) => Promise<number> | Promise<void>

export interface Shape<O extends Options> extends Help {
  readonly name: string
  readonly args: readonly Argument[]
  /** By name, without dashes; every command also has `json` and `help`. */
  readonly options: O
  /** Does it continue after the reader of its output is gone? */
  readonly isService?: true
}

export interface Command extends Shape<Options> {
  /** Loads what the command does when it is called, so that others start without it. */
  readonly load: () => Promise<Run<Readonly<Record<string, Value>>>>
}

/** A request, and the answer of the agent. */
export interface Answered<Name extends OneAnswer['command'] = OneAnswer['command']> {
  readonly context: Context
  /** The data folder of the agent. */
  readonly dir: string
  readonly request: RequestOf<Name>
  readonly data: Fields
}
