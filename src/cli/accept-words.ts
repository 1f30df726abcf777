/** How `run` and `status` say whose messages are taken. */
import type { Accept } from '../gossip/index.ts'

export const acceptWords = (accept: Accept): string => {
  switch (accept) {
    case 'any':
      return 'any address'
    case 'listed':
      return 'listed peers only'
    case 'trusted':
      return 'nodes that this node trusts, and given peers'
    default:
      return `members of the Pilot network ${accept.replace('network:', '')}, and given peers`
  }
}
