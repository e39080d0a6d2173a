/** An outbox in a directory of its own, and entries for it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeliveryEvent } from '../../../daemon/core/delivery.js';
import { OutboxLog } from '../../../daemon/sinks/outbox-log.js';
import type { OutboxEntry } from '../../../daemon/sinks/outbox-records.js';
import { DEFAULT_LIMITS, Outbox, type OutboxLimits } from '../../../daemon/sinks/outbox.js';
import { EPOCH_MS } from './sample-alerts.js';

export function createEntry(id: string, changes: Partial<OutboxEntry> = {}): OutboxEntry {
  return {
    id,
    receiver: 'hook',
    replica: 1,
    alertId: 'a1',
    event: 'fired',
    state: 'pending',
    attempts: 0,
    acceptedMs: EPOCH_MS,
    lastAttemptMs: null,
    nextAttemptMs: EPOCH_MS,
    endMs: null,
    httpStatus: 0,
    lastError: '',
    summary: 'text',
    order: changes.alertId ?? 'a1',
    alert: '{"id":"a1"}',
    ageFromMs: EPOCH_MS,
    ...changes,
  };
}

/** Accepts one message as the intake does. */
export function accept(outbox: Outbox, id: string, event: DeliveryEvent, changes: Partial<OutboxEntry> = {}): void {
  const entry = createEntry(id, { event, ...changes });
  const receivers = event === 'resolved' ? [] : [entry.receiver];
  outbox.accept({ alertId: entry.alertId, receivers, alert: entry.alert }, [entry]);
}

export class OutboxBench {
  readonly directory: string;
  readonly problems: string[] = [];

  constructor(directory = mkdtempSync(join(tmpdir(), 'stuckd-outbox-'))) {
    this.directory = directory;
  }

  get path(): string {
    return join(this.directory, 'outbox', 'outbox.log');
  }

  /** As a daemon that starts opens it. */
  async open(limits: Partial<OutboxLimits> = {}): Promise<{ outbox: Outbox; log: OutboxLog; problem: string }> {
    const log = new OutboxLog(join(this.directory, 'outbox'), (problem) => this.problems.push(problem));
    const outbox = new Outbox(log, { ...DEFAULT_LIMITS, ...limits });
    const problem = outbox.load();
    await outbox.maintain();
    return { outbox, log, problem };
  }

  text(): string {
    return readFileSync(this.path, 'utf8');
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function ids(outbox: Outbox): readonly string[] {
  return [...outbox.entries()].map(({ id }) => id);
}
