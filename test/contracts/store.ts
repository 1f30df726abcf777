/**
 * The store contract of `src/testing`, as suites of this project's runner.
 *
 * ```ts
 * runStoreContract('log', () => ({ store: () => new LogStore({ dir, disk }), refuse, close }))
 * ```
 */
import {
  type FaultyStoreWorld,
  faultyStoreContract,
  storeContract,
} from '../../src/testing/index.ts'
import { suite } from '../helpers/suite.ts'

export const runStoreContract = (name: string, createWorld: () => FaultyStoreWorld): void => {
  const test = suite(`store contract: ${name}`)
  for (const { name, run, timeoutMs } of [
    ...storeContract(createWorld),
    ...faultyStoreContract(createWorld),
  ])
    test(name, run, { timeout: timeoutMs })
  test.run()
}
