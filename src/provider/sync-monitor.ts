/**
 * Watches which changes made here no peer is known to have, and reports when their `SyncStatus`
 * becomes green, yellow or red.
 *
 * ```ts
 * const monitor = new SyncMonitor({ room, isConnected, staleMs: 15_000, onStatus })
 * monitor.check()     // after each event of gossip
 * monitor.status      // { status: 'green', oldestMs: null }
 * monitor.stop()
 * ```
 */
import type { Room } from '../agent/room.ts'
import { now } from '../clock.ts'
import { judgeSync, type SyncStatus } from './sync-status.ts'

export interface SyncMonitorOptions {
  readonly room: Room
  readonly isConnected: () => boolean
  readonly staleMs: number
  /** Called when `status.status` has changed. */
  readonly onStatus: (status: SyncStatus) => void
}

export class SyncMonitor {
  readonly #options: SyncMonitorOptions
  /** When the oldest change was made that was not sent, because the room was not connected. */
  #offlineSince: number | undefined
  #reported: SyncStatus['status'] = 'yellow'
  #timer: NodeJS.Timeout | undefined

  constructor(options: SyncMonitorOptions) {
    this.#options = options
  }

  get status(): SyncStatus {
    const { isConnected, staleMs } = this.#options
    return judgeSync({
      isConnected: isConnected(),
      pendingSince: this.#pendingSince(),
      now: now(),
      staleMs,
    })
  }

  /** Does a peer have every change made here? Also true if no peer can be reached. */
  get isHandedOver(): boolean {
    const { room, isConnected } = this.#options
    if (!isConnected() || this.#pendingSince() === undefined) return true
    const peers = room.runtime?.gossip?.peersOf(room.name) ?? []
    for (const { failures } of peers) if (failures === 0) return false
    return true
  }

  /** Reports the status if it has changed, and looks again when a change becomes stale. */
  check(): void {
    const { staleMs, onStatus } = this.#options
    const { status } = this
    clearTimeout(this.#timer)
    if (status.status === 'yellow' && status.oldestMs !== null) {
      this.#timer = setTimeout(() => this.check(), staleMs - status.oldestMs + 1).unref()
    }
    if (status.status === this.#reported) return
    this.#reported = status.status
    onStatus(status)
  }

  /** A change was made while the room was not connected. */
  onOfflineChange(): void {
    this.#offlineSince ??= now()
    this.check()
  }

  /** The room is about to leave: what gossip knows of its changes is lost. */
  onLeave(): void {
    this.#offlineSince = this.#pendingSince()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #pendingSince(): number | undefined {
    const { room, isConnected } = this.#options
    const { unacknowledgedSince } = room.status
    // While connected, gossip tracks all changes. Older ones are part of the state it tracks.
    if (isConnected() && unacknowledgedSince === undefined) this.#offlineSince = undefined
    const since = Math.min(
      unacknowledgedSince ?? Number.POSITIVE_INFINITY,
      this.#offlineSince ?? Number.POSITIVE_INFINITY,
    )
    return Number.isFinite(since) ? since : undefined
  }
}
