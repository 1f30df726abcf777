/**
 * The command `mcp`: a tool server of the Model Context Protocol over standard input and output. It
 * uses the agent that runs, or starts one in the background, which goes on when the client ends.
 *
 * ```ts
 * await mcp(context, [], { swarm: 'kv', mailbox: '/tmp/kv' })
 * ```
 */
import { ControlClient } from '../control/client.ts'
import { detach } from './detach.ts'
import type { Context } from './report.ts'
import { planRun, type RunOptions } from './run-plan.ts'
import { findTarget, optionOr } from './target.ts'

/** Resolves with 0 when the client has closed its end. */
export const mcp = async (
  { io }: Context,
  _args: readonly string[],
  options: RunOptions,
): Promise<number> => {
  // Those who use it install its library.
  const { serveStdio } = await import('@modelcontextprotocol/server/stdio')
  const { toolServer } = await import('../mcp/server.ts')
  const { Backend } = await import('../mcp/backend.ts')
  const swarm = optionOr(options.swarm, io.env.PILOT_GOSSIP_SWARM)
  const plan = swarm === undefined ? undefined : planRun(options, io.env)
  const { dir } = plan ?? (await findTarget(options, io.env))
  // Standard output belongs to the protocol.
  const quiet: Context = { io: { ...io, out: (text) => io.err(text) }, isJson: false }
  const start =
    plan &&
    (async (): Promise<void> => {
      if (!(await new ControlClient(dir).isRunning())) await detach(quiet, plan)
    })
  const backend = new Backend(dir, { start })
  await backend.ask({ command: 'status' }) // what is wrong is told before a client waits for it
  const closed = new Promise<void>((resolve) => process.stdin.once('close', resolve))
  const server = serveStdio(() => toolServer(backend), {
    onerror: ({ message }) => io.err(`pilot-gossip: ${message}\n`),
  })
  await closed
  await server.close()
  backend.close()
  return 0
}
