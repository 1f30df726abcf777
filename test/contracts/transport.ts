/**
 * The transport contract of `src/testing`, as a suite of this project's runner. Transports of this
 * project also report what `onProblem` throws, as a warning of the process.
 *
 * ```ts
 * runTransportContract('mailbox', createWorld, { persistent: true })
 * ```
 */
import {
  type TransportContractOptions,
  type TransportWorld,
  transportContract,
} from '../../src/testing/index.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'
import { warnings } from '../helpers/warnings.ts'

/** The case whose `onProblem` throws. */
const isThrowing = (name: string): boolean => name.startsWith('hooks that all throw')

const withWarning = async (run: () => Promise<void>): Promise<void> => {
  const warned = warnings()
  try {
    await run()
    await until('a warning', () => warned.texts.some((text) => text.includes('of onProblem')))
  } finally {
    warned.end()
  }
}

export const runTransportContract = (
  name: string,
  createWorld: () => Promise<TransportWorld>,
  options: TransportContractOptions = {},
): void => {
  const test = suite(`transport contract: ${name}`)
  const cases = transportContract(createWorld, options)
  if (cases.filter(({ name }) => isThrowing(name)).length !== 1)
    throw new Error('the case whose onProblem throws has another name now')
  for (const { name, run, timeoutMs } of cases)
    test(name, isThrowing(name) ? () => withWarning(run) : run, { timeout: timeoutMs })
  test.run()
}
