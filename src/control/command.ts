/**
 * The form in which a command is described: its fields and their kinds, and its help text.
 * Types only. The table of all commands is `commands.ts`.
 *
 * ```ts
 * const ttl: Field = { kind: 'number', option: { value: 'SECONDS', about: 'delete it after that' } }
 * type Request = RequestFrom<'set', { fields: { ttl: typeof ttl } }> // { command: 'set', ttl?: number }
 * ```
 */
import type { Entry } from './entry.ts'

export type Group = 'Run an agent' | 'Entries' | 'Watch and wait' | 'Swarm' | 'Tools'

/** An argument of the command line. */
export interface Argument {
  /** In capitals, as help shows it. `KEY`, `FILE` and `COMMAND` tell shells what to complete. */
  readonly name: string
  readonly about: string
  readonly isOptional?: true
  /** All values that it may have. */
  readonly choices?: readonly string[]
}

/** An option without a value. */
export interface Flag {
  readonly about: string
}

/** An option with a value. */
export interface Valued {
  readonly about: string
  /** The kind of its value, in capitals. Shells complete a `DIR` to folders and a `PATH` to files. */
  readonly value: string
  /** All values that it may have. */
  readonly choices?: readonly string[]
  /** May it be given several times? */
  readonly isList?: true
}

export type Option = Flag | Valued
export type Options = Readonly<Record<string, Option>>

/** What a field of each kind holds. */
export interface KindValues {
  readonly text: string
  readonly flag: boolean
  readonly number: number
  readonly json: unknown
  readonly texts: readonly string[]
  readonly entries: readonly Entry[]
}

export type FieldKind = keyof KindValues

/** A field of a request. It is on the command line if it has an `argument` or an `option`. */
export interface Field {
  readonly kind: FieldKind
  readonly isNeeded?: true
  /** A number of milliseconds, which the command line takes as a time with its unit. */
  readonly isTime?: true
  readonly argument?: Argument
  readonly option?: Option
}

export type FieldTable = Readonly<Record<string, Field>>

/** The help text of a command. */
export interface Help {
  readonly group: Group
  /** One line of less than 50 characters. */
  readonly about: string
  /** The options that it needs, as its usage shows them. */
  readonly needs?: string
  readonly paragraphs?: readonly string[]
  /** Whole lines to try. */
  readonly examples?: readonly string[]
  /** Words that people try instead. They are refused, with this command as the hint. */
  readonly synonyms?: readonly string[]
}

export interface CommandSpec {
  readonly fields: FieldTable
  /** Arguments and options that only the command line uses. */
  readonly local?: { readonly args?: readonly Argument[]; readonly options?: Options }
  /** A command without help is not on the command line. */
  readonly help?: Help
}

type Needed<Fields extends FieldTable> = {
  readonly [Name in keyof Fields as Fields[Name] extends { readonly isNeeded: true }
    ? Name
    : never]: KindValues[Fields[Name]['kind']]
}

type Optional<Fields extends FieldTable> = {
  readonly [Name in keyof Fields as Fields[Name] extends { readonly isNeeded: true }
    ? never
    : Name]?: KindValues[Fields[Name]['kind']]
}

/** The request of a command with this description. */
export type RequestFrom<Name extends string, Spec extends CommandSpec> = {
  readonly command: Name
} & Needed<Spec['fields']> &
  Optional<Spec['fields']>

/** The values of a command's options. */
export type Given<O extends Options> = {
  readonly [Name in keyof O]?: O[Name] extends { readonly isList: true }
    ? readonly string[]
    : O[Name] extends { readonly value: string }
      ? string
      : boolean
}

/** The options that the fields of a command make. */
export type OptionsOf<Fields extends FieldTable> = {
  readonly [Name in keyof Fields as Fields[Name] extends { readonly option: Option }
    ? Name
    : never]: Fields[Name] extends { readonly option: infer O extends Option } ? O : never
}
