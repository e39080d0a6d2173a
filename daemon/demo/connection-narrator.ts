/**
 * Tells the changes of stuck connections as a person would: what is new, in one sentence each. Counters that grow are no
 * news, and a client that tries to connect again and again during one cut is told of once.
 */
import { countText, durationText } from '../cli/quantity-text.js';
import { escapeForTerminal } from '../lib/terminal.js';
import type { WatchedChange, WatchedProcess, WatchedRecord } from './watched-change.js';

/** More open records than a demo can have; further ones are left out. */
const RECORDS_MAX = 1000;

/** What is known of a record that is open: the kind that was told, null if nothing was told yet. */
interface Told {
  readonly kind: string | null;
  readonly record: WatchedRecord;
}

export class ConnectionNarrator {
  readonly #clockText: (timeMs: number) => string;
  readonly #open = new Map<string, Told>();
  readonly #connectingTold = new Set<number>();

  /** @param clockText writes a time as the demo's clock shows it. */
  constructor(clockText: (timeMs: number) => string) {
    this.#clockText = clockText;
  }

  /** Records that are open now. */
  get openCount(): number {
    return this.#open.size;
  }

  /** From now on a failing connect is news again. */
  newCut(): void {
    this.#connectingTold.clear();
  }

  /** @returns the sentences that this change is worth. */
  tell(change: WatchedChange): readonly string[] {
    const { record, timeMs } = change;
    const before = this.#open.get(record.id);
    if (change.kind === 'ended') {
      this.#open.delete(record.id);
      if (before === undefined) {
        return [];
      }
      if (before.kind !== null) {
        return [endSentence(record, timeMs)];
      }
      // It ended before its owner was found. A connect that succeeded at last is too little for a late story.
      return before.record.kind === 'connecting'
        ? []
        : [this.#opening(before.record, timeMs), endSentence(record, timeMs)];
    }
    if (before === undefined && this.#open.size >= RECORDS_MAX) {
      return [];
    }
    // Whose connection it is, is the heart of the sentence, so it waits for the owner.
    if (record.ownerPending && record.lastOwner === null) {
      this.#open.set(record.id, { kind: before?.kind ?? null, record });
      return [];
    }
    if (before?.kind === record.kind) {
      this.#open.set(record.id, { kind: record.kind, record });
      return [];
    }
    const turned = before !== undefined && before.kind !== null && record.kind === 'closing';
    // The process closes the socket, and a moment later the socket is without a process: that is when it is told.
    const notYet = turned && record.owner !== null;
    if (notYet || (!turned && !this.#isNews(record))) {
      this.#open.set(record.id, { kind: before?.kind ?? null, record });
      return [];
    }
    this.#open.set(record.id, { kind: record.kind, record });
    this.#noteTold(record);
    return [turned ? turnedToClosing(record, timeMs) : this.#opening(record, timeMs)];
  }

  #isNews(record: WatchedRecord): boolean {
    return record.kind !== 'connecting' || !this.#connectingTold.has(record.owner?.pid ?? 0);
  }

  #noteTold(record: WatchedRecord): void {
    if (record.kind === 'connecting') {
      this.#connectingTold.add(record.owner?.pid ?? 0);
    }
  }

  #opening(record: WatchedRecord, nowMs: number): string {
    const peer = escapeForTerminal(record.peer);
    const since = this.#clockText(record.sinceMs);
    switch (record.kind) {
      case 'retransmitting':
        return (
          `${holderText(record)} hangs. What it sent to ${peer} at ${since} was not acknowledged, nor were ` +
          `${countText(record.retransmits, 'retransmission')}.${giveUpSentence(record, nowMs)}`
        );
      case 'connecting':
        return (
          `${holderText(record)} cannot connect to ${peer} either: since ${since} its SYN and ` +
          `${countText(record.retransmits, 'retransmission')} of it were not answered.`
        );
      case 'closing':
        return record.owner === null
          ? `${orphanText(record)} is still there: its FIN to ${peer} has not been acknowledged since ${since} ` +
              `(${escapeForTerminal(record.state)}).${giveUpSentence(record, nowMs)}`
          : `${holderText(record)} closes its connection to ${peer}, but the FIN has not been acknowledged since ` +
              `${since} (${escapeForTerminal(record.state)}).${giveUpSentence(record, nowMs)}`;
      default:
        return (
          `A connection of ${holderText(record)} to ${peer} is stuck since ${since}: ` +
          `${escapeForTerminal(record.kind)}.${giveUpSentence(record, nowMs)}`
        );
    }
  }
}

function turnedToClosing(record: WatchedRecord, nowMs: number): string {
  return (
    `${holderText(record)} has freed itself: it closed the connection that hung, after ` +
    `${durationText(nowMs - record.sinceMs)}. An orphan stays behind (${escapeForTerminal(record.state)}): the kernel ` +
    `goes on sending the last data and a FIN that nobody answers.${giveUpSentence(record, nowMs)}`
  );
}

function giveUpSentence(record: WatchedRecord, nowMs: number): string {
  if (record.giveUp === null) {
    return '';
  }
  if (record.giveUp.never) {
    return ' The kernel will never end this by itself.';
  }
  const left = durationText(record.giveUp.timeMs - nowMs);
  const error =
    record.owner === null ? '' : `, and the application gets ${escapeForTerminal(record.giveUp.expectedError)}`;
  return ` If nothing changes, the kernel gives up in ${left}${error}.`;
}

function endSentence(record: WatchedRecord, nowMs: number): string {
  const lasted = durationText(nowMs - record.sinceMs);
  const orphan = record.kind === 'closing' && record.owner === null;
  const subject = orphan ? orphanText(record) : `The connection of ${holderText(record)}`;
  switch (record.outcome ?? '') {
    case 'recovered':
      if (record.kind === 'closing') {
        return `${subject} is gone: the server answered at last, after ${lasted}.`;
      }
      return record.kind === 'connecting'
        ? `${holderText(record)} is connected, after ${lasted}.`
        : `${subject} has recovered, after ${lasted}: it is the same connection, and it goes on.`;
    case 'reset_by_peer':
      if (orphan) {
        return `${subject} is gone: it was reset, after ${lasted}.`;
      }
      return `${subject} ended with a reset, after ${lasted}: the server no longer knew this connection.`;
    case 'timed_out':
      return `${subject} was ended by the kernel, which gave up after ${lasted}.`;
    case 'closed_by_application':
      return record.kind === 'connecting'
        ? `${holderText(record)} stopped trying to connect, after ${lasted}, and starts anew.`
        : `${subject} was closed by the application, after ${lasted}.`;
    default:
      return `${subject} is no longer stuck, after ${lasted}: ${escapeForTerminal(record.outcome ?? 'unknown')}.`;
  }
}

function orphanText(record: WatchedRecord): string {
  return record.lastOwner === null ? 'An orphan' : `The orphan of ${processText(record.lastOwner)}`;
}

function holderText(record: WatchedRecord): string {
  const process = record.owner ?? record.lastOwner;
  return process === null ? 'a socket without a process' : processText(process);
}

function processText(process: WatchedProcess): string {
  return `${escapeForTerminal(process.comm)}[${process.pid}]`;
}
