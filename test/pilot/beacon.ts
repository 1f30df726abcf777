/**
 * A stand-in for the beacon: relays packets between daemons that have given up talking
 * directly. A real swarm always has one. Without it, a pair of which one daemon was called
 * while it was down cannot talk again for minutes (seen with every version).
 *
 * Seen on the wire: a daemon that wants a packet relayed sends the byte 5, its own node id, the
 * receiver's (both 32 bits, big-endian) and the packet. The receiver takes it as the byte 6, the
 * sender's node id and the packet. Everything else a daemon asks of a beacon may go unanswered.
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
  /** Where that node listens, `ip:port`; undefined when nobody knows. */
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
