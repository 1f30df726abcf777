/**
 * For those who write a transport or a store: the contract suites that the ones of this package
 * run, as cases for any test runner, and a network that loses, delays and doubles messages.
 *
 * ```ts
 * import { test } from 'node:test'
 * import { MailboxTransport } from 'pilot-gossip'
 * import { transportContract } from 'pilot-gossip/testing'
 *
 * const cases = transportContract(async () => {
 *   const dir = mkdtempSync('mail-')
 *   return {
 *     transport: async (name) => new MailboxTransport({ dir, address: name }),
 *     dead: async () => 'nobody',
 *     close: async () => rmSync(dir, { recursive: true }),
 *   }
 * }, { persistent: true })
 * for (const { name, run, timeoutMs } of cases) test(name, { timeout: timeoutMs }, run)
 * ```
 *
 * @module pilot-gossip/testing
 */
export { Network, type NetworkOptions, seeded } from '../transports/memory/network.ts'
export type { ContractCase } from './contract.ts'
export { Recorder } from './recorder.ts'
export {
  type FaultyStoreWorld,
  faultyStoreContract,
  type StoreWorld,
  storeContract,
} from './store-contract.ts'
export { transportContract } from './transport-contract.ts'
export type { TransportContractOptions, TransportWorld } from './transport-kit.ts'
