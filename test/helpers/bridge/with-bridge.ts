/**
 * A test with a bridge: what it opened is closed at its end, however it ends.
 *
 * ```ts
 * test('says hello', withBridge(async () => { const { url } = await openBridge() }))
 * ```
 */
import { closeAll } from './setup.ts'

/** The body as a test's handler. */
export const withBridge = (body: () => Promise<void>) => async (): Promise<void> => {
  try {
    await body()
  } finally {
    await closeAll()
  }
}
