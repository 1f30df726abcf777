/** The Pilot Protocol by way of `pilotctl`, for `run` and `doctor`. */
import { resolve } from 'node:path'
import { Failure } from '../errors.ts'
import { parseNetwork } from './parse.ts'
import { transportKind } from './transport-kind.ts'

export interface PilotPlan {
  readonly kind: 'pilot'
  readonly pilotctl?: string
  readonly network?: number
}

const pilotctl = { value: 'PATH', about: 'the pilotctl program (default: pilotctl)' } as const

/** A name without a slash is looked up in PATH; a path must not depend on the working folder. */
const programPath = (program: string): string => {
  if (program !== '') return program.includes('/') ? resolve(program) : program
  throw new Failure('invalid_argument', '--pilotctl is empty', { hint: 'give its path' })
}

export const pilot = transportKind({
  name: 'pilot',
  options: {
    pilotctl,
    network: { value: 'ID', about: 'a Pilot network whose members are all in the swarm' },
  },
  plan: ({ pilotctl: program, network }): PilotPlan => ({
    kind: 'pilot',
    ...(program !== undefined && { pilotctl: programPath(program) }),
    ...(network !== undefined && { network: parseNetwork('--network', network) }),
  }),
  create: async ({ pilotctl: program, network }, { swarm, data, env }) => {
    const { PilotTransport } = await import('../transports/pilot/transport.ts')
    return new PilotTransport({ swarm, pilotctl: program, network, env, data })
  },
  describe: () => ({ fields: {}, place: '', peers: 'those it finds' }),
  checkOptions: { pilotctl },
  check: async (options, situation) => {
    const { checkPilot } = await import('./pilot-checks.ts')
    return checkPilot({ pilotctl: options.pilotctl, ...situation })
  },
})
