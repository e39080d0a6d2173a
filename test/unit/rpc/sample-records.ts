/** Records, clocks and sources for the tests of rpc/ and cli/. */
import type { ObservedSocket } from '../../../daemon/core/observation.js';
import type { RecordChange, RecordSource, StatusReport, StatusSource } from '../../../daemon/core/ports.js';
import type { WallClock, WorkloadSource } from '../../../daemon/core/ports.js';
import type { Owner, StuckRecord } from '../../../daemon/core/record.js';
import type { Workload } from '../../../daemon/core/workload.js';
import type { RpcLog } from '../../../daemon/rpc/status.js';

/** 2026-11-21T20:15:00Z, at which the fake clocks say 1000 s. */
export const EPOCH_REAL_US = Date.UTC(2026, 10, 21, 20, 15, 0) * 1000;
export const EPOCH_MONO_US = 1_000_000_000;

export function createClock(nowUs = EPOCH_MONO_US): WallClock {
  const toRealUs = (us: number): number => EPOCH_REAL_US + us - EPOCH_MONO_US;
  return { monoToRealUs: toRealUs, bootToRealUs: toRealUs, nowUs: () => nowUs };
}

export const WORKLOAD: Workload = {
  cgroup: `/kubepods/burstable/pod5a6b7c8d-0123-4567-89ab-cdef01234567/${'3f1c'.repeat(16)}`,
  containerId: '3f1c'.repeat(16),
  containerRuntime: 'containerd',
  podUid: '5a6b7c8d-0123-4567-89ab-cdef01234567',
  pod: 'web-7d9c',
  podNamespace: 'shop',
  container: 'app',
  podLabels: new Map([['app', 'web']]),
  unit: '',
};

/** Every record belongs to `workload`; null: nothing is known of any. */
export function createWorkloads(workload: Workload | null = null): WorkloadSource {
  return { workloadOf: () => workload };
}

export const OWNER: Owner = {
  pid: 12900,
  startBootUs: EPOCH_MONO_US - 60_000_000,
  comm: 'node',
  executable: '/usr/bin/node',
  uid: 1000,
  cgroupId: 7n,
  holders: [{ pid: 12900, comm: 'node', fd: 21 }],
};

export function createRecord(changes: Partial<StuckRecord> = {}): StuckRecord {
  return {
    id: 'c000000001',
    previousId: null,
    counterpartId: null,
    kind: 'retransmitting',
    state: 'ESTABLISHED',
    direction: 'outbound',
    local: { address: '10.0.0.1', port: 41000 },
    remote: { address: '10.0.0.2', port: 8000 },
    netns: 4026531840,
    cookie: 9007199254740993n,
    ownerType: 'process',
    owner: OWNER,
    lastOwner: null,
    creatorCgroupId: 0n,
    sinceUs: EPOCH_MONO_US - 80_000_000,
    sinceAtLeast: false,
    detectedUs: EPOCH_MONO_US - 78_500_000,
    lastProgressUs: EPOCH_MONO_US - 80_000_100,
    unackedBytes: 412,
    unsentBytes: 0,
    unreadBytes: 0,
    retransmits: 7,
    probes: 0,
    rtoMs: 25_600,
    options: {
      keepalive: false,
      keepaliveIdleMs: 7_200_000,
      keepaliveIntervalMs: 75_000,
      keepaliveProbes: 9,
      userTimeoutMs: 0,
    },
    informational: false,
    cause: null,
    idleBeforeUs: null,
    peerIdleLimitUs: null,
    reuse: null,
    acceptQueue: null,
    receiveBufferBytes: 131_072,
    giveUp: {
      never: false,
      timeUs: EPOCH_MONO_US + 843_000_000,
      latestTimeUs: null,
      reason: 'tcp_retries2',
      retransmitsLeft: 8,
      expectedError: 'ETIMEDOUT',
    },
    detectedGiveUp: null,
    forecastErrorUs: null,
    outcome: null,
    endUs: null,
    timeline: [{ timeUs: EPOCH_MONO_US - 78_500_000, text: 'detected after 3 retransmission timeouts' }],
    polled: false,
    unknown: [],
    ...changes,
  };
}

