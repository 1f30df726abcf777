/** The Y.Doc provider. */
export type {
  ConnectionStatus,
  ProviderEvents,
  ProviderOptions,
  StateAwareness,
} from './options.ts'
export { PilotGossipProvider } from './provider.ts'
export type { SyncStatus } from './sync-status.ts'
