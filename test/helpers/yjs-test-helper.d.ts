/** The part of Yjs's own test helper that we use; the package has no types for it. */
declare module 'yjs/testHelper' {
  import type { Doc } from 'yjs'
  /** A replica as `compare` wants it. */
  export interface User extends Doc {
    tc: { flushAllMessages(): boolean }
    connect(): void
    /** All updates it has seen, from its start on. */
    updates: Uint8Array[]
  }
  /** Throws unless all replicas are equal, struct by struct, and their logs rebuild them. Destroys them. */
  export const compare: (users: User[]) => void
}