/** Records `c000000001`, `c000000002`, ... with remote port 8001, 8002, ... */
export function createRecords(count: number): StuckRecord[] {
  return Array.from({ length: count }, (_, index) =>
    createRecord({
      id: `c${(index + 1).toString().padStart(9, '0')}`,
      remote: { address: '10.0.0.2', port: 8001 + (index % 1000) },
    }),
  );
}

/** The records of a daemon, in memory. */
export class FakeRecords implements RecordSource {
  readonly #open = new Map<string, StuckRecord>();
  readonly #ended = new Map<string, StuckRecord>();
  readonly #listeners = new Set<(change: RecordChange) => void>();
  readonly #endedMax: number;
  /** Of the sockets behind the records, by id; none by default. */
  readonly observations = new Map<string, ObservedSocket>();
  timeUs = EPOCH_MONO_US;

  /** @param endedMax ended records that it keeps, the newest: `history.ended` of the configuration */
  constructor(records: readonly StuckRecord[] = [], endedMax = Infinity) {
    this.#endedMax = endedMax;
    for (const record of records) {
      this.#open.set(record.id, record);
    }
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  open(): readonly StuckRecord[] {
    return [...this.#open.values()];
  }

  recentlyEnded(): readonly StuckRecord[] {
    return [...this.#ended.values()];
  }

  find(id: string): StuckRecord | undefined {
    return this.#open.get(id) ?? this.#ended.get(id);
  }

  observed(id: string): ObservedSocket | null {
    return this.observations.get(id) ?? null;
  }

  subscribe(listener: (change: RecordChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Opens, updates or ends a record and tells the subscribers. */
  change(kind: RecordChange['kind'], record: StuckRecord): void {
    if (kind === 'ended') {
      this.#open.delete(record.id);
      this.#ended.set(record.id, record);
      const [oldest] = this.#ended.keys();
      if (this.#ended.size > this.#endedMax && oldest !== undefined) {
        this.#ended.delete(oldest);
      }
    } else {
      this.#open.set(record.id, record);
    }
    const change: RecordChange = { kind, timeUs: this.timeUs, record };
    for (const listener of this.#listeners) {
      listener(change);
    }
  }
}

export function createStatus(changes: Partial<StatusReport> = {}): StatusReport {
  return {
    version: '0.1.0',
    startRealUs: EPOCH_REAL_US - 3_600_000_000,
    pid: 4711,
    healthy: true,
    problems: [],
    notReady: [],
    idleLimits: [],
    alerting: { firing: 1, fired: 4, resolved: 3, alertsDropped: 0, connectionsDropped: 0, receivers: [] },
    sensor: {
      state: 'running',
      pid: 4712,
      version: '0.1.0',
      capabilities: ['CAP_BPF', 'CAP_PERFMON'],
      restarts: 0,
      lastError: '',
      programs: [
        { name: 'tcp_retransmit_skb', attached: true, message: '' },
        { name: 'timer_expire_entry', attached: false, message: 'ENOENT: keepalive is seen by sweeps only' },
      ],
      ringBufferDrops: 0,
      ...{ mode: 'ebpf', modeReason: '', reach: null, degradations: [] },
    },
    sweep: {
      ...{ endUs: EPOCH_MONO_US - 1_500_000, durationUs: 12_340, sockets: 240, connections: 200, processes: 17 },
      ...{ cpuUs: 9_870, intervalMs: 2000, configuredIntervalMs: 2000, cpuPercentMax: 0.8 },
    },
    tracker: {
      suspects: 3,
      stuckByKind: new Map([['retransmitting', 2]]),
      opened: 12,
      endedByOutcome: new Map([['recovered', 10]]),
      evicted: 0,
    },
    node: {
      hostname: 'web-1',
      kernel: '6.18.0',
      architecture: 'x64',
      operatingSystem: 'Debian GNU/Linux 12',
      cpus: 2,
      memoryBytes: 8 * 1024 ** 3,
      model: 'KVM',
    },
    ...changes,
  };
}

export function createStatusSource(report: StatusReport = createStatus()): StatusSource {
  return { status: () => report };
}

/** A log whose lines a test can look at. */
export function createLog(): RpcLog & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (message: string): void => {
    lines.push(message);
  };
  return { lines, info: keep, warn: keep, error: keep };
}
