/**
 * The kinds of answer. Most are one line; these four are more.
 *
 * ```ts
 * const handle: Handle = ({ command }) =>
 *   command === 'export' ? new Rows(['["k",1]'], { map: 'state' }) : { got: command }
 * ```
 */
import type { Request } from './commands.ts'
import type { Fields } from './protocol.ts'

/** An answer without an end: the first line, then what `start` emits until the function it returns is called. */
export class Subscription {
  readonly first: Fields
  readonly start: (emit: (data: Fields) => void) => () => void

  constructor(first: Fields, start: Subscription['start']) {
    this.first = first
    this.start = start
  }
}

/**
 * An answer of many rows, each of them JSON, and then of what `end` returns. The agent draws rows
 * only as fast as the client reads them, so the answer may be larger than its memory.
 */
export class Rows {
  readonly rows: Iterable<string>
  /** Called after the last row. */
  readonly end: () => Fields

  constructor(rows: Iterable<string>, end: Fields | (() => Fields)) {
    this.rows = rows
    this.end = typeof end === 'function' ? end : () => end
  }
}

/** Takes the client's lines on a channel one by one; `end` is called when the client is gone. */
export interface ChannelEnd {
  /** Resolves to the answer to that line. The client receives what it rejects with as an error. */
  readonly take: (data: Fields) => Promise<Fields>
  readonly end: () => void
}

/**
 * An answer after which the connection carries lines both ways: those of the client, each with its
 * answer, and between them those that `emit` sends. `emit` resolves when the client has taken the
 * line, and rejects when it is gone.
 */
export class Channel {
  readonly start: (emit: (data: Fields) => Promise<void>) => {
    readonly first: Fields
    readonly channel: ChannelEnd
  }

  constructor(start: Channel['start']) {
    this.start = start
  }
}

/** An answer, and `leave`, called once the client has it or is gone. */
export class Farewell {
  readonly data: Fields
  readonly leave: () => void

  constructor(data: Fields, leave: () => void) {
    this.data = data
    this.leave = leave
  }
}

export type Answer = Fields | Subscription | Rows | Channel | Farewell

/** The client receives what it throws as an error. */
export type Handle = (request: Request) => Answer | Promise<Answer>
