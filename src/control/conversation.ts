/**
 * One client of the control socket. The agent answers its requests in order until it leaves. A
 * hostile client costs a bounded amount of memory and time.
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

/**
 * Milliseconds until a client that neither sends nor reads is disconnected. One that watches,
 * exports or has joined may be idle.
 */
const IDLE_MS = 30_000

/** Bytes that may wait for a client that watches without reading. At the next change beyond these it is disconnected. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/** Milliseconds for a client whose line is too long to finish it and read the error. */
const REFUSED_MS = 5_000

/**
 * Characters of rows in one line, give or take a row: the memory that an export costs. Other
 * clients are served between two lines; shorter lines cost more system calls.
 */
const ROWS_CHARS = 64 * 1024

/** Answers one client's requests until it leaves. */
export const converse = (socket: Socket, handle: Handle): void => {
  const lines = new Lines(MAX_REQUEST_BYTES)
  let isBusy = false
  let isEnded = false
  let endWatch: (() => void) | undefined
  let channel: ChannelEnd | undefined

  const disconnect = (): void => void socket.destroy()

  /** Resolves when the client has taken the line, or is gone. */
  const write = (line: string): Promise<void> =>
    new Promise((resolve) => {
      if (socket.destroyed) return resolve()
      socket.write(line, () => resolve())
    })

  /**
   * Sends a line that answers no request. Resolves when the client has taken it, rejects when the
   * client is gone. A client that still has too much to read is too slow, and is disconnected. The
   * limit applies to what waits already, since one line alone may exceed it.
   */
  const emit = (data: Fields): Promise<void> =>
    new Promise((resolve, reject) => {
      const gone = (): void =>
        reject(new Failure('connection_failed', 'the program at the socket is gone'))
      if (socket.writableLength > MAX_WAITING_BYTES) disconnect()
      if (socket.destroyed) return gone()
      socket.write(encodeAnswer(data), (error) => (error ? gone() : resolve()))
    })

  const watch = ({ first, start }: Subscription): void => {
    socket.setTimeout(0)
    socket.resume() // only to notice the end: further lines are ignored
    void write(encodeAnswer(first))
    // If the client is gone, `close` ends the watch.
    endWatch = start((data) => void emit(data).catch(() => undefined))
    if (socket.destroyed || isEnded) stopWatch()
  }

  const open = async ({ start }: Channel): Promise<void> => {
    socket.setTimeout(0)
    const { first, channel: opened } = start(emit)
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
    disconnect()
  }

  const writeRows = async ({ rows, end }: Rows): Promise<void> => {
    // A client that pages through an export may pause: it costs one line and one connection.
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
      await setImmediate() // a fast client must not keep all others waiting
    }
    if (line.length > 0) await write(encodeRows(line))
    socket.setTimeout(IDLE_MS)
    await write(encodeAnswer({ ...end(), isEnd: true, count }))
  }

  const answer = async (line: string): Promise<void> => {
    if (channel) return answerOn(channel, line)
    try {
      // A client that waits for an answer is not idle: a flush, or a busy agent, may take long.
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
    if (isEnded && endWatch === undefined) socket.end(disconnect)
  }

  const refuse = (error: unknown): void => {
    socket.off('data', take)
    socket.resume() // drops what follows, so that the client gets to read the error
    socket.end(encodeFailure(toFailure(error)))
    setTimeout(disconnect, REFUSED_MS).unref()
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
    else if (!isBusy) socket.end(disconnect)
  })
  socket.setTimeout(IDLE_MS, disconnect)
  // A client that is killed resets the connection: there is no one to report to, and `close` follows.
  socket.on('error', () => undefined)
  socket.on('close', () => {
    endChannel()
    if (endWatch !== undefined) stopWatch()
  })
}
