/** How `run` and `status` say who can write. */

export const SEALED = 'all messages are sealed'
export const OPEN = 'none: whoever can send to this agent can write (pilot-gossip secret new)'
