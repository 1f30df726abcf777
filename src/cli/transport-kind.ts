/**
 * A kind of transport as the command line knows it: its options, and all that `run` and `doctor`
 * do differently with it. To add one, write a file with a kind and list it in `transports.ts`.
 *
 * ```ts
 * const plan = mailbox.plan({ mailbox: '/tmp/kv' }, '/var/lib/a') // { kind: 'mailbox', dir: '/tmp/kv', … }
 * const transport = await mailbox.create(plan, { swarm: 'kv', data: '/var/lib/a', env: process.env })
 * ```
 */
import type { Given, Options } from '../control/command.ts'
import type { Transport } from '../transports/transport.ts'
import type { RunningAgent } from './agent-checks.ts'
import type { Check } from './check.ts'

/** What `run` is to do with the transport. It is JSON: `--detach` sends it to another process. */
export interface AnyTransportPlan {
  readonly kind: string
}

/** The agent that the transport belongs to. */
export interface Owner {
  readonly swarm: string
  /** The data folder. */
  readonly data: string
  readonly env: NodeJS.ProcessEnv
}

/** What the report of a start says about the transport. */
export interface Description {
  /** Further fields of the report in JSON. */
  readonly fields: Readonly<Record<string, string>>
  /** For people: ` in /tmp/kv`, or empty. */
  readonly place: string
  /** For people: which peers it has if none is named. */
  readonly peers: string
}

/** What `doctor` knows before it checks a transport. */
export interface Situation {
  readonly swarm: string | undefined
  readonly env: NodeJS.ProcessEnv
  /** The agents that run over this transport. */
  readonly agents: readonly RunningAgent[]
}

export interface TransportKind<
  O extends Options = Options,
  Plan extends AnyTransportPlan = AnyTransportPlan,
  C extends Options = Options,
> {
  readonly name: Plan['kind']
  /** Of `run`. With another transport they are refused. */
  readonly options: O
  /** The option that chooses this transport even without `--transport`. */
  readonly impliedBy?: string & keyof O
  /** `dir` is the data folder. Throws a Failure (invalid_argument) for an option that is not usable. */
  readonly plan: (options: Given<O>, dir: string) => Plan
  /** Loads the transport. Nothing is opened yet. */
  readonly create: (plan: Plan, owner: Owner) => Promise<Transport>
  /** Called when the data folder is taken, before the transport is opened. Rejects with a Failure. */
  readonly prepare?: (plan: Plan) => Promise<void>
  readonly describe: (plan: Plan) => Description
  /** Of `doctor`. Any of them makes it check this transport. */
  readonly checkOptions: C
  /** Never rejects. What cannot be checked because an earlier check failed is left out. */
  readonly check: (options: Given<C>, situation: Situation) => Promise<readonly Check[]>
}

/** The compiler checks a kind against its own options and its own plan. */
export const transportKind = <
  const O extends Options,
  Plan extends AnyTransportPlan,
  const C extends Options,
>(
  kind: TransportKind<O, Plan, C>,
): TransportKind<O, Plan, C> => kind

/** Any kind, for a caller that hands it only options and plans of its own. */
export interface AnyTransportKind extends Omit<TransportKind, 'plan' | 'check'> {
  readonly plan: (options: object, dir: string) => AnyTransportPlan
  readonly check: (options: object, situation: Situation) => Promise<readonly Check[]>
}
