/**
 * A test with a bridge. Everything that it opened is closed at its end, also if it fails.
 *
 * ```ts
 * test('says hello', withBridge(async () => { const { url } = await openBridge() }))
 * ```
 */
import { closeAll } from './setup.ts'

/** Makes a test handler of the body. */
export const withBridge = (body: () => Promise<void>) => async (): Promise<void> => {
  try {
    await body()
  } finally {
    await closeAll()
  }
}
