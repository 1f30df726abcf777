/**
 * The bridge: a y-websocket server over an agent's rooms.
 *
 * ```ts
 * import { Bridge } from 'pilot-gossip/bridge'
 * const bridge = new Bridge({ rooms: { open: (name) => agent.openRoom(name) }, port: 1234 })
 * const { url } = await bridge.listen()
 * ```
 *
 * @module pilot-gossip/bridge
 */
export { Bridge, type BridgeOptions, type BridgeStats } from './bridge.ts'
export type { ServedRoom, ServedRooms } from './hub.ts'
export { BRIDGE_LIMITS, type BridgeLimits } from './limits.ts'
