/** How `run` and `status` say who can write. */

export const SEALED = 'all messages are sealed'
/** Every address is accepted. */
export const OPEN = 'none: whoever can send to this agent can write (pilot-gossip secret new)'

/** The transport or the user says who is accepted. */
export const UNSEALED = 'none: hosts on the way could read what the transport does not encrypt'
