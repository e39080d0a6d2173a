/** The shell around the audit: asks the sensor for a pass, and tells everybody whom it serves what it found. */
import type { AuditContext } from '../core/audit/audited.js';
import { type AuditCounts, AuditRun, type AuditResult } from '../core/audit/run.js';
import type { PathIdleLimit } from '../core/audit/rules.js';
import { AuditRefusal, type AuditSource } from '../core/audit/source.js';
import type { SensorRecord } from '../core/sensor-records.js';
import type { PassReport } from '../core/snapshot.js';

export interface AuditEngineOptions {
  /** Asks the sensor for a pass. */
  readonly requestPass: () => void;
  /** Why the sensor that runs can make no audit, whoever asks; null if it can. */
  readonly refusal?: () => string | null;
  /** What connections are judged by; null while no sensor has told which kernel this is. */
  readonly context: () => Omit<AuditContext, 'idleLimits'> | null;
  readonly idleLimits: readonly PathIdleLimit[];
  /** CLOCK_MONOTONIC, microseconds. */
  readonly nowUs: () => number;
  /** Who has waited for so long is told that it did not come to an end. */
  readonly timeoutMs?: number;
}

/** The sensor cannot say. */
export class AuditError extends Error {
  override readonly name = 'AuditError';
}

const TIMEOUT_MS = 30_000;

/** Somebody who waits for a result. */
interface Asker {
  readonly askedUs: number;
  readonly resolve: (result: AuditResult) => void;
  readonly reject: (error: AuditError) => void;
  readonly timer: NodeJS.Timeout;
}

/** A pass that is under way. Its records are taken out of the stream to its end, whether somebody still waits for it or not. */
interface RunningPass {
  readonly passId: number;
  /** Null: nobody knows what to judge by. */
  readonly run: AuditRun | null;
  readonly askers: Set<Asker>;
}

export class AuditEngine implements AuditSource {
  readonly #options: AuditEngineOptions;
  idleLimits: readonly PathIdleLimit[];
  /** Those whose pass has not begun. */
  readonly #waiting = new Set<Asker>();
  #running: RunningPass | null = null;
  #last: AuditCounts | null = null;
  #failed = 0;

  constructor(options: AuditEngineOptions) {
    this.#options = options;
    this.idleLimits = options.idleLimits;
  }

  get last(): AuditCounts | null {
    return this.#refusal() === null ? this.#last : null;
  }

  get failed(): number {
    return this.#failed;
  }

  /** Who asks while a pass is under way gets the next one, which all share who asked before it began. */
  audit(): Promise<AuditResult> {
    const refusal = this.#refusal();
    if (refusal !== null) {
      return Promise.reject(new AuditRefusal(refusal));
    }
    if (this.#options.context() === null) {
      this.#failed++;
      return Promise.reject(new AuditError('the sensor is not running yet'));
    }
    const isFirst = this.#waiting.size === 0;
    const result = this.#enlist();
    if (isFirst) {
      this.#options.requestPass();
    }
    return result;
  }

  #refusal(): string | null {
    return this.#options.refusal?.() ?? null;
  }

  /** @returns those records that are not part of an audit. */
  take(records: readonly SensorRecord[]): readonly SensorRecord[] {
    if (this.#running === null && !records.some(isOfAudit)) {
      return records;
    }
    return records.filter((record) => !this.#take(record));
  }

  sensorDown(): void {
    const askers = [...(this.#running?.askers ?? []), ...this.#waiting];
    this.#running = null;
    this.#fail(askers, 'the sensor has ended before its pass was complete');
  }

  stop(): void {
    this.#fail([...(this.#running?.askers ?? []), ...this.#waiting], 'stuckd is stopping');
  }

  /** @returns true if the record was for the audit */
  #take(record: SensorRecord): boolean {
    if (record.type !== 'pass' || record.pass.kind !== 'audit') {
      return this.#isOfRunning(record) || isOfAudit(record);
    }
    if (record.pass.edge === 'begin') {
      this.#begin(record.pass);
    } else {
      this.#end(record.pass);
    }
    return true;
  }

  #isOfRunning(record: SensorRecord): boolean {
    if (this.#running === null || passIdOf(record) !== this.#running.passId) {
      return false;
    }
    this.#running.run?.take(record);
    return true;
  }

  /** Serves those who asked before it; for the others another pass is needed. */
  #begin(pass: PassReport): void {
    const context = this.#options.context();
    const askers = [...this.#waiting].filter(({ askedUs }) => askedUs <= pass.monoUs);
    for (const asker of askers) {
      this.#waiting.delete(asker);
    }
    this.#running = {
      passId: pass.passId,
      run: context === null ? null : new AuditRun({ ...context, idleLimits: this.idleLimits }, pass),
      askers: new Set(askers),
    };
    if (this.#waiting.size > 0) {
      this.#options.requestPass();
    }
  }

  #end(pass: PassReport): void {
    const running = this.#running;
    if (running === null) {
      return; // nobody saw it begin
    }
    this.#running = null;
    const { run, askers } = running;
    if (run === null || pass.error !== 0) {
      this.#fail([...askers], `the sensor could not complete its pass (errno ${pass.error})`);
      return;
    }
    const result = run.result(pass);
    this.#last = run.counts(pass);
    for (const asker of askers) {
      clearTimeout(asker.timer);
      asker.resolve(result);
    }
  }

  #enlist(): Promise<AuditResult> {
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail([asker], `the sensor has not ended its pass within ${timeoutMs / 1000} s`);
      }, timeoutMs);
      const asker = { askedUs: this.#options.nowUs(), resolve, reject, timer };
      this.#waiting.add(asker);
    });
  }

  #fail(askers: readonly Asker[], message: string): void {
    this.#failed += askers.length;
    for (const asker of askers) {
      this.#waiting.delete(asker);
      this.#running?.askers.delete(asker);
      clearTimeout(asker.timer);
      asker.reject(new AuditError(message));
    }
  }
}

/** Whatever pass it is of: what an audit looked at never reaches the tracker, also if nobody saw its pass begin. */
function isOfAudit(record: SensorRecord): boolean {
  return (
    (record.type === 'pass' && record.pass.kind === 'audit') ||
    (record.type === 'socket' && record.socket.cause === 'audit')
  );
}

/** @returns 0 for what is of no pass. */
function passIdOf(record: SensorRecord): number {
  if (record.type === 'socket') {
    return record.socket.passId;
  }
  if (record.type === 'holder') {
    return record.holder.passId;
  }
  return record.type === 'process' ? record.process.passId : 0;
}
