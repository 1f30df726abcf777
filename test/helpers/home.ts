/**
 * A home for the agents and commands of one test file: data folders by name, an environment that
 * knows no other agent, and an end for all processes that were started.
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
  /** An agent that tells in JSON; resolves when it has told who it is. */
  readonly startAgent: (args: readonly string[]) => Promise<Started>
  /** A command to the agent of that name; quick, since it starts no process. */
  readonly tell: (name: string, ...args: string[]) => Promise<Ended>
  /** What an agent that runs has in its folder, and one that has stopped has not. */
  readonly signsOf: (name: string) => string[]
  /** Kills what was started; resolves when it is gone. */
  readonly killAll: () => Promise<void>
  /** Kills what was started, and removes all. */
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
