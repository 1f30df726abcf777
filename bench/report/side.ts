/**
 * The part of the performance page that sets pilot-gossip beside other programs.
 *
 * ```ts
 * const text = sideText(readResults(dir).side)
 * ```
 */
import { showMachine } from '../runner/machine.ts'
import { markdown, showRatio } from '../runner/table.ts'
import type { SideBench } from '../side/bench.ts'
import type { SideSection } from '../side/section.ts'
import { ratioOf, sideRows } from '../side/table.ts'

/** What stands above the table of a section. */
const HEADS: Readonly<Record<string, string>> = {
  typing: `### The bridge beside other servers for Yjs

Each client types five characters a second into one document. Received: messages with an update at all clients; the latency is that
from a keystroke to another client. Processor and memory are those of the server. The clients share one process, on the same machine.`,
  provider: `### The provider beside y-websocket

Two processes type into one document; the latency is that from a keystroke of one to the document of the other. The mailbox needs no
server and keeps what is not read yet; our provider gathers changes for 20 ms before it sends them.`,
  maps: `### Maps between processes of one host

One process writes, another one watches. Latency: from a write to the other process. Then the first writes 5,000 keys as fast as it
can, counted until the other has all of them. Lost: acknowledged writes that are missing after the writing process, or the server,
was killed (SIGKILL) while it wrote as fast as it could, and was started again. That does not show what a loss of power would lose:
of these, pilot-gossip and \`appendfsync always\` alone flush to disk before they acknowledge. pilot-gossip has no server to kill.`,
}

/** Times the processor time of the stock server, when both keep the same. */
const MAX_PROCESSOR = 1.2

/** Of the bridge: that in memory beside the stock server in memory, and each with its store. */
const PAIRS = [
  ['bridge', 'y-websocket'],
  ['bridge, kept', 'y-websocket, kept'],
] as const

const processorTargets = (section: SideSection): string => {
  const loads = [...new Set(section.rows.map(({ load }) => load))]
  const rows = loads.flatMap((load) =>
    PAIRS.flatMap(([ours, theirs]) => {
      const ratio = ratioOf(section, ours, load, 'processor', theirs)
      if (ratio === undefined) return []
      const name = `${ours}, ${load} ${section.unit}: processor, times ${theirs}`
      const state = ratio <= MAX_PROCESSOR ? 'met' : '**missed**'
      return [[name, `<= ${MAX_PROCESSOR}`, showRatio(ratio), state]]
    }),
  )
  return rows.length === 0 ? '' : `\n${markdown([['target', 'wanted', 'measured', ''], ...rows])}`
}

const sectionText = (section: SideSection): string => {
  const { name, participants, leftOut } = section
  const absent = leftOut.map((one) => `\nNot measured: ${one.name}, ${one.reason}.\n`)
  return `
${HEADS[name] ?? `### ${name}`}

${markdown(sideRows(section))}${absent.join('')}${name === 'typing' ? processorTargets(section) : ''}
<details><summary>What they are</summary>

${markdown([['', ''], ...participants.map((one) => [one.name, one.about])], 2)}
</details>
`
}

const loadsOf = ({ rows }: SideSection): string =>
  [...new Set(rows.map(({ load }) => load))].join(',')

/** The command that measures the same again. Loads that all sections share were given. */
export const repeatSide = ({ settings, sections }: SideBench): string => {
  const { runs, seconds, isBuilt } = settings
  const [loads, ...others] = new Set(sections.map(loadsOf))
  const areGiven = sections.length > 1 && others.length === 0
  const more = `${areGiven ? ` --loads ${loads}` : ''}${isBuilt ? ' --built' : ''}`
  return `npm run -s bench:side -- --runs ${runs} --seconds ${seconds}${more} --json > side.json`
}

export const sideText = (side: SideBench | undefined): string => {
  if (side === undefined) return ''
  const { date, machine, versions, settings, sections } = side
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const runs = settings.runs === 1 ? 'one run' : `medians of ${settings.runs} runs (least–most)`
  return `
Each program in a process of its own, in turn, on loopback; ${runs}, each of ${settings.seconds} s.
${sections.map(sectionText).join('')}
Measured on ${date.slice(0, 10)}: ${showMachine(machine)} before; ${list.join(', ')}. To measure again:

\`\`\`
${repeatSide(side)}
npm run bench:readme side.json
\`\`\`
`
}
