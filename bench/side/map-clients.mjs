/**
 * A map as Redis, NATS and pilot-gossip have it, with the few lines of each protocol that the bench
 * needs. `write` resolves when the server has answered, or when it is on our own disk.
 *
 * ```js
 * const map = await OPEN.redis({ port: 6379 }, (key) => {})
 * await map.write('k', 'v')
 * await map.keys()                 // ['k']
 * ```
 */
import { once } from 'node:events'
import { connect } from 'node:net'

/** Calls `take` with each whole line and, if it asks for them, the bytes that follow. */
const open = async (port, take) => {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  await once(socket, 'connect')
  let rest = Buffer.alloc(0)
  socket.on('error', () => undefined) // the server was killed: the parent knows
  socket.on('data', (chunk) => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    let at = 0
    for (;;) {
      const used = take(rest, at)
      if (used === 0) break
      at += used
    }
    rest = rest.subarray(at)
  })
  return socket
}

/** A RESP value at `at`, and where it ends; undefined if it is not complete. */
const readResp = (bytes, at) => {
  const line = bytes.indexOf('\r\n', at)
  if (line < 0) return undefined
  const [kind, text] = [String.fromCharCode(bytes[at]), bytes.toString('latin1', at + 1, line)]
  if (kind === '$') {
    if (text === '-1') return { value: null, end: line + 2 }
    const end = line + 2 + Number(text)
    if (bytes.length < end + 2) return undefined
    return { value: bytes.toString('utf8', line + 2, end), end: end + 2 }
  }
  if (kind !== '*') return { value: kind === '-' ? new Error(text) : text, end: line + 2 }
  const value = []
  let end = line + 2
  for (let left = Number(text); left > 0; left--) {
    const item = readResp(bytes, end)
    if (!item) return undefined
    value.push(item.value)
    end = item.end
  }
  return { value, end }
}

const encodeResp = (words) =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`

const redisClient = async (port, onPush) => {
  const waiting = []
  const socket = await open(port, (bytes, at) => {
    const read = readResp(bytes, at)
    if (!read) return 0
    if (onPush && read.value[0] === 'message') onPush(read.value[2])
    else waiting.shift()?.(read.value)
    return read.end - at
  })
  return (...words) =>
    new Promise((resolve, reject) => {
      waiting.push((value) => (value instanceof Error ? reject(value) : resolve(value)))
      socket.write(encodeResp(words))
    })
}

const redis = async ({ port }, onChange) => {
  const [ask, subscribe] = [await redisClient(port), await redisClient(port, onChange)]
  await subscribe('SUBSCRIBE', 'side')
  return {
    write: (key, value) => Promise.all([ask('SET', key, value), ask('PUBLISH', 'side', key)]),
    keys: () => ask('KEYS', '*'),
  }
}

const SUBJECT = '$KV.side.'

const nats = async ({ port }, onChange) => {
  const waiting = new Map()
  let count = 0
  const socket = await open(port, (bytes, at) => {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return 0
    const words = bytes.toString('latin1', at, line).split(' ')
    if (words[0] === 'PING') socket.write('PONG\r\n')
    if (words[0] !== 'MSG') return line + 2 - at
    const end = line + 2 + Number(words.at(-1))
    if (bytes.length < end + 2) return 0
    // The watcher's messages keep the subject of the key; answers have that of their inbox.
    if (words[1].startsWith(SUBJECT)) onChange(words[1].slice(SUBJECT.length))
    waiting.get(words[1])?.(bytes.toString('utf8', line + 2, end))
    waiting.delete(words[1])
    return end + 2 - at
  })
  const inbox = `_INBOX.${process.pid}`
  const watch = `watch.${process.pid}`
  socket.write(`CONNECT {"verbose":false}\r\nSUB ${inbox}.> 1\r\nSUB ${watch} 2\r\n`)
  const ask = (subject, body) =>
    new Promise((resolve, reject) => {
      const reply = `${inbox}.${count++}`
      waiting.set(reply, (text) => {
        const answer = JSON.parse(text)
        if (answer.error) reject(new Error(answer.error.description))
        else resolve(answer)
      })
      socket.write(`PUB ${subject} ${reply} ${Buffer.byteLength(body)}\r\n${body}\r\n`)
    })
  const bucket = {
    name: 'KV_side',
    subjects: [`${SUBJECT}>`],
    max_msgs_per_subject: 1,
    discard: 'new',
    allow_rollup_hdrs: true,
    storage: 'file',
    num_replicas: 1,
  }
  await ask('$JS.API.STREAM.CREATE.KV_side', JSON.stringify(bucket))
  const config = {
    deliver_subject: watch,
    ack_policy: 'none',
    deliver_policy: 'last_per_subject',
    filter_subject: `${SUBJECT}>`,
  }
  await ask('$JS.API.CONSUMER.CREATE.KV_side', JSON.stringify({ stream_name: 'KV_side', config }))
  return {
    write: (key, value) => ask(`${SUBJECT}${key}`, value),
    keys: async () => {
      const filter = JSON.stringify({ subjects_filter: `${SUBJECT}>` })
      const { state } = await ask('$JS.API.STREAM.INFO.KV_side', filter)
      return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(SUBJECT.length))
    },
  }
}

const agent = async ({ root, suffix, mailbox, name, data }, onChange) => {
  const { openMap } = await import(`${root}/index${suffix}`)
  const map = await openMap({ swarm: 'side', mailbox, name, data })
  map.observe(({ key, writer }) => {
    if (writer !== map.doc.clientID) onChange(key)
  })
  return {
    write: (key, value) => {
      map.set(key, value)
      return map.flushed()
    },
    keys: async () => [...map.keys()],
  }
}

export const OPEN = { redis, nats, agent }
