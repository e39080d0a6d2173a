/** `stuckctl watch` for people: which changes are worth a line, and the line. */
import { stuckd } from '../rpc/gen/stuckd.js';
import type { WatchChange } from '../rpc/grpc-client.js';
import { escapeForTerminal } from '../lib/terminal.js';
import type { Style } from '../lib/terminal.js';
import {
  endText,
  giveUpText,
  hasEnded,
  holderText,
  kindText,
  outcomeText,
  retransmitsText,
  stuckMs,
  stuckText,
  timeMs,
} from './connection-text.js';
import type { Connection } from './connection-text.js';
import { clockText, countText, durationText } from './quantity-text.js';

/** The owner of a new record is looked up within some milliseconds; a line without it would help nobody. */
const OWNER_WAIT_MS = 300;

type Sign = 'STUCK' | 'UPDATE' | 'END';

function paint(sign: Sign, style: Style): string {
  const padded = sign.padEnd(6);
  switch (sign) {
    case 'STUCK':
      return style.red(padded);
    case 'UPDATE':
      return style.yellow(padded);
    case 'END':
      return style.green(padded);
  }
}

function triedText(connection: Connection): string {
  const tried = retransmitsText(connection);
  return tried.includes('probe') ? tried : countText(connection.retransmits ?? 0, 'retransmit');
}

function stuckDetail(connection: Connection, nowMs: number): string {
  const givesUp = giveUpText(connection, nowMs);
  const parts = [`stuck for ${stuckText(connection, nowMs)}`, triedText(connection)];
  if (givesUp === 'never') {
    parts.push('never gives up');
  } else if (givesUp !== '-') {
    // Nobody gets the error of an orphan.
    const isOrphan = connection.ownerType === stuckd.v1.OwnerType.OWNER_TYPE_ORPHAN;
    const error = isOrphan ? '' : escapeForTerminal(connection.giveUp?.expectedError ?? '');
    parts.push(`gives up ${givesUp}${error === '' ? '' : ` with ${error}`}`);
  }
  return parts.join(', ');
}

/** One change as a line: when, what, which connection, details. */
export function formatWatchLine(sign: Sign, connection: Connection, atMs: number, style: Style): string {
  const inbound = connection.direction === stuckd.v1.Direction.DIRECTION_INBOUND;
  const local = inbound ? ` (port ${connection.local?.port ?? 0})` : '';
  const ends = `${holderText(connection)}${local} ${inbound ? '<-' : '->'} ${endText(connection.remote)}`;
  const detail = hasEnded(connection)
    ? `${outcomeText(connection)} after ${durationText(stuckMs(connection, atMs))}`
    : stuckDetail(connection, atMs);
  return `${clockText(atMs)}  ${paint(sign, style)}  ${kindText(connection)}  ${ends}  ${detail}\n`;
}

/** What of a record is worth a line when it changes. Retransmissions are not: they go on by themselves. */
function essence(connection: Connection): string {
  const { owner, lastOwner } = connection;
  return JSON.stringify([connection.kind, connection.state, connection.ownerType, owner?.pid, lastOwner?.pid]);
}

export interface WatchOutput {
  /** A line for standard output, with its newline. */
  line(text: string): void;
  /** A line for standard error, with its newline. */
  note(text: string): void;
}

/**
 * Follows the changes of one watch, and of those that replace it after the daemon restarted: a fresh snapshot prints only
 * what is new in it.
 */
export class WatchLines {
  readonly #output: WatchOutput;
  readonly #style: Style;
  readonly #nowMs: () => number;
  /** What was shown of each open record. */
  #shown = new Map<string, Connection>();
  /** Records that wait for their owner. */
  readonly #waiting = new Map<string, { timer: NodeJS.Timeout; connection: Connection; atMs: number }>();
  /** Of the snapshot under way; null between snapshots. */
  #snapshotIds: Set<string> | null = null;

  constructor(output: WatchOutput, style: Style, nowMs: () => number) {
    this.#output = output;
    this.#style = style;
    this.#nowMs = nowMs;
  }

  /** Takes the next change. */
  accept(change: WatchChange): void {
    const atMs = timeMs(change.time) ?? this.#nowMs();
    if (change.snapshotItem) {
      this.#snapshotIds ??= new Set();
      this.#snapshotIds.add(change.snapshotItem.id ?? '');
      this.#open(change.snapshotItem, atMs);
    } else if (change.snapshotEnd) {
      this.#endSnapshot(atMs);
    } else if (change.opened) {
      this.#open(change.opened, atMs);
    } else if (change.updated) {
      this.#update(change.updated, atMs);
    } else if (change.ended) {
      this.#end(change.ended, atMs);
    } else if (change.lost) {
      this.#snapshotIds = null;
      this.#output.note(`${(change.lost.count ?? 0).toString()} changes were missed; taking a new snapshot\n`);
    }
  }

  /** A new watch begins; what it has not sent of a snapshot is void. */
  restart(): void {
    this.#snapshotIds = null;
  }

  /** Prints what still waits for its owner. */
  close(): void {
    for (const id of [...this.#waiting.keys()]) {
      this.#release(id);
    }
  }

  #print(sign: Sign, connection: Connection, atMs: number): void {
    this.#output.line(formatWatchLine(sign, connection, atMs, this.#style));
  }

  #open(connection: Connection, atMs: number): void {
    const id = connection.id ?? '';
    if (this.#shown.has(id)) {
      this.#update(connection, atMs);
      return;
    }
    this.#shown.set(id, connection);
    if ((connection.ownerType ?? 0) !== stuckd.v1.OwnerType.OWNER_TYPE_UNSPECIFIED) {
      this.#print('STUCK', connection, atMs);
      return;
    }
    const timer = setTimeout(() => {
      this.#release(id);
    }, OWNER_WAIT_MS);
    this.#waiting.set(id, { timer, connection, atMs });
  }

  #release(id: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) {
      clearTimeout(waiting.timer);
      this.#waiting.delete(id);
      this.#print('STUCK', waiting.connection, waiting.atMs);
    }
  }

  #update(connection: Connection, atMs: number): void {
    const id = connection.id ?? '';
    const before = this.#shown.get(id);
    this.#shown.set(id, connection);
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) {
      waiting.connection = connection;
      if ((connection.ownerType ?? 0) !== stuckd.v1.OwnerType.OWNER_TYPE_UNSPECIFIED) {
        this.#release(id);
      }
    } else if (before === undefined || essence(before) !== essence(connection)) {
      this.#print('UPDATE', connection, atMs);
    }
  }

  #end(connection: Connection, atMs: number): void {
    const id = connection.id ?? '';
    this.#release(id);
    this.#shown.delete(id);
    this.#print('END', connection, atMs);
  }

  #endSnapshot(atMs: number): void {
    const ids = this.#snapshotIds ?? new Set();
    this.#snapshotIds = null;
    for (const [id, connection] of this.#shown) {
      if (!ids.has(id)) {
        this.#release(id);
        this.#shown.delete(id);
        const ends = `${holderText(connection)} -> ${endText(connection.remote)}`;
        this.#output.line(
          `${clockText(atMs)}  ${paint('END', this.#style)}  ${kindText(connection)}  ${ends}  the end was not seen\n`,
        );
      }
    }
    const stuck = countText(ids.size, 'stuck connection');
    this.#output.note(`${stuck} now; following changes, Ctrl-C ends\n`);
  }
}
