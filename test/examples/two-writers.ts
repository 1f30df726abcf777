/**
 * Two agents write one text at the same time, and each line stays whole. In two terminals, in either
 * order:
 *
 *     node --import tsx test/examples/two-writers.ts /tmp/story anna
 *     node --import tsx test/examples/two-writers.ts /tmp/story bert
 *
 * Both start at the beginning of the text, and end when both lines are there.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, MailboxTransport } from 'pilot-gossip'
import * as Y from 'yjs'

const WORD_MS = 20

const [dir = '/tmp/story', name = 'anna'] = process.argv.slice(2)
const agent = new Agent({ swarm: 'story', transport: new MailboxTransport({ dir, address: name }) })
await agent.start()
const text = agent.doc.getText('story')

/** A position that moves with the letter before it when the other agent writes. */
const cursorAt = (index: number): Y.RelativePosition =>
  Y.createRelativePositionFromTypeIndex(text, index, -1)

let cursor = cursorAt(0)
const write = (word: string): void => {
  const index = Y.createAbsolutePositionFromRelativePosition(cursor, agent.doc)?.index ?? 0
  text.insert(index, word)
  cursor = cursorAt(index + word.length)
}

for (const word of `${name} wrote this line word by word while the other wrote, too.`.split(' ')) {
  write(`${word} `)
  await sleep(WORD_MS)
}
write('\n')

const isDone = (): boolean => text.toString().split('\n').length === 3
await new Promise<void>((resolve) => {
  const look = (): void => {
    if (isDone()) resolve()
  }
  text.observe(look)
  look()
})
process.stdout.write(text.toString())
await agent.stop() // peers have what it wrote last
