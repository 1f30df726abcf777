/**
 * The agent's end of a channel to a program that joins the swarm through it: gossip messages as
 * lines, both ways (see `Relay`).
 *
 *     {"command":"join","swarm":"kv"}
 *     {"status":"ok","data":{"address":"0:0000.0000.000A/1","agent":"0:0000.0000.000A","maxMessageBytes":4194304}}
 *     {"id":1,"text":"…"}                          a message for the agent
 *     {"status":"ok","data":{"id":1}}              its content is on disk
 *     {"status":"ok","data":{"text":"…"}}          a message from the agent
 */
import { Failure, toFailure } from '../errors.ts'
import type { Relay } from '../transports/relay.ts'
import { Channel } from './answers.ts'

/** Throws a Failure (connection_failed, not_running) if the relay admits no further program. */
export const guestChannel = (relay: Relay, readOnly = false): Channel =>
  new Channel((emit) => {
    const guest = relay.admit((text) => emit({ text }))
    const { address: agent, maxMessageBytes } = relay
    return {
      first: { address: guest.address, agent, maxMessageBytes, ...(readOnly && { readOnly }) },
      channel: {
        take: async ({ id, text }) => {
          if (typeof text !== 'string') {
            throw new Failure('invalid_argument', 'the line has no "text"', {
              hint: 'send a message a line: {"id":1,"text":"…"}',
            })
          }
          try {
            await guest.receive(text)
            return { id }
          } catch (error) {
            const { code, message, hint } = toFailure(error)
            return { id, failure: { code, message, hint } }
          }
        },
        end: () => guest.leave(),
      },
    }
  })
