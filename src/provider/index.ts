/** The Y.Doc provider. */
export type { ConnectionStatus, ProviderEvents, ProviderOptions } from './options.ts'
export { PilotGossipProvider } from './provider.ts'
export type { SyncStatus } from './sync-status.ts'
