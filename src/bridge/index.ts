/** The bridge: a y-websocket server over an agent's rooms. */
export { Bridge, type BridgeOptions, type BridgeStats } from './bridge.ts'
export type { ServedRoom, ServedRooms } from './hub.ts'
export { BRIDGE_LIMITS, type BridgeLimits } from './limits.ts'
