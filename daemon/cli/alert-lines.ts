/** `stuckctl alerts --watch` as lines: one change each. */
import { escapeForTerminal } from '../lib/terminal.js';
import type { Style } from '../lib/terminal.js';
import type { AlertWatchChange } from '../rpc/grpc-client.js';
import { paintSign, type AlertSign } from './alert-table.js';
import { alertKindText, severityText, stuckCountText } from './alert-text.js';
import type { Alert } from './alert-text.js';
import { timeMs } from './connection-text.js';
import { clockText, countText } from './quantity-text.js';
import type { WatchOutput } from './watch-lines.js';

/** What of an alert is worth a line when it changes. */
function essence(alert: Alert): string {
  return JSON.stringify([severityText(alert), stuckCountText(alert), alert.processCount, timeMs(alert.silencedUntil)]);
}

/** Follows one watch, and those that replace it: a fresh snapshot prints only what is new in it. */
export class AlertLines {
  readonly #output: WatchOutput;
  readonly #style: Style;
  readonly #nowMs: () => number;
  /** What was shown of each firing alert. */
  readonly #shown = new Map<string, Alert>();
  /** Of the snapshot under way; null between snapshots. */
  #snapshotIds: Set<string> | null = null;

  constructor(output: WatchOutput, style: Style, nowMs: () => number) {
    this.#output = output;
    this.#style = style;
    this.#nowMs = nowMs;
  }

  /** Takes the next change. */
  accept(change: AlertWatchChange): void {
    const atMs = timeMs(change.time) ?? this.#nowMs();
    const current = change.snapshotItem ?? change.fired ?? change.updated;
    if (current) {
      if (change.snapshotItem) {
        this.#snapshotIds ??= new Set();
        this.#snapshotIds.add(current.id ?? '');
      }
      this.#show(current, atMs);
    } else if (change.snapshotEnd) {
      this.#endSnapshot(atMs);
    } else if (change.resolved) {
      this.#shown.delete(change.resolved.id ?? '');
      this.#print('RESOLVED', change.resolved, atMs);
    } else if (change.lost) {
      this.#snapshotIds = null;
      this.#output.note(`${(change.lost.count ?? 0).toString()} changes were missed; taking a new snapshot\n`);
    }
  }

  /** A new watch begins; what it has not sent of a snapshot is void. */
  restart(): void {
    this.#snapshotIds = null;
  }

  #show(alert: Alert, atMs: number): void {
    const id = alert.id ?? '';
    const before = this.#shown.get(id);
    this.#shown.set(id, alert);
    if (before === undefined) {
      this.#print('FIRING', alert, atMs);
    } else if (essence(before) !== essence(alert)) {
      this.#print('UPDATE', alert, atMs);
    }
  }

  #print(sign: AlertSign, alert: Alert, atMs: number, addition = ''): void {
    const head = `${clockText(atMs)}  ${paintSign(sign, this.#style)}  ${severityText(alert)}  ${alertKindText(alert)}`;
    this.#output.line(`${head}  ${escapeForTerminal(alert.summary ?? '')}${addition}\n`);
  }

  #endSnapshot(atMs: number): void {
    const ids = this.#snapshotIds ?? new Set();
    this.#snapshotIds = null;
    for (const [id, alert] of this.#shown) {
      if (!ids.has(id)) {
        this.#shown.delete(id);
        this.#print('RESOLVED', alert, atMs, ' (when it was resolved was not seen)');
      }
    }
    this.#output.note(`${countText(ids.size, 'alert')} firing now; following changes, Ctrl-C ends\n`);
  }
}
