/** One audit, put together from what the sensor reports between the begin and the end of its pass. */
import { heldOwnership, OWNER_PENDING, processKey } from '../ownership.js';
import type { Owner } from '../record.js';
import type { SensorRecord } from '../sensor-records.js';
import type { HolderReport, PassReport, ProcessReport, SocketSnapshot } from '../snapshot.js';
import { auditedConnection, type AuditContext, type AuditedConnection } from './audited.js';

/** A connection and the process that holds it; of several the oldest. */
export interface HeldConnection extends AuditedConnection {
  readonly owner: Owner | null;
}

/** What one audit has found. */
export interface AuditResult {
  readonly connections: readonly HeldConnection[];
  /** Descriptors of established connections that were not reported, since there were too many. */
  readonly unreported: number;
  /** The end of the pass, CLOCK_MONOTONIC microseconds. */
  readonly endUs: number;
  readonly durationUs: number;
}

/** Holders of one socket that are kept: a server that forks can have thousands. */
const HOLDERS_MAX = 64;

export class AuditRun {
  readonly #context: AuditContext;
  readonly #passId: number;
  readonly #connections = new Map<string, AuditedConnection>();
  readonly #holders = new Map<string, HolderReport[]>();
  readonly #processes = new Map<string, ProcessReport>();

  constructor(context: AuditContext, { passId }: PassReport) {
    this.#context = context;
    this.#passId = passId;
  }

  /** @returns false if the record is not part of this audit. */
  take(record: SensorRecord): boolean {
    if (record.type === 'socket') {
      return this.#isMine(record.socket) && this.#takeSocket(record.socket);
    }
    if (record.type === 'holder') {
      return this.#isMine(record.holder) && this.#takeHolder(record.holder);
    }
    return record.type === 'process' && this.#isMine(record.process) && this.#takeProcess(record.process);
  }

  /** @param end of the pass */
  result(end: PassReport): AuditResult {
    return {
      connections: [...this.#connections].map(([key, connection]) => ({ ...connection, owner: this.#ownerOf(key) })),
      unreported: Math.max(0, end.connections - end.reported),
      endUs: end.monoUs,
      durationUs: end.durationUs,
    };
  }

  #isMine({ passId }: { readonly passId: number }): boolean {
    return passId === this.#passId;
  }

  /** A socket is reported with each of its descriptors, and counts once. */
  #takeSocket(socket: SocketSnapshot): true {
    const key = keyOf(socket);
    if (!this.#connections.has(key)) {
      this.#connections.set(key, auditedConnection(socket, this.#context));
    }
    return true;
  }

  #takeHolder(holder: HolderReport): true {
    const key = keyOf(holder);
    const holders = this.#holders.get(key);
    if (holders === undefined) {
      this.#holders.set(key, [holder]);
    } else if (holders.length < HOLDERS_MAX) {
      holders.push(holder);
    }
    return true;
  }

  #takeProcess(process: ProcessReport): true {
    this.#processes.set(processKey(process.pid, process.startBootUs), process);
    return true;
  }

  #ownerOf(key: string): Owner | null {
    const holders = this.#holders.get(key);
    return holders === undefined ? null : heldOwnership(OWNER_PENDING, holders, this.#processes).owner;
  }
}

function keyOf({ netns, cookie }: { readonly netns: number; readonly cookie: bigint }): string {
  return `${netns} ${cookie}`;
}
