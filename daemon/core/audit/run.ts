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
  /** Network namespaces with connections, and what they say about all of them. */
  readonly namespaces: readonly AuditedNamespace[];
  /** Descriptors of established connections that were not reported, since there were too many. */
  readonly unreported: number;
  /** The end of the pass, CLOCK_MONOTONIC microseconds. */
  readonly endUs: number;
  readonly durationUs: number;
}

export interface AuditedNamespace {
  readonly netns: number;
  readonly retries2: number;
  readonly synRetries: number;
  readonly connections: number;
}

/** Holders of one socket that are kept: a server that forks can have thousands. */
const HOLDERS_MAX = 64;

export class AuditRun {
  readonly #context: AuditContext;
  readonly #passId: number;
  readonly #connections = new Map<string, AuditedConnection>();
  readonly #holders = new Map<string, HolderReport[]>();
  readonly #processes = new Map<string, ProcessReport>();
  readonly #namespaces = new Map<number, AuditedNamespace>();

  constructor(context: AuditContext, { passId }: PassReport) {
    this.#context = context;
    this.#passId = passId;
  }

  /** @returns false if the record is not part of this audit. */
  take(record: SensorRecord): boolean {
    switch (record.type) {
      case 'socket':
        return this.#isMine(record.socket) && this.#takeSocket(record.socket);
      case 'holder':
        return this.#isMine(record.holder) && this.#takeHolder(record.holder);
      case 'process':
        return this.#isMine(record.process) && this.#takeProcess(record.process);
      default:
        return false;
    }
  }

  /** @param end of the pass */
  result(end: PassReport): AuditResult {
    return {
      connections: [...this.#connections].map(([key, connection]) => ({ ...connection, owner: this.#ownerOf(key) })),
      namespaces: [...this.#namespaces.values()].sort((a, b) => b.connections - a.connections || a.netns - b.netns),
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
      const connection = auditedConnection(socket, this.#context);
      this.#connections.set(key, connection);
      if (!connection.isLocal) {
        this.#countIn(socket);
      }
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

  #countIn({ netns, sysctls: { retries2, synRetries } }: SocketSnapshot): void {
    const connections = (this.#namespaces.get(netns)?.connections ?? 0) + 1;
    this.#namespaces.set(netns, { netns, retries2, synRetries, connections });
  }

  #ownerOf(key: string): Owner | null {
    const holders = this.#holders.get(key);
    return holders === undefined ? null : heldOwnership(OWNER_PENDING, holders, this.#processes).owner;
  }
}

function keyOf({ netns, cookie }: { readonly netns: number; readonly cookie: bigint }): string {
  return `${netns} ${cookie}`;
}
