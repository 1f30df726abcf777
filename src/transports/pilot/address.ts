/**
 * Pilot addresses: `NETWORK:NNNN.HHHH.LLLL`, with the network in decimal and again as four hex
 * digits, then the node id as eight. Node 10 of the backbone is `0:0000.0000.000A`.
 *
 * A node has one address in each of its networks, and peers may see any of them as the sender
 * (1.7.2 always reports that of the backbone). The node id is the same in all, and every node is in
 * the backbone, so the backbone address identifies the node here.
 *
 * ```ts
 * backboneAddress('1:0001.0000.000a') // '0:0000.0000.000A'
 * ```
 */

const ADDRESS = /^(\d{1,5}):([0-9a-f]{4})\.([0-9a-f]{4})\.([0-9a-f]{4})$/i

/** A node id has 32 bits. */
const MAX_NODE_ID = 0xffff_ffff

export const isNodeId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_NODE_ID

/** The backbone address of a node. Throws a TypeError for a number that is not a node id. */
export const formatAddress = (nodeId: number): string => {
  if (!isNodeId(nodeId)) throw new TypeError(`${nodeId} is not a node id`)
  const hex = nodeId.toString(16).toUpperCase().padStart(8, '0')
  return `0:0000.${hex.slice(0, 4)}.${hex.slice(4)}`
}

/** The node id in an address of any network; undefined if the text is not an address, or if its two networks differ. */
export const parseAddress = (text: string): number | undefined => {
  const match = ADDRESS.exec(text)
  if (!match) return undefined
  const [, network = '', again = '', high = '', low = ''] = match
  if (Number(network) !== Number.parseInt(again, 16)) return undefined
  return Number.parseInt(high + low, 16)
}

/** The address by which nodes are compared; undefined if the text is not an address. */
export const backboneAddress = (text: string): string | undefined => {
  const nodeId = parseAddress(text)
  return nodeId === undefined ? undefined : formatAddress(nodeId)
}
