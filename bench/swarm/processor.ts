/**
 * What the agents, the `pilotctl` that they start, and the daemons take of processor and memory,
 * as Linux counts it. Elsewhere there is nothing to read, and null is the answer.
 *
 * ```ts
 * const before = readUsage(agentPids, daemonPids)
 * const used = usedSince(before, readUsage(agentPids, daemonPids)) // { agents: 3.2, … } seconds
 * ```
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Ticks a second in which Linux tells times: USER_HZ, the same on all platforms that Node.js runs on. */
const TICKS = 100
/** Bytes of a page, in which Linux tells memory, on x64. */
const PAGE = 4_096

/** Seconds of processor time. */
export interface Used {
  /** The agents' own processes, and helpers that they start. */
  readonly agents: number
  readonly pilotctl: number
  /** Those that ran from the first reading to the last. */
  readonly daemons: number
  /** This process: it writes, watches, and stands in for registry and beacon. */
  readonly bench: number
  /** All else on this machine: with much of it the figures are not those of the swarm alone. */
  readonly others: number
}

/** One reading: seconds since each process began. */
export interface Usage extends Omit<Used, 'daemons' | 'others'> {
  /** Of all processes. */
  readonly machine: number
  /** By process. */
  readonly daemons: ReadonlyMap<number, number>
}

interface Process {
  readonly name: string
  readonly parent: number
  /** Seconds. */
  readonly own: number
  /** Seconds of children that have ended, and of theirs. */
  readonly children: number
}

/** undefined when the process has ended. */
const readProcess = (pid: number): Process | undefined => {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The name is in parentheses, and may hold some itself.
  const end = stat.lastIndexOf(')')
  const fields = stat.slice(end + 2).split(' ')
  const ticks = (from: number): number => Number(fields[from]) + Number(fields[from + 1])
  return {
    name: stat.slice(stat.indexOf('(') + 1, end),
    parent: Number(fields[1]),
    own: ticks(11) / TICKS,
    children: ticks(13) / TICKS,
  }
}

const readAll = (): Map<number, Process> => {
  const all = new Map<number, Process>()
  for (const name of readdirSync('/proc')) {
    const found = /^\d+$/.test(name) ? readProcess(Number(name)) : undefined
    if (found) all.set(Number(name), found)
  }
  return all
}

/** The processes of `roots` and all that come from them. */
const treeOf = (all: ReadonlyMap<number, Process>, roots: readonly number[]): Process[] => {
  const wanted = new Set(roots)
  const tree: Process[] = []
  // A child has not always a greater id than its parent: ids start anew.
  for (let before = -1; before !== tree.length; ) {
    before = tree.length
    tree.length = 0
    for (const [pid, found] of all) {
      if (!wanted.has(pid) && !wanted.has(found.parent)) continue
      wanted.add(pid)
      tree.push(found)
    }
  }
  return tree
}

/** Seconds that all processors have worked, or were taken by the host of a virtual one. */
const readMachine = (): number => {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n')
  const [user, nice, system, , , irq, softirq, steal] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return sum([user, nice, system, irq, softirq, steal].map((ticks) => ticks ?? 0)) / TICKS
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/**
 * What was used so far. Children that have ended count as pilotctl: agents start little else, and
 * that before they are ready. The difference of two readings loses nothing when a child ends between.
 */
export const readUsage = (agents: readonly number[], daemons: readonly number[]): Usage | null => {
  if (process.platform !== 'linux') return null
  const all = readAll()
  const tree = treeOf(all, agents)
  const isPilotctl = ({ name }: Process): boolean => name === 'pilotctl'
  const { user, system } = process.cpuUsage()
  return {
    agents: sum(tree.filter((one) => !isPilotctl(one)).map(({ own }) => own)),
    pilotctl: sum(tree.map((one) => one.children + (isPilotctl(one) ? one.own : 0))),
    daemons: new Map(
      daemons
        .filter((pid) => all.has(pid))
        .map((pid) => [pid, sum(treeOf(all, [pid]).map(({ own, children }) => own + children))]),
    ),
    bench: (user + system) / 1e6,
    machine: readMachine(),
  }
}

const toHundredth = (seconds: number): number => Math.round(seconds * 100) / 100

/** Seconds between two readings, to a hundredth. */
export const usedSince = (before: Usage | null, after: Usage | null): Used | null => {
  if (before === null || after === null) return null
  const daemons = [...after.daemons].map(([pid, seconds]) => {
    const old = before.daemons.get(pid)
    return old === undefined ? 0 : seconds - old
  })
  const ours = {
    agents: after.agents - before.agents,
    pilotctl: after.pilotctl - before.pilotctl,
    daemons: sum(daemons),
    bench: after.bench - before.bench,
  }
  // The machine's ticks and those of processes are read at different moments.
  const others = Math.max(0, after.machine - before.machine - sum(Object.values(ours)))
  return {
    agents: toHundredth(ours.agents),
    pilotctl: toHundredth(ours.pilotctl),
    daemons: toHundredth(ours.daemons),
    bench: toHundredth(ours.bench),
    others: toHundredth(others),
  }
}

/** Bytes of memory that the processes hold in all, without those they have started. */
export const readMemory = (pids: readonly number[]): number | null => {
  if (process.platform !== 'linux') return null
  return sum(
    pids.map((pid) => {
      try {
        return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE
      } catch {
        return 0 // it has ended, which is reported elsewhere
      }
    }),
  )
}
