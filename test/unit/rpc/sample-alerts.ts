/** Alerts and their source for the tests of rpc/ and cli/. */
import type { Alert, AlertChange, AlertSource } from '../../../daemon/core/alert.js';
import type { DeliverySource } from '../../../daemon/core/delivery.js';
import { createRecord, EPOCH_MONO_US, OWNER } from './sample-records.js';

export function createAlert(changes: Partial<Alert> = {}): Alert {
  const { pid, startBootUs, comm, executable } = OWNER;
  return {
    id: 'a1',
    fingerprint: '00112233445566778899aabbccddeeff',
    status: 'firing',
    severity: 'warning',
    kind: 'retransmitting',
    process: { pid, startBootUs, comm, executable, workload: null },
    processCount: 1,
    program: null,
    peer: { address: '10.0.0.2', port: 8000 },
    peerCount: 0,
    localPort: 0,
    stuckCount: 3,
    totalCount: 10,
    startUs: EPOCH_MONO_US - 80_000_000,
    fireUs: EPOCH_MONO_US - 60_000_000,
    updateUs: EPOCH_MONO_US - 50_000_000,
    endUs: null,
    earliestGiveUpUs: EPOCH_MONO_US + 843_000_000,
    connections: [createRecord()],
    silencedUntilMs: null,
    receivers: [],
    ...changes,
  };
}

/** @returns the alert as it is after it was resolved. */
export function resolvedAlert(alert: Alert, endUs = EPOCH_MONO_US): Alert {
  return { ...alert, status: 'resolved', endUs, updateUs: endUs };
}

/** Where no receiver is configured. */
export const NO_DELIVERIES: DeliverySource = {
  deliveries: () => [],
  retry: () => 'unknown',
  test: () => Promise.resolve('unknown'),
};

/** The alerts of a daemon, in memory. */
export class FakeAlerts implements AlertSource {
  readonly #firing = new Map<string, Alert>();
  readonly #resolved: Alert[] = [];
  readonly #listeners = new Set<(change: AlertChange) => void>();

  constructor(alerts: readonly Alert[] = []) {
    for (const alert of alerts) {
      this.#keep(alert);
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

  /** Something happens to an alert, and the subscribers are told. */
  change(kind: AlertChange['kind'], alert: Alert): void {
    this.#keep(alert);
    for (const listener of this.#listeners) {
      listener({ kind, timeUs: EPOCH_MONO_US, alert });
    }
  }

  #keep(alert: Alert): void {
    if (alert.status === 'firing') {
      this.#firing.set(alert.id, alert);
    } else {
      this.#firing.delete(alert.id);
      this.#resolved.push(alert);
    }
  }
}
