/**
 * What a command line is made of: commands, their arguments and their options, as data. The
 * parser, the help and the completion of shells all read the same. Types alone: a module more
 * costs each command a millisecond.
 *
 * ```ts
 * const KEY: Argument = { name: 'KEY', about: 'the key of an entry' }
 * const map: Option = { value: 'NAME', about: 'a map of its own' }
 * ```
 */
import type { Context } from './report.ts'

export type Group = 'Run an agent' | 'Entries' | 'Watch and wait' | 'Swarm' | 'Tools'

export interface Argument {
  /** In capitals, as help shows it. */
  readonly name: string
  readonly about: string
  readonly isOptional?: true
  /** All that it may be. */
  readonly choices?: readonly string[]
}

/** An option that is there or not. */
export interface Flag {
  readonly about: string
}

/** An option with a value. */
export interface Valued {
  readonly about: string
  /** The kind of its value, in capitals: `DIR` is a folder and `PATH` a file, which shells complete. */
  readonly value: string
  /** All that it may be. */
  readonly choices?: readonly string[]
  /** May it be given several times? */
  readonly isList?: true
}

export type Option = Flag | Valued
export type Options = Readonly<Record<string, Option>>

/** What an option is read as: there, its value, or all its values. */
export type Value = boolean | string | readonly string[]

/** What a command is given for its options. */
export type Given<O extends Options> = {
  readonly [Name in keyof O]?: O[Name] extends { readonly isList: true }
    ? readonly string[]
    : O[Name] extends { readonly value: string }
      ? string
      : boolean
}

/** Resolves with the exit code, where it is not 0; rejects with a Failure. */
export type Run<O> = (
  context: Context,
  args: readonly string[],
  options: O,
) => Promise<number> | Promise<void>

export interface Shape<O extends Options> {
  readonly name: string
  readonly group: Group
  /** One line, below 50 characters. */
  readonly about: string
  readonly args: readonly Argument[]
  /** By name, without dashes; `json` and `help` are everywhere. */
  readonly options: O
  /** Options without which it fails, as its usage shows them. */
  readonly needs?: string
  /** Paragraphs for its help. */
  readonly more?: readonly string[]
  /** Whole lines to try. */
  readonly examples?: readonly string[]
  /** Other words for it, which are not understood but lead to it. */
  readonly alike?: readonly string[]
  /** Does it go on when nobody reads what it prints? */
  readonly isService?: true
}

export interface Command extends Shape<Options> {
  readonly load: () => Promise<Run<Readonly<Record<string, Value>>>>
}
