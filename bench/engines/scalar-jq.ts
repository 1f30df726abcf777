/**
 * The seed's rule as its script runs it: `jq` selects the pushes from the output of `pilotctl
 * received`, writes each as base64, and reads its version; if that is larger, it reads the state and
 * merges it. The script forgets to read the state, so there is one call more here. The script's
 * shell, its `base64 -d` and `pilotctl` itself are left out.
 */
import { spawnSync } from 'node:child_process'
import { type Engine, textOf } from './engine.ts'
import { scalar } from './scalar.ts'

/** The output. Throws an Error if jq does not start or fails. */
const jq = (args: readonly string[], input: string): string => {
  const { stdout, stderr, status, error } = spawnSync('jq', args, {
    input,
    encoding: 'utf8',
    maxBuffer: Number.POSITIVE_INFINITY,
  })
  if (error) throw error
  if (status !== 0) throw new Error(`jq ${args.join(' ')}: ${stderr}`)
  return stdout.trimEnd()
}

let isFound: boolean | undefined

export const scalarJq: Engine = {
  name: 'scalar jq',
  about: 'the same by jq, three to five processes for a push; elapsed time, their start included',
  converges: false,
  isElapsed: true,
  rule: scalar,
  missing() {
    isFound ??= spawnSync('jq', ['--version']).status === 0
    return isFound ? undefined : 'jq is not installed'
  },
  create(writer) {
    let state = '{}'
    let version = 0
    const merge = (other: string) => {
      state = jq(['-s', '.[0] * .[1]'], `${state} ${other}`)
    }
    const push = () =>
      `{"type":"gossip_push","version":${version},"state":${state},"sender":"agent-${writer}","timestamp":"1750000000"}`
    return {
      set(entries) {
        merge(JSON.stringify(Object.fromEntries(entries)))
        version += entries.length
      },
      encodeState: push,
      takeChanges: push,
      receive(message) {
        const inbox = `{"messages":[{"payload":${textOf(message)}}]}`
        const pushes = jq(['[.messages[] | select(.payload.type == "gossip_push")]'], inbox)
        const payload = Buffer.from(jq(['-r', '.[] | @base64'], pushes), 'base64').toString()
        const remote = Number(jq(['-r', '.payload.version'], payload))
        if (remote <= version) return
        merge(jq(['.payload.state'], payload))
        version = remote
      },
      read: () => new Map(Object.entries(JSON.parse(state))),
    }
  },
}
