/**
 * What is looked at every second while a bench runs: how many messages wait unread, and how much
 * memory the agents hold.
 *
 * ```ts
 * const sampler = new Sampler(crew.agents)
 * sampler.stop() // [{ second: 0, backlog: 0, most: 0, memory: 310_000_000 }, …]
 * ```
 */
import { readdirSync } from 'node:fs'
import type { Agent } from './agent.ts'
import { readMemory } from './processor.ts'

/** Milliseconds. A look lists one folder for each agent. */
const PAUSE = 1_000

export interface Sample {
  /** Since the first one. */
  readonly second: number
  /** Messages unread, of all agents. */
  readonly backlog: number
  /** The most of one agent. */
  readonly most: number
  /** Bytes, of all agents; null where it cannot be read. */
  readonly memory: number | null
}

const countFiles = (dir: string): number => {
  try {
    return readdirSync(dir).length
  } catch {
    return 0 // no message has come yet, so the folder is not there
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
    this.#timer = setInterval(() => this.look(), PAUSE)
  }

  stop(): readonly Sample[] {
    clearInterval(this.#timer)
    return this.#samples
  }

  /** Takes one at once. */
  look(): Sample {
    const counts = this.#agents.map(({ place }) => countFiles(place.inbox))
    const sample = {
      second: Math.round((performance.now() - this.#start) / 100) / 10,
      backlog: counts.reduce((a, b) => a + b, 0),
      most: Math.max(...counts),
      memory: readMemory(this.#agents.map(({ pid }) => pid)),
    }
    this.#samples.push(sample)
    return sample
  }
}
