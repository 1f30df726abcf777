/**
 * What a registry knows (nodes, networks, who trusts whom) and its answer to each request; without
 * sockets. It refuses what the public registry refuses, so that no test relies on something that
 * agents will not get: the members of the backbone are not listed, and a private node is found only
 * by nodes that it trusts or shares a network with.
 *
 * ```ts
 * const directory = new Directory()
 * directory.answer({ type: 'register', public_key: key, listen_addr: '127.0.1.2:4000' })
 * // { type: 'register_ok', node_id: 1, address: '0:0000.0000.0001', … }
 * ```
 */

/** An open network that any node may join: `pilotctl network join 1`. */
export const SWARM_NETWORK = 1

const NETWORKS: ReadonlyMap<number, string> = new Map([
  [0, 'backbone'],
  [SWARM_NETWORK, 'swarm'],
])

/** Handshakes that wait for one node: a node that never polls must not fill the memory. */
const MAX_HANDSHAKES = 100

export type Message = Record<string, unknown>

export interface RegistryNode {
  readonly nodeId: number
  /** `0:0000.0000.000A` for node 10 */
  readonly address: string
  readonly publicKey: string
  /** where its daemon listens, `ip:port` */
  endpoint: string
  hostname: string
  tags: readonly string[]
  isPublic: boolean
  /** ids of its networks, the backbone (0) first */
  networks: readonly number[]
}

const hex = (value: number, digits: number): string =>
  value.toString(16).toUpperCase().padStart(digits, '0')

/** Node 10 of the backbone is `0:0000.0000.000A`, of network 1 `1:0001.0000.000A`. */
export const addressOf = (nodeId: number, network = 0): string => {
  const node = hex(nodeId, 8)
  return `${network}:${hex(network, 4)}.${node.slice(0, 4)}.${node.slice(4)}`
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0)
const now = (): number => Math.floor(Date.now() / 1000)
const pairOf = (a: number, b: number): string => `${Math.min(a, b)}-${Math.max(a, b)}`

export class Directory {
  readonly nodes = new Map<number, RegistryNode>()
  /** how often each message type without an answer here was requested */
  readonly unknown = new Map<string, number>()
  readonly #ids = new Map<string, number>()
  readonly #trusted = new Set<string>()
  /** by the node for which they wait */
  readonly #requests = new Map<number, Message[]>()
  readonly #responses = new Map<number, Message[]>()

  /** Throws an Error whose message is meant for the daemon. */
  answer(request: Message): Message {
    const type = text(request.type)
    switch (type) {
      case 'register':
        return this.#register(request)
      case 'deregister':
        this.nodes.delete(numberOf(request.node_id))
        return { type: 'deregister_ok' }
      case 'heartbeat':
        this.#node(request.node_id)
        return { type: 'heartbeat_ok', time: now() }
      case 'lookup':
        return this.#lookup(request)
      case 'resolve':
        return this.#resolve(request)
      case 'resolve_hostname':
        return this.#resolveHostname(request)
      case 'set_hostname':
        return this.#setHostname(request)
      case 'set_visibility': {
        const node = this.#node(request.node_id)
        node.isPublic = request.public === true
        const visibility = node.isPublic ? 'public' : 'private'
        return { type: 'set_visibility_ok', node_id: node.nodeId, visibility }
      }
      case 'set_tags': {
        const node = this.#node(request.node_id)
        node.tags = Array.isArray(request.tags) ? request.tags.map(String) : []
        return { type: 'set_tags_ok', node_id: node.nodeId, tags: node.tags }
      }
      case 'list_networks':
        return this.#listNetworks()
      case 'list_nodes':
        return this.#listNodes(request)
      case 'join_network':
        return this.#joinNetwork(request)
      case 'leave_network': {
        const node = this.#node(request.node_id)
        node.networks = node.networks.filter((id) => id === 0 || id !== request.network_id)
        return { type: 'leave_network_ok', network_id: numberOf(request.network_id) }
      }
      case 'beacon_list':
        return { type: 'beacon_list_ok', beacons: [] }
      case 'request_handshake':
        return this.#requestHandshake(request)
      case 'respond_handshake':
        return this.#respondHandshake(request)
      case 'poll_handshakes':
        return this.#pollHandshakes(request)
      case 'report_trust':
        this.#trusted.add(pairOf(numberOf(request.node_id), numberOf(request.peer_id)))
        return { type: 'report_trust_ok' }
      case 'revoke_trust':
        this.#trusted.delete(pairOf(numberOf(request.node_id), numberOf(request.peer_id)))
        return { type: 'revoke_trust_ok' }
      case 'check_trust': {
        const trusted = this.#isTrusted(numberOf(request.node_id), numberOf(request.peer_id))
        return { type: 'check_trust_ok', trusted }
      }
      default:
        this.unknown.set(type, (this.unknown.get(type) ?? 0) + 1)
        throw new Error('unknown message type')
    }
  }

