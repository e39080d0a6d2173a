/** The lines of the outbox file. A file can be half written or touched by somebody: nothing of it is used unchecked. */
import * as z from 'zod';
import { DELIVERY_EVENTS, DELIVERY_STATES, type Delivery } from '../core/delivery.js';

/** A delivery with what is needed to send it. */
export interface OutboxEntry extends Delivery {
  /** Messages of one receiver with the same key are sent one after the other. */
  readonly order: string;
  /** The alert as it is to be told; empty once it was delivered. */
  readonly alert: string;
  /** From when its age counts: accepted, or retried by somebody. */
  readonly ageFromMs: number;
}

/** An alert that fires, and which receivers were told, or are to be told. */
export interface AlertThread {
  readonly alertId: string;
  /** None: it fires no more. */
  readonly receivers: readonly string[];
  /** As it was accepted last, without its connections. */
  readonly alert: string;
}

const text = z.string();
const number = z.number();

/** What attempts change about a delivery. */
const progress = {
  id: text,
  state: z.enum(DELIVERY_STATES),
  attempts: number,
  lastAttemptMs: number.nullable(),
  nextAttemptMs: number,
  endMs: number.nullable(),
  httpStatus: number,
  lastError: text,
  ageFromMs: number,
};

/** What does not change; the alert stands once for all deliveries of a change. */
const entry = z.object({
  ...progress,
  receiver: text,
  replica: number,
  alertId: text,
  event: z.enum(DELIVERY_EVENTS),
  acceptedMs: number,
  summary: text,
  order: text,
});

export const recordSchema = z.discriminatedUnion('k', [
  /** A change of an alert was accepted: all of it in one line, so that no half of it can be lost. */
  z.object({
    k: z.literal('accept'),
    alert: text,
    entries: z.array(entry),
    removed: z.array(text),
    /** `alert`: its own, where it is not that of the deliveries. */
    thread: z.object({ alertId: text, receivers: z.array(text), alert: text.optional() }).nullable(),
  }),
  z.object({ k: z.literal('progress'), progress: z.object(progress) }),
  z.object({ k: z.literal('remove'), ids: z.array(text) }),
]);

export type OutboxRecord = z.output<typeof recordSchema>;
type AcceptRecord = Extract<OutboxRecord, { k: 'accept' }>;
type Progress = Extract<OutboxRecord, { k: 'progress' }>['progress'];
type StoredEntry = AcceptRecord['entries'][number];

function stored(entry: OutboxEntry): StoredEntry {
  const { id, receiver, replica, alertId, event, acceptedMs, summary, order } = entry;
  return { ...progressOf(entry), id, receiver, replica, alertId, event, acceptedMs, summary, order };
}

function progressOf(entry: OutboxEntry): Progress {
  const { id, state, attempts, lastAttemptMs, nextAttemptMs, endMs, httpStatus, lastError, ageFromMs } = entry;
  return { id, state, attempts, lastAttemptMs, nextAttemptMs, endMs, httpStatus, lastError, ageFromMs };
}

/** @param removed ids of deliveries that the new ones replace */
export function acceptRecord(
  alert: string,
  entries: readonly OutboxEntry[],
  removed: readonly string[],
  thread: AlertThread | null,
): AcceptRecord {
  return {
    k: 'accept',
    alert,
    entries: entries.map(stored),
    removed: [...removed],
    thread: thread === null ? null : storedThread(thread, alert),
  };
}

function storedThread({ alertId, receivers, alert }: AlertThread, shared: string): NonNullable<AcceptRecord['thread']> {
  return { alertId, receivers: [...receivers], ...(alert === shared ? {} : { alert }) };
}

export function progressRecord(entry: OutboxEntry): OutboxRecord {
  return { k: 'progress', progress: progressOf(entry) };
}

/** @returns the records from which the same is read again. */
export function snapshotRecords(entries: Iterable<OutboxEntry>, threads: Iterable<AlertThread>): OutboxRecord[] {
  // The deliveries of one change lie side by side and have the same alert.
  const records: AcceptRecord[] = [];
  for (const entry of entries) {
    const last = records.at(-1);
    if (last?.alert === entry.alert) {
      last.entries.push(stored(entry));
    } else {
      records.push(acceptRecord(entry.alert, [entry], [], null));
    }
  }
  return [...records, ...[...threads].map((thread) => acceptRecord(thread.alert, [], [], thread))];
}
