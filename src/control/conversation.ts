/**
 * One client of the control socket: its requests are answered one after another until it goes,
 * and however rude it is, it costs a bounded share of memory and time.
 *
 * ```ts
 * createServer({ allowHalfOpen: true }, (socket) => converse(socket, handle))
 * ```
 */
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { Failure, toFailure } from '../errors.ts'
import { Channel, type ChannelEnd, Farewell, type Handle, Rows, Subscription } from './answers.ts'
import { Lines } from './lines.ts'
import {
  encodeAnswer,
  encodeFailure,
  encodeRows,
  type Fields,
  isFields,
  MAX_REQUEST_BYTES,
  parseLine,
} from './protocol.ts'
import { decodeRequest } from './requests.ts'

/** Milliseconds after which a client that neither asks nor reads is let go. Those that watch, export or take part may be idle. */
const IDLE_MS = 30_000

/** Bytes that wait for a client that watches and does not read: with more than these, and one change more, it is let go. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/** Milliseconds that a client whose line was too long has to finish it and to read why. */
const REFUSED_MS = 5_000

/**
 * Characters of rows in one line, one row more or less: what an export costs in memory. Other
 * clients are served between two lines; shorter ones cost more calls of the system.
 */
const ROWS_CHARS = 64 * 1024

/** Answers one client's requests until it goes. */
export const converse = (socket: Socket, handle: Handle): void => {
  const lines = new Lines(MAX_REQUEST_BYTES)
  let isBusy = false
  let isEnded = false
  let endWatch: (() => void) | undefined
  let channel: ChannelEnd | undefined

  const letGo = (): void => void socket.destroy()

  /** Resolves when the client has taken the line, or is gone. */
  const write = (line: string): Promise<void> =>
    new Promise((resolve) => {
      if (socket.destroyed) return resolve()
      socket.write(line, () => resolve())
    })

  /**
   * Tells what the client has not asked for just now. Resolves when it has taken the line, rejects
   * when it is gone. One that has not read what was told before is too slow, and is let go: a line
   * alone may be longer than what may wait.
   */
  const tell = (data: Fields): Promise<void> =>
    new Promise((resolve, reject) => {
      const gone = (): void =>
        reject(new Failure('connection_failed', 'the program at the socket is gone'))
      if (socket.writableLength > MAX_WAITING_BYTES) letGo()
      if (socket.destroyed) return gone()
      socket.write(encodeAnswer(data), (error) => (error ? gone() : resolve()))
    })

  const watch = ({ first, start }: Subscription): void => {
    socket.setTimeout(0)
    socket.resume() // only to see it go: what it says now is passed over
    void write(encodeAnswer(first))
    // Who is gone is seen by `close`, and the watch ends.
    endWatch = start((data) => void tell(data).catch(() => undefined))
    if (socket.destroyed || isEnded) stopWatch()
  }

  const open = async ({ start }: Channel): Promise<void> => {
    socket.setTimeout(0)
    const { first, channel: opened } = start(tell)
    channel = opened
    await write(encodeAnswer(first))
    if (socket.destroyed) endChannel()
  }

  const endChannel = (): void => {
    channel?.end()
    channel = undefined
  }

  const answerOn = async ({ take }: ChannelEnd, line: string): Promise<void> => {
    try {
      const data = parseLine(line)
      if (!isFields(data)) throw new Failure('invalid_argument', 'the line is not a JSON object')
      await write(encodeAnswer(await take(data)))
    } catch (error) {
      await write(encodeFailure(toFailure(error)))
    }
  }

  const stopWatch = (): void => {
    endWatch?.()
    endWatch = undefined
    letGo()
  }

  const writeRows = async ({ rows, end }: Rows): Promise<void> => {
    // Who pages through an export reads on when he likes; he costs a line and a connection.
    socket.setTimeout(0)
    let line: string[] = []
    let characters = 0
    let count = 0
    for (const row of rows) {
      line.push(row)
      characters += row.length
      count++
      if (characters < ROWS_CHARS) continue
      await write(encodeRows(line))
      if (socket.destroyed) return
      line = []
      characters = 0
      await setImmediate() // a client that is never late would keep all others waiting
    }
    if (line.length > 0) await write(encodeRows(line))
    socket.setTimeout(IDLE_MS)
    await write(encodeAnswer({ ...end(), isEnd: true, count }))
  }

  const answer = async (line: string): Promise<void> => {
    if (channel) return answerOn(channel, line)
    try {
      // While it waits for us it is not idle: a flush, or a busy agent, may take long.
      socket.setTimeout(0)
      const result = await handle(decodeRequest(line))
      socket.setTimeout(IDLE_MS)
      if (result instanceof Subscription) return watch(result)
      if (result instanceof Rows) return await writeRows(result)
      if (result instanceof Channel) return await open(result)
      if (!(result instanceof Farewell)) return await write(encodeAnswer(result))
      await write(encodeAnswer(result.data))
      result.leave()
    } catch (error) {
      socket.setTimeout(IDLE_MS)
      await write(encodeFailure(toFailure(error)))
    }
  }

  const work = async (): Promise<void> => {
    if (isBusy) return
    isBusy = true
    socket.pause()
    while (!socket.destroyed && endWatch === undefined) {
      let line: string | undefined
      try {
        line = lines.shift()
      } catch (error) {
        await write(encodeFailure(toFailure(error)))
        continue
      }
      if (line === undefined) break
      await answer(line)
    }
    isBusy = false
    if (endWatch === undefined) socket.resume()
    if (isEnded && endWatch === undefined) socket.end(letGo)
  }

  const refuse = (error: unknown): void => {
    socket.off('data', take)
    socket.resume() // what follows is thrown away, so that the client is not stuck before it reads this
    socket.end(encodeFailure(toFailure(error)))
    setTimeout(letGo, REFUSED_MS).unref()
  }

  const take = (chunk: Buffer): void => {
    if (endWatch !== undefined) return
    try {
      lines.push(chunk)
      void work()
    } catch (error) {
      refuse(error)
    }
  }

  socket.on('data', take)
  socket.on('end', () => {
    isEnded = true
    if (endWatch !== undefined) stopWatch()
    else if (!isBusy) socket.end(letGo)
  })
  socket.setTimeout(IDLE_MS, letGo)
  // A client that is killed resets the connection: nobody is left to tell, and `close` follows.
  socket.on('error', () => undefined)
  socket.on('close', () => {
    endChannel()
    if (endWatch !== undefined) stopWatch()
  })
}
