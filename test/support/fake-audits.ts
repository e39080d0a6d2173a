/** Audits of connections that are made by hand. */
import { auditedConnection } from '../../daemon/core/audit/audited.js';
import type { AuditResult, HeldConnection } from '../../daemon/core/audit/run.js';
import type { AuditSource } from '../../daemon/core/audit/source.js';
import { OWNER } from '../unit/rpc/sample-records.js';
import { clockAt, snapshotAt, TEST_KERNEL } from './snapshot-builder.js';

const CONTEXT = { kernel: TEST_KERNEL, clock: clockAt(TEST_KERNEL, 0), idleLimits: [], peerLimitUs: () => null };

/** Every other one has keepalive; each is of another process to another peer. */
function connection(number: number): HeldConnection {
  const remote = { address: `10.1.${number >> 8}.${number & 255}`, port: 80 };
  const snapshot = snapshotAt(TEST_KERNEL, 0, { remote, keepalive: number % 2 === 0 });
  const pid = 100 + number;
  return { ...auditedConnection(snapshot, CONTEXT), owner: { ...OWNER, pid, holders: [] }, holderPids: new Set([pid]) };
}

/** Each audit finds one connection more than the one before. */
export class FakeAudits implements AuditSource {
  readonly idleLimits = [];
  readonly last = null;
  readonly failed = 0;
  readonly #first: number;
  count = 0;

  /** @param first how many connections the first one finds */
  constructor(first = 5) {
    this.#first = first;
  }

  audit(): Promise<AuditResult> {
    const connections = Array.from({ length: this.#first + this.count++ }, (_, index) => connection(index + 1));
    return Promise.resolve({ connections, unreported: 0, endUs: this.count, durationUs: 10 });
  }
}
