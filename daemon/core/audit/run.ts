/** One audit, put together from what the sensor reports between the begin and the end of its pass. */
import { heldOwnership, OWNER_PENDING, processKey } from '../ownership.js';
import type { Owner } from '../record.js';
import type { SensorRecord } from '../sensor-records.js';
import { type HolderReport, type PassReport, type ProcessReport, type SocketSnapshot, TCP_STATE } from '../snapshot.js';
import { auditedConnection, type AuditContext, type AuditedConnection } from './audited.js';
import { type ExposureCounts, ExposureTally } from './exposure-tally.js';
import type { AuditRule } from './rules.js';
import { SettingsMemo } from './settings-memo.js';

/** A connection and the process that holds it; of several the oldest. */
export interface HeldConnection extends AuditedConnection {
  /** Shared by all its connections, and therefore without descriptors. */
  readonly owner: Owner | null;
  /** All that hold it. */
  readonly holderPids: ReadonlySet<number>;
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

/** What is kept of an audit when all who asked for it have its result: numbers, not connections. */
export interface AuditCounts {
  /** With `COUNTED_LIMIT_US`. */
  readonly exposed: ExposureCounts;
  readonly rules: ReadonlyMap<AuditRule, number>;
  /** The end of the pass, CLOCK_MONOTONIC microseconds. */
  readonly endUs: number;
}

/** What the counts of an audit call too long a wait, and every other audit that is not told otherwise. */
export const COUNTED_LIMIT_US = 15 * 60 * 1_000_000;

/** While its holders become known, one after the other. */
interface Entry extends AuditedConnection {
  owner: Owner | null;
  holderPids: Set<number>;
}

/** A process, as all its connections name it. */
interface KnownProcess {
  readonly owner: Owner | null;
  /** Its own id, as what its connections share. */
  readonly pids: Set<number>;
}

/** Its set is never added to: the first holder brings one. */
const NO_HOLDER: Pick<Entry, 'owner' | 'holderPids'> = { owner: null, holderPids: new Set() };

/**
 * What it keeps is bounded by the descriptors that the sensor reports in one audit, so nothing has a bound of its own here: a
 * server that forks may hold one connection by thousands of processes.
 */
export class AuditRun {
  readonly #context: AuditContext;
  readonly #passId: number;
  readonly #memo: SettingsMemo;
  readonly #tally = new ExposureTally(COUNTED_LIMIT_US);
  readonly #connections = new Map<string, Entry>();
  readonly #reports = new Map<string, ProcessReport>();
  readonly #processes = new Map<string, KnownProcess>();

  constructor(context: AuditContext, { passId }: PassReport) {
    this.#context = context;
    this.#passId = passId;
    this.#memo = new SettingsMemo(context.kernel);
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

  /** What is to be kept of it. @param end of the pass */
  counts({ monoUs }: PassReport): AuditCounts {
    const { exposed, rules } = this.#tally;
    return { exposed, rules, endUs: monoUs };
  }

  /** @param end of the pass */
  result(end: PassReport): AuditResult {
    return {
      connections: [...this.#connections.values()],
      unreported: Math.max(0, end.connections - end.reported),
      endUs: end.monoUs,
      durationUs: end.durationUs,
    };
  }

  #isMine({ passId }: { readonly passId: number }): boolean {
    return passId === this.#passId;
  }

  /**
   * A socket is reported with each of its descriptors, and counts once. One that closed while the sensor looked at it is no
   * connection any more: no timer stands in it, which would look as if it were there for ever.
   */
  #takeSocket(socket: SocketSnapshot): true {
    const key = keyOf(socket);
    if (socket.state === TCP_STATE.ESTABLISHED && !socket.dead && !this.#connections.has(key)) {
      const connection = auditedConnection(socket, this.#context, (one) => this.#memo.settingsOf(one));
      this.#tally.add(connection);
      this.#connections.set(key, Object.assign(connection, NO_HOLDER));
    }
    return true;
  }

  /** Comes after its socket and its process. */
  #takeHolder(holder: HolderReport): true {
    const connection = this.#connections.get(keyOf(holder));
    if (connection !== undefined) {
      const { owner, pids } = this.#processOf(holder);
      connection.owner = older(connection.owner, owner);
      connection.holderPids = joined(connection.holderPids, holder.pid, pids);
    }
    return true;
  }

  #takeProcess(process: ProcessReport): true {
    this.#reports.set(processKey(process.pid, process.startBootUs), process);
    return true;
  }

  #processOf(holder: HolderReport): KnownProcess {
    const key = processKey(holder.pid, holder.startBootUs);
    const known = this.#processes.get(key);
    if (known !== undefined) {
      return known;
    }
    const { owner } = heldOwnership(OWNER_PENDING, [holder], this.#reports);
    const process = { owner: owner === null ? null : { ...owner, holders: [] }, pids: new Set([holder.pid]) };
    this.#processes.set(key, process);
    return process;
  }
}

/** Usually the one that opened it. */
function older(a: Owner | null, b: Owner | null): Owner | null {
  if (a === null || b === null) {
    return a ?? b;
  }
  return (b.startBootUs - a.startBootUs || b.pid - a.pid) < 0 ? b : a;
}

/** @param alone what a connection has that nobody else holds; others need a set of their own, which then grows. */
function joined(pids: Set<number>, pid: number, alone: Set<number>): Set<number> {
  if (pids.size === 0 || pids.has(pid)) {
    return pids.size === 0 ? alone : pids;
  }
  return pids.size === 1 ? new Set([...pids, pid]) : pids.add(pid);
}

function keyOf({ netns, cookie }: { readonly netns: number; readonly cookie: bigint }): string {
  return `${netns} ${cookie}`;
}
