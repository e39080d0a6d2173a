/** Alerts, a source of them and a clock for the tests of sinks/. */
import type { Alert, AlertChange, AlertSource } from '../../../daemon/core/alert.js';
import type { Workload } from '../../../daemon/core/workload.js';
import type { SinkClock } from '../../../daemon/sinks/sink-clock.js';

/** 2026-11-22T06:00:00Z */
export const EPOCH_MS = Date.UTC(2026, 10, 22, 6, 0, 0);

export function createAlert(changes: Partial<Alert> = {}): Alert {
  return {
    id: 'a000000001',
    fingerprint: 'f1',
    status: 'firing',
    severity: 'warning',
    kind: 'retransmitting',
    process: { pid: 12900, startBootUs: 0, comm: 'node', executable: '/usr/bin/node', workload: null },
    processCount: 1,
    program: null,
    peer: { address: '10.0.0.2', port: 8000 },
    peerCount: 0,
    localPort: 0,
    stuckCount: 3,
    totalCount: 10,
    startUs: 1_000_000,
    fireUs: 16_000_000,
    updateUs: 16_000_000,
    endUs: null,
    earliestGiveUpUs: null,
    connections: [],
    silencedUntilMs: null,
    receivers: [],
    ...changes,
  };
}

function time(us: number): string {
  return new Date(EPOCH_MS + us / 1000).toISOString();
}

function workloadNames(workload: Workload | null): object {
  const { pod = '', podNamespace = '', container = '', unit = '' } = workload ?? {};
  return { pod, podNamespace, container, unit };
}

/** As the mapping of the contract makes it: a time of 0 us is `EPOCH_MS`. */
export function alertJson(alert: Alert): object {
  const { process, program } = alert;
  return {
    id: alert.id,
    status: `ALERT_STATUS_${alert.status.toUpperCase()}`,
    severity: `SEVERITY_${alert.severity.toUpperCase()}`,
    kind: `STUCK_KIND_${alert.kind.toUpperCase()}`,
    ...(process === null
      ? {}
      : {
          process: {
            pid: process.pid,
            comm: process.comm,
            executable: process.executable,
            ...workloadNames(process.workload),
          },
        }),
    ...(program === null ? {} : { program: { executable: program.executable, ...workloadNames(program.workload) } }),
    processCount: alert.processCount,
    ...(alert.peer === null ? {} : { peer: alert.peer }),
    localPort: alert.localPort,
    stuckCount: alert.stuckCount,
    totalCount: alert.totalCount ?? 0,
    startTime: time(alert.startUs),
    fireTime: time(alert.fireUs),
    updateTime: time(alert.updateUs),
    ...(alert.endUs === null ? {} : { endTime: time(alert.endUs) }),
    summary: `${alert.stuckCount} of 10 connections of ${process?.comm ?? 'nobody'}[${process?.pid ?? 0}] are stuck`,
    receivers: [...alert.receivers],
  };
}

/** The alerts of a daemon, in memory. */
export class FakeAlerts implements AlertSource {
  readonly #firing = new Map<string, Alert>();
  readonly #resolved: Alert[] = [];
  readonly #listeners = new Set<(change: AlertChange) => void>();
  #timeUs = 20_000_000;
  #receivers: readonly string[] = [];

  constructor(firing: readonly Alert[] = []) {
    for (const alert of firing) {
      this.#firing.set(alert.id, alert);
    }
  }

  firing(): readonly Alert[] {
    return [...this.#firing.values()];
  }

  resolved(): readonly Alert[] {
    return this.#resolved;
  }

  subscribe(listener: (change: AlertChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Who is told where an alert names nobody itself: all receivers, as it is without rules. Tells what fires of them. */
  configure(receivers: readonly string[]): void {
    this.#receivers = receivers;
    for (const alert of this.#firing.values()) {
      this.update(alert, { receivers });
    }
  }

  fire(changes: Partial<Alert> = {}): Alert {
    return this.#change('fired', createAlert({ receivers: this.#receivers, ...changes }));
  }

  update(alert: Alert, changes: Partial<Alert> = {}): Alert {
    this.#timeUs += 1_000_000;
    return this.#change('updated', { ...alert, ...changes, updateUs: this.#timeUs });
  }

  resolve(alert: Alert): Alert {
    this.#timeUs += 1_000_000;
    return this.#change('resolved', { ...alert, status: 'resolved', updateUs: this.#timeUs, endUs: this.#timeUs });
  }

  /** @param endUs microseconds after `EPOCH_MS` */
  resolveAt(alert: Alert, endUs: number): Alert {
    return this.#change('resolved', { ...alert, status: 'resolved', updateUs: endUs, endUs });
  }

  #change(kind: AlertChange['kind'], alert: Alert): Alert {
    if (kind === 'resolved') {
      this.#firing.delete(alert.id);
      this.#resolved.push(alert);
    } else {
      this.#firing.set(alert.id, alert);
    }
    for (const listener of this.#listeners) {
      listener({ kind, timeUs: alert.updateUs, alert });
    }
    return alert;
  }
}

/** Time passes only when a test says so. */
export class FakeClock implements SinkClock {
  #nowMs = EPOCH_MS;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** How many are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Sets the wall clock without letting time pass. */
  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** @param settle is awaited after each timer, so that what it began comes to its end */
  async advance(milliseconds: number, settle: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const endMs = this.#nowMs + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) {
        break;
      }
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      await settle();
    }
    this.#nowMs = endMs;
  }
}
