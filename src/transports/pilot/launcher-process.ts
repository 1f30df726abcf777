/**
 * The helper process of `launcher.ts`: runs the jobs that it receives over its channel and reports
 * how they ended. When the channel closes, it ends once its last job has.
 */
import type { Order, Report } from './launcher.ts'
import { type Running, runProcess } from './process.ts'

const running = new Map<number, Running>()

const report = (message: Report): void => {
  // A parent that is gone needs no report: `disconnect` ends this process.
  if (process.connected) process.send?.(message, () => undefined)
}

const leaveIfIdle = (): void => {
  if (!process.connected && running.size === 0) process.exit()
}

process.on('message', ({ id, job }: Order) => {
  if (!job) {
    running.get(id)?.stop()
    return
  }
  const run = runProcess(job)
  running.set(id, run)
  void run.ended.then((ended) => {
    running.delete(id)
    report({ id, ended })
    leaveIfIdle()
  })
})
process.on('disconnect', leaveIfIdle)
// A service manager may signal all processes of a service at once, while the last pushes run here.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
report({ ready: true })
