/**
 * The kinds of transport that `run` and `doctor` know. A new one is one line here.
 *
 * ```ts
 * kindOf({ mailbox: '/tmp/kv' }).name       // 'mailbox'
 * kindNamed(plan.transport.kind).describe(plan.transport)
 * ```
 */
import type { Given } from '../control/command.ts'
import { Failure } from '../errors.ts'
import { unusable } from './parse.ts'
import type { AnyTransportKind } from './transport-kind.ts'
import { mailbox } from './transport-mailbox.ts'
import { pilot } from './transport-pilot.ts'

/** The first is the default. */
const KINDS = [pilot, mailbox] as const

type Kind = (typeof KINDS)[number]
type Each<T> = T extends unknown ? (part: T) => void : never
type All<T> = Each<T> extends (part: infer Whole) => void ? Whole : never

/** The options of all kinds. */
type Of<Key extends 'options' | 'checkOptions'> = All<Kind[Key]>

export type TransportOptions = Given<Of<'options'>>
export type CheckOptions = Given<Of<'checkOptions'>>
export type TransportPlan = ReturnType<Kind['plan']>

/** Each kind is handed only plans and options of its own. */
export const TRANSPORTS = KINDS as unknown as readonly AnyTransportKind[]

export const [DEFAULT_TRANSPORT] = TRANSPORTS as readonly [AnyTransportKind, ...AnyTransportKind[]]

const join = (key: 'options' | 'checkOptions') =>
  Object.assign({}, ...TRANSPORTS.map((kind) => kind[key]))

export const TRANSPORT_OPTIONS = join('options') as Of<'options'>
export const CHECK_OPTIONS = join('checkOptions') as Of<'checkOptions'>

const NAMES = TRANSPORTS.map(({ name }) => name)

const implying = TRANSPORTS.flatMap(({ name, impliedBy }) =>
  impliedBy === undefined ? [] : [`${name} with --${impliedBy}`],
)

/** The option of `run` that chooses one. */
export const KIND_OPTION = {
  value: 'KIND',
  about: `default: ${[DEFAULT_TRANSPORT.name, ...implying].join(', or ')}`,
  choices: NAMES,
} as const

/** Throws a Failure (invalid_argument) for a name that no transport has. */
export const kindNamed = (name: string): AnyTransportKind => {
  const kind = TRANSPORTS.find((one) => one.name === name)
  if (kind) return kind
  throw unusable('--transport', name, `give ${NAMES.join(' or ')}`)
}

type Line = Readonly<Record<string, unknown>>

/** The kind that these options choose. Throws a Failure (invalid_argument). */
export const kindOf = (options: Line): AnyTransportKind => {
  const { transport } = options
  if (transport !== undefined) return kindNamed(String(transport))
  return (
    TRANSPORTS.find(({ impliedBy = '' }) => options[impliedBy] !== undefined) ?? DEFAULT_TRANSPORT
  )
}

/** What to do with these options of `run`. Throws a Failure (invalid_argument), also for those of another kind. */
export const planTransport = (
  options: TransportOptions & { readonly transport?: string },
  dir: string,
): TransportPlan => {
  const given = options as Line
  const kind = kindOf(given)
  for (const name of Object.keys(TRANSPORT_OPTIONS)) {
    if (given[name] === undefined || Object.hasOwn(kind.options, name)) continue
    throw new Failure('invalid_argument', `the ${kind.name} transport does not take --${name}`, {
      hint: `leave --${name} out`,
    })
  }
  return kind.plan(options, dir) as TransportPlan
}
