/**
 * Processor time and memory of the agents, of the `pilotctl` they start, and of the daemons, as
 * Linux counts them; null on other systems.
 *
 * ```ts
 * const before = readUsage(agentPids, daemonPids)
 * const used = usedSince(before, readUsage(agentPids, daemonPids)) // { agents: 3.2, … } seconds
 * ```
 */
import { readdirSync, readFileSync } from 'node:fs'
import { sumOf } from '../runner/stats.ts'

/** Ticks per second (USER_HZ), the same on all platforms of Node.js. */
const TICKS = 100
/** Bytes of a page on x64. */
const PAGE = 4_096

/** Seconds of processor time. */
export interface Used {
  /** Their own processes and helpers. */
  readonly agents: number
  readonly pilotctl: number
  /** Those that ran at both readings. */
  readonly daemons: number
  /** This process, which writes, watches, and stands in for registry and beacon. */
  readonly bench: number
  /** Everything else on the machine: if it is much, the figures are not those of the swarm alone. */
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
  /** Seconds of descendants that have ended. */
  readonly children: number
}

/** Returns an empty text if the process has ended. */
const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const readAll = (): Map<number, Process> => {
  const all = new Map<number, Process>()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    // The name stands in parentheses, and may contain some itself.
    const [, name, rest = ''] = /\((.*)\) (.*)/s.exec(readText(`/proc/${pid}/stat`)) ?? []
    if (name === undefined) continue
    const fields = rest.split(' ').map(Number)
    const seconds = (at: number): number => (fields[at]! + fields[at + 1]!) / TICKS
    all.set(Number(pid), { name, parent: fields[1]!, own: seconds(11), children: seconds(13) })
  }
  return all
}

/** The processes of `roots` and their descendants. */
const treeOf = (all: ReadonlyMap<number, Process>, roots: readonly number[]): Process[] => {
  const wanted = new Set(roots)
  // Ids wrap around, so a child may come before its parent: repeat until none is added.
  for (let before = -1; before !== wanted.size; ) {
    before = wanted.size
    for (const [pid, { parent }] of all) if (wanted.has(parent)) wanted.add(pid)
  }
  return [...all].flatMap(([pid, one]) => (wanted.has(pid) ? [one] : []))
}

/** Seconds that all processors worked, or that a virtual machine's host took from them. */
const readMachine = (): number => {
  const [line = ''] = readText('/proc/stat').split('\n')
  const [user, nice, system, , , irq, softirq, steal] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return sumOf([user, nice, system, irq, softirq, steal].map((ticks) => ticks ?? 0)) / TICKS
}

/**
 * Children that have ended count as pilotctl: agents start little else, and that before they are
 * ready. The difference of two readings loses nothing if a child ends between them.
 */
export const readUsage = (agents: readonly number[], daemons: readonly number[]): Usage | null => {
  if (process.platform !== 'linux') return null
  const all = readAll()
  const tree = treeOf(all, agents)
  const isPilotctl = ({ name }: Process): boolean => name === 'pilotctl'
  const { user, system } = process.cpuUsage()
  const secondsOf = (pid: number): number =>
    sumOf(treeOf(all, [pid]).map(({ own, children }) => own + children))
  return {
    agents: sumOf(tree.filter((one) => !isPilotctl(one)).map(({ own }) => own)),
    pilotctl: sumOf(tree.map((one) => one.children + (isPilotctl(one) ? one.own : 0))),
    daemons: new Map(daemons.filter((pid) => all.has(pid)).map((pid) => [pid, secondsOf(pid)])),
    bench: (user + system) / 1e6,
    machine: readMachine(),
  }
}

/** Seconds between two readings, to a hundredth. */
export const usedSince = (before: Usage | null, after: Usage | null): Used | null => {
  if (before === null || after === null) return null
  const daemons = [...after.daemons].map(
    ([pid, seconds]) => seconds - (before.daemons.get(pid) ?? seconds),
  )
  const ours = {
    agents: after.agents - before.agents,
    pilotctl: after.pilotctl - before.pilotctl,
    daemons: sumOf(daemons),
    bench: after.bench - before.bench,
  }
  // The ticks of the machine and those of processes are read at different moments.
  const others = Math.max(0, after.machine - before.machine - sumOf(Object.values(ours)))
  const rounded = Object.entries({ ...ours, others }).map(([name, seconds]) => [
    name,
    Math.round(seconds * 100) / 100,
  ])
  return Object.fromEntries(rounded) as Used
}

/** Bytes of memory of these processes, without their children. */
export const readMemory = (pids: readonly number[]): number | null =>
  process.platform === 'linux'
    ? sumOf(pids.map((pid) => Number(readText(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE))
    : null
