/**
 * What is sampled every second of a run: unread messages and the memory of the agents.
 *
 * ```ts
 * const sampler = new Sampler(crew.agents)
 * sampler.stop() // [{ second: 0, backlog: 0, most: 0, memory: 310_000_000 }, …]
 * ```
 */
import { readdirSync } from 'node:fs'
import { sumOf } from '../runner/stats.ts'
import type { Agent } from './agent.ts'
import { readMemory } from './processor.ts'

/** Each sample lists one folder for each agent. */
const INTERVAL_MS = 1_000

export interface Sample {
  /** Since the first one. */
  readonly second: number
  /** Unread messages of all agents. */
  readonly backlog: number
  /** The most of one agent. */
  readonly most: number
  /** Bytes of all agents; null if unknown. */
  readonly memory: number | null
}

const countFiles = (dir: string): number => {
  try {
    return readdirSync(dir).length
  } catch {
    return 0 // the first message creates the folder
  }
}

export class Sampler {
  readonly #agents: readonly Agent[]
  readonly #start = performance.now()
  readonly #samples: Sample[] = []
  readonly #timer: NodeJS.Timeout

  constructor(agents: readonly Agent[]) {
    this.#agents = agents
    this.look()
    this.#timer = setInterval(() => this.look(), INTERVAL_MS)
  }

  stop(): readonly Sample[] {
    clearInterval(this.#timer)
    return this.#samples
  }

  /** Takes a sample now. */
  look(): Sample {
    const counts = this.#agents.map(({ place }) => countFiles(place.inbox))
    const sample = {
      second: Math.round((performance.now() - this.#start) / 100) / 10,
      backlog: sumOf(counts),
      most: Math.max(...counts),
      memory: readMemory(this.#agents.map(({ pid }) => pid)),
    }
    this.#samples.push(sample)
    return sample
  }
}
