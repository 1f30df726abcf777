/**
 * The provider goes wherever one of these editors' providers goes: if it does not, this file does
 * not compile. It is never run; `test/package/types.test.ts` compiles it, and shows that it can fail.
 */
import type { Provider as LexicalProvider } from '@lexical/yjs'
import type { IYjsProvider } from '@liveblocks/core'
import type { UnifiedProvider } from '@platejs/yjs'
import type { PilotGossipProvider } from '../../../src/provider/index.ts'

declare const provider: PilotGossipProvider

export const lexical: LexicalProvider = provider
export const liveblocks: IYjsProvider = provider
export const plate: UnifiedProvider = provider

/** TypeScript does not compare events where `on` is generic: the listeners they add, one by one. */
export const listen = (): void => {
  const onStatus = (event: { status: string }): unknown => event
  const onSync = (isSynced: boolean): unknown => isSynced
  const onUpdate = (update: unknown): unknown => update
  provider.on('status', onStatus)
  provider.on('sync', onSync)
  provider.on('update', onUpdate)
  provider.off('status', onStatus)
  provider.off('sync', onSync)
  provider.off('update', onUpdate)
}
