/** Figures of a good run of real agents: `benchOf({ agents: 3 })`. */
import { medianRunOf } from '../../bench/swarm/medians.ts'
import type { Run, SwarmBench } from '../../bench/swarm/result.ts'
import { type Settings, STANDARD } from '../../bench/swarm/settings.ts'
import { trafficOf } from '../../bench/swarm/traffic.ts'

const times = { count: 4, p50: 2, p99: 4, max: 4 }

export const FINE: Run = {
  writes: { issued: 4, acknowledged: 4, failed: 0, lost: 0, unseen: 0, lateness: times },
  lag: { each: times, all: times },
  acknowledgement: times,
  traffic: trafficOf([], [], 4),
  idle: { messagesPerSecond: 1, bytesPerSecond: 200 },
  processorSeconds: { agents: 1, pilotctl: 2, daemons: 3, bench: 4, others: 5 },
  memory: { start: 1e6, middle: 2e6, end: 3e6 },
  backlog: { max: 5, last: 0 },
  equal: { isEqual: true, seconds: 1.5 },
  problems: {},
  samples: [],
}

/** One load with these runs, on an invented machine. */
export const benchOf = (
  settings: Partial<Settings> = {},
  runs: readonly Run[] = [FINE],
): SwarmBench => ({
  date: '2026-01-03T04:05:06.789Z',
  machine: { cpu: 'A', cores: 2, platform: 'p', node: '20', yjs: '13', lib0: '0', load: 0.5 },
  settings: { ...STANDARD, runs: runs.length, ...settings },
  runs,
  median: medianRunOf(runs),
})