  /** The same public key gets the same node id, however often its daemon starts. */
  #register(request: Message): Message {
    const publicKey = text(request.public_key)
    if (publicKey === '') throw new Error('registration requires public_key')
    const nodeId = this.#ids.get(publicKey) ?? this.#ids.size + 1
    this.#ids.set(publicKey, nodeId)
    const node = this.nodes.get(nodeId) ?? {
      nodeId,
      address: addressOf(nodeId),
      publicKey,
      endpoint: '',
      hostname: '',
      tags: [],
      isPublic: false,
      networks: [0],
    }
    node.endpoint = text(request.listen_addr)
    this.nodes.set(nodeId, node)
    const { address } = node
    return { type: 'register_ok', node_id: nodeId, address, network_id: 0, public_key: publicKey }
  }

  #lookup(request: Message): Message {
    const node = this.#node(request.node_id)
    return {
      type: 'lookup_ok',
      ...this.#described(node),
      networks: node.networks,
      public_key: node.publicKey,
    }
  }

  #resolve(request: Message): Message {
    const requester = this.#node(request.requester_id)
    const { nodeId, endpoint, isPublic } = this.#node(request.node_id)
    if (!isPublic && !this.#isTrusted(requester.nodeId, nodeId))
      throw new Error(`resolve denied: node ${nodeId} is private`)
    return { type: 'resolve_ok', node_id: nodeId, real_addr: endpoint }
  }

  #resolveHostname(request: Message): Message {
    const hostname = text(request.hostname)
    const node = this.#named(hostname)
    const requester = numberOf(request.requester_id)
    const isHidden = node && !node.isPublic && requester !== node.nodeId
    if (!node || (isHidden && !this.#isTrusted(requester, node.nodeId)))
      throw new Error(`hostname "${hostname}" not found`)
    const { nodeId, address, isPublic } = node
    return { type: 'resolve_hostname_ok', node_id: nodeId, address, hostname, public: isPublic }
  }

  #setHostname(request: Message): Message {
    const node = this.#node(request.node_id)
    const hostname = text(request.hostname)
    const owner = this.#named(hostname)
    if (owner && owner !== node)
      throw new Error(`hostname "${hostname}" already in use by node ${owner.nodeId}`)
    node.hostname = hostname
    return { type: 'set_hostname_ok', node_id: node.nodeId, hostname }
  }

  #listNetworks(): Message {
    const networks = [...NETWORKS].map(([id, name]) => {
      return { id, name, join_rule: 'open', members: this.#members(id).length }
    })
    return { type: 'list_networks_ok', networks }
  }

  #listNodes(request: Message): Message {
    const network = numberOf(request.network_id)
    if (network === 0)
      throw new Error('listing backbone nodes is not permitted (use lookup with a node_id)')
    this.#networkName(network)
    const nodes = this.#members(network).map((node) => this.#described(node, network))
    return { type: 'list_nodes_ok', nodes }
  }

  #joinNetwork(request: Message): Message {
    const network = numberOf(request.network_id)
    if (network === 0) throw new Error('cannot join the backbone network')
    this.#networkName(network)
    const node = this.#node(request.node_id)
    const { nodeId } = node
    if (node.networks.includes(network))
      throw new Error(`node ${nodeId} already in network ${network}`)
    node.networks = [...node.networks, network]
    const address = addressOf(nodeId, network)
    return { type: 'join_network_ok', network_id: network, address }
  }

  #requestHandshake(request: Message): Message {
    const from = this.#node(request.from_node_id)
    const to = this.#node(request.to_node_id)
    const justification = text(request.justification)
    this.#leave(this.#requests, to.nodeId, { from_node_id: from.nodeId, justification })
    return { type: 'request_handshake_ok', status: 'delivered' }
  }

  #respondHandshake(request: Message): Message {
    const { nodeId } = this.#node(request.node_id)
    const peer = this.#node(request.peer_id)
    const accept = request.accept === true
    if (accept) this.#trusted.add(pairOf(nodeId, peer.nodeId))
    this.#leave(this.#responses, peer.nodeId, { from_node_id: nodeId, accept })
    return { type: 'respond_handshake_ok', accept }
  }

  #pollHandshakes(request: Message): Message {
    const { nodeId } = this.#node(request.node_id)
    const requests = this.#requests.get(nodeId) ?? []
    const responses = this.#responses.get(nodeId) ?? []
    this.#requests.delete(nodeId)
    this.#responses.delete(nodeId)
    return { type: 'poll_handshakes_ok', requests, responses }
  }

  #leave(boxes: Map<number, Message[]>, nodeId: number, message: Message): void {
    const box = boxes.get(nodeId) ?? []
    if (box.length >= MAX_HANDSHAKES) throw new Error(`handshake inbox full for node ${nodeId}`)
    const others = box.filter((waiting) => waiting.from_node_id !== message.from_node_id)
    boxes.set(nodeId, [...others, { ...message, timestamp: now() }])
  }

  #isTrusted(a: number, b: number): boolean {
    if (this.#trusted.has(pairOf(a, b))) return true
    const shared = this.nodes.get(b)?.networks ?? []
    return this.nodes.get(a)?.networks.some((id) => id !== 0 && shared.includes(id)) ?? false
  }

  #node(nodeId: unknown): RegistryNode {
    const node = this.nodes.get(numberOf(nodeId))
    if (!node) throw new Error(`node ${numberOf(nodeId)}: node not found`)
    return node
  }

  #named(hostname: string): RegistryNode | undefined {
    if (hostname === '') return undefined
    return [...this.nodes.values()].find((node) => node.hostname === hostname)
  }

  #networkName(network: number): string {
    const name = NETWORKS.get(network)
    if (name === undefined) throw new Error(`network ${network}: network not found`)
    return name
  }

  #members(network: number): RegistryNode[] {
    return [...this.nodes.values()].filter((node) => node.networks.includes(network))
  }

  /** Omits empty fields, as the public registry does. */
  #described(node: RegistryNode, network = 0): Message {
    return {
      node_id: node.nodeId,
      address: addressOf(node.nodeId, network),
      public: node.isPublic,
      ...(node.hostname === '' ? {} : { hostname: node.hostname }),
      ...(node.tags.length === 0 ? {} : { tags: node.tags }),
      ...(node.isPublic ? { real_addr: node.endpoint } : {}),
    }
  }
}
