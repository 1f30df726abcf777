/**
 * A bridge that listens, with rooms of its own. Call `closeAll` after each test.
 *
 * ```ts
 * const { url, rooms } = await openBridge({ readOnly: true })
 * ```
 */
import { Bridge, type BridgeOptions } from '../../../src/bridge/index.ts'
import type { Failure } from '../../../src/errors.ts'
import { TestRooms } from './rooms.ts'

const open: { close(): unknown }[] = []

export const keep = <T extends { close(): unknown }>(thing: T): T => {
  open.push(thing)
  return thing
}

export const openBridge = async (
  options: Partial<Omit<BridgeOptions, 'rooms'>> & { readonly rooms?: TestRooms } = {},
) => {
  const rooms = options.rooms ?? new TestRooms()
  const problems: Failure[] = []
  const bridge = keep(
    new Bridge({ port: 0, onProblem: (problem) => problems.push(problem), ...options, rooms }),
  )
  if (!options.rooms) keep({ close: () => rooms.destroy() })
  const { port, url } = await bridge.listen()
  return { bridge, rooms, problems, port, url }
}

export const closeAll = async (): Promise<void> => {
  for (const thing of open.splice(0).reverse()) await thing.close()
}
