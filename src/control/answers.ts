/**
 * The kinds of answer that a request may have. Most are one line; four are more than that.
 *
 * ```ts
 * const handle: Handle = ({ command }) =>
 *   command === 'export' ? new Rows(['["k",1]'], { map: 'state' }) : { got: command }
 * ```
 */
import type { Request } from './commands.ts'
import type { Fields } from './protocol.ts'

/** An answer that does not end: the first line, then what `start` tells until the end it returns is called. */
export class Subscription {
  readonly first: Fields
  readonly start: (tell: (data: Fields) => void) => () => void

  constructor(first: Fields, start: Subscription['start']) {
    this.first = first
    this.start = start
  }
}

/**
 * An answer of many rows, each of them JSON, and then of what `end` returns. They are drawn from
 * `rows` only as fast as the client takes them, so the answer may be longer than memory.
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

/** What a client says on a channel is taken line by line; `end` is called when it is gone. */
export interface ChannelEnd {
  /** Resolves to the answer to that line. What it throws is answered as an error. */
  readonly take: (data: Fields) => Promise<Fields>
  readonly end: () => void
}

/**
 * An answer that goes both ways from then on: the first line, then lines of the client, each with
 * its answer, and between them what is told: `tell` resolves when the client has taken the line,
 * and rejects when it is gone.
 */
export class Channel {
  readonly start: (tell: (data: Fields) => Promise<void>) => {
    readonly first: Fields
    readonly channel: ChannelEnd
  }

  constructor(start: Channel['start']) {
    this.start = start
  }
}

/** An answer after which `leave` is called, when the client has it or is gone. */
export class Farewell {
  readonly data: Fields
  readonly leave: () => void

  constructor(data: Fields, leave: () => void) {
    this.data = data
    this.leave = leave
  }
}

export type Answer = Fields | Subscription | Rows | Channel | Farewell

/** What it throws is answered as an error. */
export type Handle = (request: Request) => Answer | Promise<Answer>
