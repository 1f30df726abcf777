/**
 * One of two processes that share a map. The parent sends `{ type }` messages; times are those of the
 * monotonic clock, which all processes of a host share.
 *
 *     node map-process.mjs redis '{"port":6379}'
 */
import { setTimeout } from 'node:timers/promises'
import { OPEN } from './map-clients.mjs'

/** Writes that wait for an answer while it writes as fast as it can. */
const WINDOW = 200

const VALUE = 'x'.repeat(20)

/** Milliseconds. */
const now = () => Number(process.hrtime.bigint()) / 1e6

const [kind, options] = process.argv.slice(2)
/** When each key of the other process was seen first. */
const seen = {}
const map = await OPEN[kind](JSON.parse(options), (key) => {
  seen[key] ??= now()
})

const pace = async ({ prefix, rate, seconds }) => {
  const start = now()
  const [issued, answers] = [{}, []]
  for (let at = 0; at < rate * seconds; at++) {
    await setTimeout(start + (at * 1_000) / rate - now())
    issued[`${prefix}${at}`] = now()
    answers.push(map.write(`${prefix}${at}`, VALUE))
  }
  await Promise.all(answers)
  process.send({ type: 'paced', issued })
}

/** Writes up to `count` keys, or until it is killed. Reports what was acknowledged. */
const flood = async ({ prefix, count }) => {
  const start = now()
  for (let at = 0; at < count; at += WINDOW) {
    const keys = Array.from(
      { length: Math.min(WINDOW, count - at) },
      (_, i) => `${prefix}${at + i}`,
    )
    await Promise.all(keys.map((key) => map.write(key, VALUE)))
    process.send({ type: 'acknowledged', count: at + keys.length })
  }
  process.send({ type: 'flooded', start })
}

process.on('disconnect', () => process.exit(0))
process.on('message', async (message) => {
  if (message.type === 'pace') await pace(message)
  else if (message.type === 'flood') await flood(message)
  else if (message.type === 'seen') process.send({ type: 'seen', seen })
  else process.send({ type: 'keys', keys: await map.keys() })
})
console.log('ready')
