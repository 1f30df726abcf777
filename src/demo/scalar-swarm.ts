/**
 * The seed's loop over the same network: in each interval an agent pushes its whole state to three
 * random others, and takes entries with a larger number from theirs.
 */
import { type ScalarPush, ScalarReplica } from '../../crdt/index.ts'
import { TimeQueue } from '../simulation/queue.ts'
import type { Network } from '../transports/memory/network.ts'

/** The seed's fanout. */
const FANOUT = 3

export class ScalarSwarm {
  readonly replicas: readonly ScalarReplica[]
  bytes = 0
  readonly #network: Network
  readonly #random: () => number
  readonly #queue = new TimeQueue<() => void>()
  #now = 0

  /** Agents are named as in the partitions of `network`. */
  constructor(
    names: readonly string[],
    network: Network,
    random: () => number,
    intervalMs: number,
  ) {
    this.replicas = names.map(() => new ScalarReplica())
    this.#network = network
    this.#random = random
    names.forEach((_, agent) => {
      // Agents do not start at the same time.
      this.at(random() * intervalMs, () => this.#loop(agent, names, intervalMs))
    })
  }

  at(time: number, action: () => void): void {
    this.#queue.push(time, action)
  }

  runUntil(time: number): void {
    while (this.#queue.nextAt <= time) {
      this.#now = this.#queue.nextAt
      this.#queue.pop()!()
    }
    this.#now = time
  }

  #loop(agent: number, names: readonly string[], intervalMs: number): void {
    const others = names.map((_, other) => other).filter((other) => other !== agent)
    for (let i = 0; i < FANOUT && others.length > 0; i++) {
      const [target] = others.splice(Math.floor(this.#random() * others.length), 1)
      this.#push(agent, target!, names)
    }
    this.at(this.#now + intervalMs, () => this.#loop(agent, names, intervalMs))
  }

  #push(agent: number, target: number, names: readonly string[]): void {
    const text = JSON.stringify({
      type: 'gossip_push',
      ...this.replicas[agent]!.push(),
      sender: names[agent],
    })
    this.bytes += text.length
    for (const delay of this.#network.deliveries(names[agent]!, names[target]!, this.#now)) {
      this.at(this.#now + delay, () =>
        this.replicas[target]!.receive(JSON.parse(text) as ScalarPush),
      )
    }
  }
}
