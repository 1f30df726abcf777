/**
 * A home for the agents and commands of one test file: data folders by name, an environment that
 * selects no other agent, and a `close` that ends all started processes.
 *
 * ```ts
 * const { folder, startAgent, tell, close } = createHome()
 * await startAgent(['run', '--swarm', 'kv', '--data', folder('a')])
 * await tell('a', 'set', 'k', '1')
 * test.after(close)
 * ```
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Ended, homeEnv, inProcess, type Started, startCli } from './cli.ts'
import { temporaryFolder } from './folder.ts'

export interface Home {
  readonly dir: string
  readonly env: NodeJS.ProcessEnv
  /** The path of the data folder of that name. */
  readonly folder: (name: string) => string
  /** A command as a child process, in the environment of this home or another. */
  readonly start: (args: readonly string[], env?: NodeJS.ProcessEnv) => Started
  /** An agent that prints JSON; resolves when it has printed its first line. */
  readonly startAgent: (args: readonly string[]) => Promise<Started>
  /** Sends a command to the agent of that name; quick, since it starts no process. */
  readonly tell: (name: string, ...args: string[]) => Promise<Ended>
  /** The files that exist in its folder only while an agent runs. */
  readonly signsOf: (name: string) => string[]
  /** Kills all started processes; resolves when they have ended. */
  readonly killAll: () => Promise<void>
  /** Kills all started processes and removes the home. */
  readonly close: () => Promise<void>
}

export const createHome = (): Home => {
  const { dir, remove } = temporaryFolder()
  const env = homeEnv(dir)
  const started: Started[] = []
  const folder = (name: string): string => join(dir, name)
  const start = (args: readonly string[], its = env): Started => {
    const one = startCli(args, its)
    started.push(one)
    return one
  }
  const killAll = async (): Promise<void> => {
    for (const { child } of started) child.kill('SIGKILL')
    await Promise.all(started.map(({ ended }) => ended))
  }
  return {
    dir,
    env,
    folder,
    start,
    killAll,
    startAgent: async (args) => {
      const agent = start([...args, '--json'])
      await agent.shows(/\n/)
      return agent
    },
    tell: (name, ...args) => inProcess([...args, '--data', folder(name)], { env }),
    signsOf: (name) =>
      readdirSync(folder(name)).filter((file) => /^(agent\.(lock|sock|pid)|lock)/.test(file)),
    close: async () => {
      await killAll()
      remove()
    },
  }
}
