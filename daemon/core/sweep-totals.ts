/** Totals of connections, put together from what the sensor counts with each sweep. */
import type { Peer } from './interest.js';
import type { InterestLedger } from './interest-ledger.js';
import { processKey } from './ownership.js';
import type { HoldingReport, InterestReport, SensorRecord } from './sensor-records.js';
import type { PassReport } from './snapshot.js';
import { type ConnectionTotals, type NewConnections, NO_TOTALS, type ProcessIdentity } from './totals.js';

/** What else the connections to a peer show, as of the last sweep. */
export interface PeerSigns {
  /** Connections that are not established yet; they are part of the total. */
  readonly connecting: number;
  /** When the peer last acknowledged something, on any connection, CLOCK_MONOTONIC microseconds; null: never. */
  readonly lastHeardUs: number | null;
}

export interface PeerTotals extends ConnectionTotals {
  /** Null: not known, since nothing to this peer was stuck when the last sweep began. */
  signsOf(peer: Peer): PeerSigns | null;
}

/** Where the sensor does not count. */
export const NO_PEER_TOTALS: PeerTotals = { ...NO_TOTALS, signsOf: () => null };

/** No sensor counts more: 4096 interests and 16,384 holdings. */
const ROWS_MAX = 65_536;
const NO_AGE = 0xffff_ffff;
/** `interestId` of all connections of a process. */
const ALL = 0;

/** What one sweep has counted. */
interface Counted {
  readonly interests: Map<number, InterestReport>;
  /** Connections by `holdingKey`. */
  readonly holdings: Map<string, number>;
  /** CLOCK_MONOTONIC, microseconds. */
  endUs: number;
}

function nothingCounted(): Counted {
  return { interests: new Map(), holdings: new Map(), endUs: 0 };
}

function holdingKey(process: ProcessIdentity, interestId: number): string {
  return `${processKey(process.pid, process.startBootUs)} ${interestId}`;
}

function timeOrNull(timeUs: number): number | null {
  return timeUs === 0 ? null : timeUs;
}

export class SweepTotals implements PeerTotals {
  readonly #ledger: InterestLedger;
  #running = nothingCounted();
  #last = nothingCounted();
  #hz = 1;
  /** New connections that sensors before the present one have counted, by interest. */
  #before = new Map<number, NewConnections>();
  #dropped = 0;
  /** Rows are missing: what is not there need not be 0. */
  #incomplete = false;

  constructor(ledger: InterestLedger) {
    this.#ledger = ledger;
  }

  /** A new sensor has begun to count, from 0. */
  sensorUp(hz: number): void {
    this.#hz = hz;
    this.#dropped = 0;
  }

  /** Nothing is known until the next sensor has swept; of new connections, what was counted stays. */
  sensorDown(): void {
    for (const [id, report] of this.#last.interests) {
      this.#before.set(id, this.#newConnectionsOf(report));
    }
    this.#before = new Map([...this.#before].slice(-ROWS_MAX));
    this.#running = nothingCounted();
    this.#last = nothingCounted();
  }

  /** Takes what concerns it of all that the sensor sends. */
  take(record: SensorRecord): void {
    if (record.type === 'pass') {
      this.#takePass(record.pass);
    } else if (record.type === 'interest') {
      this.#takeInterest(record.interest);
    } else if (record.type === 'holding') {
      this.#takeHolding(record.holding);
    } else if (record.type === 'counters') {
      this.#incomplete = record.counters.holdingsDropped > this.#dropped;
      this.#dropped = record.counters.holdingsDropped;
    }
  }

  ofProcess(process: ProcessIdentity): number | null {
    return this.#last.holdings.get(holdingKey(process, ALL)) ?? null;
  }

  ofDestination(process: ProcessIdentity, peer: Peer): number | null {
    return this.#held(process, this.#ledger.idOfPeer(peer));
  }

  ofListener(process: ProcessIdentity, localPort: number): number | null {
    return this.#held(process, this.#ledger.idOfListener(localPort));
  }

  ofPeer(peer: Peer): number | null {
    return this.#reportOf(peer)?.connections ?? null;
  }

  signsOf(peer: Peer): PeerSigns | null {
    const report = this.#reportOf(peer);
    if (report === null) {
      return null;
    }
    const { connecting, heardAgeJiffies } = report;
    const ageUs = (heardAgeJiffies * 1_000_000) / this.#hz;
    return { connecting, lastHeardUs: heardAgeJiffies === NO_AGE ? null : this.#last.endUs - ageUs };
  }

  newConnections(peer: Peer): NewConnections | null {
    const id = this.#ledger.idOfPeer(peer);
    const report = this.#reportOf(peer);
    return report === null ? ((id === null ? null : this.#before.get(id)) ?? null) : this.#newConnectionsOf(report);
  }

  #takePass(pass: PassReport): void {
    if (pass.kind !== 'sweep') {
      return;
    }
    if (pass.edge === 'end' && pass.error === 0) {
      this.#last = { ...this.#running, endUs: pass.monoUs };
    }
    this.#running = nothingCounted();
  }

  #takeInterest(interest: InterestReport): void {
    if (this.#running.interests.size < ROWS_MAX) {
      this.#running.interests.set(interest.interestId, interest);
    }
  }

  #takeHolding(holding: HoldingReport): void {
    if (this.#running.holdings.size < ROWS_MAX) {
      this.#running.holdings.set(holdingKey(holding, holding.interestId), holding.connections);
    }
  }

  #reportOf(peer: Peer): InterestReport | null {
    const id = this.#ledger.idOfPeer(peer);
    return (id === null ? undefined : this.#last.interests.get(id)) ?? null;
  }

  /** Connections of a process that belong to an interest; none, if both were counted and there is no row for the two. */
  #held(process: ProcessIdentity, interestId: number | null): number | null {
    if (interestId === null || !this.#last.interests.has(interestId)) {
      return null;
    }
    const connections = this.#last.holdings.get(holdingKey(process, interestId));
    const isCounted = this.#last.holdings.has(holdingKey(process, ALL)) && !this.#incomplete;
    return connections ?? (isCounted ? 0 : null);
  }

  #newConnectionsOf(report: InterestReport): NewConnections {
    const before = this.#before.get(report.interestId);
    return {
      succeeded: report.succeeded + (before?.succeeded ?? 0),
      failed: report.failed + (before?.failed ?? 0),
      lastSuccessUs: timeOrNull(report.lastSuccessUs) ?? before?.lastSuccessUs ?? null,
      lastFailureUs: timeOrNull(report.lastFailureUs) ?? before?.lastFailureUs ?? null,
    };
  }
}
