/**
 * The contract of a transport, as cases for any test runner. `transports/transport.ts` states the
 * contract. It allows a message to arrive twice, so no case counts copies.
 *
 * ```ts
 * const cases = transportContract(async () => {
 *   const hub = new MemoryHub()
 *   return {
 *     transport: async (name) => new MemoryTransport(hub, name),
 *     dead: async () => 'nobody',
 *     close: async () => undefined,
 *   }
 * })
 * for (const { name, run } of cases) test(name, run)
 * ```
 */
import type { ContractCase } from './contract.ts'
import { deliveryCases } from './transport-delivery.ts'
import { failureCases } from './transport-failures.ts'
import {
  type TransportContractOptions,
  TransportKit,
  type TransportWorld,
} from './transport-kit.ts'
import { lifecycleCases } from './transport-lifecycle.ts'

/** `createWorld` is called once for each case. */
export const transportContract = (
  createWorld: () => Promise<TransportWorld>,
  options: TransportContractOptions = {},
): readonly ContractCase[] => {
  const kit = new TransportKit(createWorld, options)
  return [...deliveryCases(kit), ...lifecycleCases(kit), ...failureCases(kit)]
}
