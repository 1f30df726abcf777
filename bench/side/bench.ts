/**
 * The runs of all sections. In each run the participants take turns, and each run begins with
 * another one.
 *
 * ```ts
 * const { sections } = await benchSide([TYPING], { runs: 3, seconds: 10, isBuilt: true, signal })
 * ```
 */
import { spawnSync } from 'node:child_process'
import { type Machine, readMachine, versionOf } from '../runner/machine.ts'
import { unique } from '../runner/stats.ts'
import type { Figures, MeasureOptions, Section, SideRow, SideSection } from './section.ts'

/** The version of a program of the system; undefined if it is not installed. */
const programVersion = (program: string): string | undefined =>
  /\d+\.\d+\.\d+/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[0]

/** Packages whose versions matter besides those that each machine line names. */
const PACKAGES = ['@y/websocket-server', '@hocuspocus/server', 'y-websocket', 'ws']

export interface SideBench {
  /** Its beginning, in ISO 8601. */
  readonly date: string
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly settings: {
    readonly runs: number
    readonly seconds: number
    readonly isBuilt: boolean
  }
  readonly sections: readonly SideSection[]
}

export interface SideOptions extends MeasureOptions {
  readonly runs: number
  /** Loads instead of those of the sections. */
  readonly loads?: readonly number[] | undefined
  /** Called before each measurement. */
  readonly progress?: (step: string) => void
  /** Called after each section. */
  readonly onSection?: (section: SideSection) => void
}

const benchSection = async (section: Section, options: SideOptions): Promise<SideSection> => {
  const { participants, name, reference, unit } = section
  const reasons = participants.map((one) => ({ name: one.name, reason: one.missing?.() ?? '' }))
  const leftOut = reasons.filter(({ reason }) => reason !== '')
  const present = participants.filter((one) => !leftOut.some((out) => out.name === one.name))
  const rows: SideRow[] = []
  for (const load of options.loads ?? section.loads) {
    const runs = new Map<string, Figures[]>(present.map((one) => [one.name, []]))
    for (let run = 0; run < options.runs; run++) {
      for (let turn = 0; turn < present.length; turn++) {
        const one = present[(run + turn) % present.length]!
        options.progress?.(`${name}, ${load} ${unit}, run ${run + 1}: ${one.name}`)
        runs.get(one.name)!.push(await one.measure(load, options))
      }
    }
    for (const one of present) rows.push({ name: one.name, load, runs: runs.get(one.name)! })
  }
  const described = present.map((one) => ({ name: one.name, about: one.about }))
  return { name, reference, unit, participants: described, leftOut, rows }
}

/** Rejects with a Failure if a participant does not start or answers wrongly. */
export const benchSide = async (
  sections: readonly Section[],
  options: SideOptions,
): Promise<SideBench> => {
  const { runs, seconds, isBuilt } = options
  const measured: SideSection[] = []
  const programs = sections.flatMap(({ participants }) =>
    participants.flatMap(({ program }) => program ?? []),
  )
  const versions = [
    ...PACKAGES.map((name) => [name, versionOf(name)] as const),
    ...unique(programs).flatMap((name) => {
      const version = programVersion(name)
      return version === undefined ? [] : [[name, version] as const]
    }),
  ]
  const bench: SideBench = {
    date: new Date().toISOString(),
    machine: readMachine(),
    versions: Object.fromEntries(versions),
    settings: { runs, seconds, isBuilt },
    sections: measured,
  }
  for (const section of sections) {
    const done = await benchSection(section, options)
    measured.push(done)
    options.onSection?.(done)
  }
  return bench
}
