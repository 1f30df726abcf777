/**
 * What the figures say, in three sentences. Each is made from the kept results, and left out if its
 * figures were not measured.
 */
import { showBytes, showCount, showNumber, showRatio, showShare } from '../runner/table.ts'
import type { Results } from './results.ts'
import { TARGET_KEYS } from './targets.ts'

const mergeSentence = ({ result }: Results): string | undefined => {
  const find = (workload: string, engine: string) =>
    result.merges?.find(
      (cell) => cell.keys === TARGET_KEYS && cell.workload === workload && cell.engine === engine,
    )
  const [whole, delta] = ['whole into empty', 'delta of 1 key'].map((workload) =>
    find(workload, 'pilot-gossip'),
  )
  const raw = find('whole into empty', 'yjs-v1')
  if (!whole?.ratio || !delta?.ratio || !raw) return undefined
  const times = `${showRatio(whole.ratio)} times as long as in raw Yjs, that of one changed key ${showRatio(delta.ratio)} times`
  return `The merge of a whole state of ${showCount(TARGET_KEYS)} keys takes ${times}; the message has ${showBytes(whole.bytes)} instead of ${showBytes(raw.bytes)}.`
}

const lossSentence = ({ result }: Results): string | undefined => {
  const most = Math.max(0, ...(result.lostWrites ?? []).map(({ writes }) => writes))
  const find = (engine: string) =>
    result.lostWrites?.find((row) => row.engine === engine && row.writes === most)
  const [seed, ours] = [find('scalar'), find('pilot-gossip')]
  if (!seed || !ours) return undefined
  const share = (row: { readonly lost: number; readonly written: number }) =>
    showShare(row.lost / row.written)
  return `With ${most} writes a round, the seed's rule loses ${share(seed)} of the keys, pilot-gossip ${share(ours)}: those of concurrent writes to one key.`
}

const lagSentence = ({ swarm }: Results): string | undefined => {
  const [load] = swarm?.loads ?? []
  if (!load) return undefined
  const { agents, rate } = load.settings
  const { p50, p99 } = load.median.lag.each
  return `Among ${agents} real agents at ${showNumber(rate)} ${rate === 1 ? 'write' : 'writes'} a second, a write is at each other agent after ${showNumber(p50)} ms (median; 99 % after ${showNumber(p99)} ms).`
}

export const findingsText = (results: Results): string => {
  const sentences = [mergeSentence, lossSentence, lagSentence].flatMap(
    (sentence) => sentence(results) ?? [],
  )
  return `\n${sentences.map((sentence) => `- ${sentence}\n`).join('')}\n`
}
