/**
 * A stand-in for the beacon: relays packets between daemons that have given up on a direct
 * connection. A real swarm always has one. Without it, if one of two daemons was called while it
 * was down, the two cannot connect again for minutes (seen with every version).
 *
 * Seen on the wire: a daemon that wants a packet relayed sends the byte 5, its own node id, the
 * receiver's (both 32 bits, big-endian) and the packet. The receiver gets the byte 6, the sender's
 * node id and the packet. All other requests to a beacon may go unanswered.
 *
 * ```ts
 * const beacon = await startBeacon({ host, port, endpointOf: (id) => '127.1.2.3:29418' })
 * ```
 */
import { createSocket } from 'node:dgram'

const RELAY = 5
const RELAYED = 6
/** Bytes: the type and two node ids. */
const HEADER = 9

export interface Beacon {
  /** Packets relayed so far. */
  readonly relayed: number
  close(): Promise<void>
}

export interface BeaconOptions {
  readonly host: string
  readonly port: number
  /** Where that node listens, `ip:port`; undefined if it is unknown. */
  readonly endpointOf: (nodeId: number) => string | undefined
}

export const startBeacon = async ({ host, port, endpointOf }: BeaconOptions): Promise<Beacon> => {
  const socket = createSocket('udp4')
  let relayed = 0
  socket.on('message', (packet) => {
    if (packet[0] !== RELAY || packet.length <= HEADER) return
    const [ip, to] = endpointOf(packet.readUInt32BE(5))?.split(':') ?? []
    if (ip === undefined || to === undefined) return
    relayed++
    socket.send(
      [Buffer.of(RELAYED), packet.subarray(1, 5), packet.subarray(HEADER)],
      Number(to),
      ip,
    )
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address: host, port, exclusive: true }, resolve)
  })
  return {
    get relayed() {
      return relayed
    },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}
