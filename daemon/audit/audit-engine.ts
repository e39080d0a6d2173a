/** The shell around the audit: asks the sensor for a pass, and tells everybody who asked meanwhile what it found. */
import { auditSettings } from '../config-audit.js';
import type { Config } from '../config.js';
import type { AuditContext } from '../core/audit/audited.js';
import { AuditRun, type AuditResult } from '../core/audit/run.js';
import type { AuditSource } from '../core/audit/source.js';
import type { PathIdleLimit } from '../core/audit/rules.js';
import type { SensorRecord } from '../core/sensor-records.js';
import type { PassReport } from '../core/snapshot.js';
import type { CleanupStack } from '../lib/cleanup-stack.js';

export interface AuditEngineOptions {
  /** Asks the sensor for a pass. */
  readonly requestPass: () => void;
  /** What connections are judged by; null while no sensor has told which kernel this is. */
  readonly context: () => Omit<AuditContext, 'idleLimits'> | null;
  readonly idleLimits: readonly PathIdleLimit[];
  /** How often an audit runs that nobody has asked for; null: never. */
  readonly intervalMs: number | null;
  /** A pass that takes longer is given up. */
  readonly timeoutMs?: number;
}

/** The sensor cannot say. */
export class AuditError extends Error {
  override readonly name = 'AuditError';
}

const TIMEOUT_MS = 30_000;

/** Those who wait for the same pass. */
interface Waiting {
  readonly promise: Promise<AuditResult>;
  readonly resolve: (result: AuditResult) => void;
  readonly reject: (error: AuditError) => void;
  readonly timer: NodeJS.Timeout;
}

export class AuditEngine implements AuditSource {
  readonly #options: AuditEngineOptions;
  #idleLimits: readonly PathIdleLimit[];
  #waiting: Waiting | null = null;
  #run: AuditRun | null = null;
  #last: AuditResult | null = null;
  #failed = 0;
  #interval: NodeJS.Timeout | null = null;

  constructor(options: AuditEngineOptions) {
    this.#options = options;
    this.#idleLimits = options.idleLimits;
  }

  get idleLimits(): readonly PathIdleLimit[] {
    return this.#idleLimits;
  }

  /** The last audit that was complete; null before the first. */
  get last(): AuditResult | null {
    return this.#last;
  }

  /** Audits that came to nothing. */
  get failed(): number {
    return this.#failed;
  }

  /** Begins to audit by itself. @param cleanup learns how it ends */
  start(cleanup: CleanupStack): void {
    this.#schedule(this.#options.intervalMs);
    cleanup.push('audits', () => {
      this.stop();
    });
  }

  reconfigure(audit: Config['audit']): void {
    const { idleLimits, intervalMs } = auditSettings(audit);
    this.#idleLimits = idleLimits;
    this.#schedule(intervalMs);
  }

  /** @returns what a pass finds that ends after this call; there is never more than one at a time. */
  async audit(): Promise<AuditResult> {
    if (this.#options.context() === null) {
      throw new AuditError('the sensor is not running yet');
    }
    if (this.#waiting === null) {
      const { promise, resolve, reject } = deferred();
      const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS;
      const timer = setTimeout(() => {
        this.#fail(`the sensor has not ended its pass within ${timeoutMs / 1000} s`);
      }, timeoutMs);
      this.#waiting = { promise, resolve, reject, timer };
      this.#options.requestPass();
    }
    return this.#waiting.promise;
  }

  /** @returns those records that are not part of an audit. */
  take(records: readonly SensorRecord[]): readonly SensorRecord[] {
    if (this.#run === null && !records.some(isAuditPass)) {
      return records;
    }
    return records.filter((record) => !this.#take(record));
  }

  sensorDown(): void {
    this.#fail('the sensor has ended before its pass was complete');
  }

  stop(): void {
    this.#schedule(null);
    this.#fail('stuckd is stopping');
  }

  /** @returns true if the record was for the audit */
  #take(record: SensorRecord): boolean {
    if (!isAuditPass(record)) {
      return this.#run?.take(record) ?? false;
    }
    if (record.pass.edge === 'begin') {
      this.#begin(record.pass);
    } else {
      this.#end(record.pass);
    }
    return true;
  }

  #begin(pass: PassReport): void {
    const context = this.#options.context();
    this.#run = context === null ? null : new AuditRun({ ...context, idleLimits: this.#idleLimits }, pass);
  }

  #end(pass: PassReport): void {
    const run = this.#run;
    if (run === null || pass.error !== 0) {
      this.#fail(`the sensor could not complete its pass (errno ${pass.error})`);
      return;
    }
    this.#last = run.result(pass);
    const waiting = this.#settle();
    waiting?.resolve(this.#last);
  }

  #fail(message: string): void {
    const waiting = this.#settle();
    if (waiting !== null) {
      this.#failed++;
      waiting.reject(new AuditError(message));
    }
  }

  #settle(): Waiting | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#run = null;
    if (waiting !== null) {
      clearTimeout(waiting.timer);
    }
    return waiting;
  }

  #schedule(intervalMs: number | null): void {
    if (this.#interval !== null) {
      clearInterval(this.#interval);
      this.#interval = null;
    }
    if (intervalMs !== null) {
      this.#interval = setInterval(() => {
        // A failure is counted; whoever asks himself is told.
        this.audit().catch(() => undefined);
      }, intervalMs);
    }
  }
}

function deferred(): Pick<Waiting, 'promise' | 'resolve' | 'reject'> {
  let resolve: Waiting['resolve'] = () => undefined;
  let reject: Waiting['reject'] = () => undefined;
  const promise = new Promise<AuditResult>((onResult, onError) => {
    resolve = onResult;
    reject = onError;
  });
  promise.catch(() => undefined); // whoever asked gets it as well
  return { promise, resolve, reject };
}

function isAuditPass(record: SensorRecord): record is Extract<SensorRecord, { type: 'pass' }> {
  return record.type === 'pass' && record.pass.kind === 'audit';
}
