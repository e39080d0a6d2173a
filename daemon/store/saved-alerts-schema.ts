/**
 * What a file of firing alerts must look like; nothing of it reaches the alert rules unchecked. A field that their types
 * gain does not compile until it is here.
 */
import * as z from 'zod';
import { SEVERITIES, type AlertProcess } from '../core/alert.js';
import type { SavedAlert } from '../core/alerts/alert-messages.js';
import type { Ends } from '../core/alerts/ends.js';
import type { Side } from '../core/alerts/place.js';
import { STUCK_KINDS } from '../core/kinds.js';
import type { Workload } from '../core/workload.js';

/** Raised when a file of the format before could be misread. */
export const FORMAT_VERSION = 1;

const number = z.number();
const text = z.string();

/** JSON has no map: labels stand there as an object. */
const workload: z.ZodType<Workload> = z.object({
  cgroup: text,
  containerId: text,
  containerRuntime: text,
  podUid: text,
  pod: text,
  podNamespace: text,
  container: text,
  podLabels: z.record(text, text).transform((labels) => new Map(Object.entries(labels))),
  unit: text,
});

const process: z.ZodType<AlertProcess> = z.object({
  pid: number,
  startBootUs: number,
  comm: text,
  executable: text,
  workload: workload.nullable(),
});

const alert: z.ZodType<SavedAlert['alert']> = z.object({
  id: text,
  fingerprint: text,
  status: z.literal('firing'),
  severity: z.enum(SEVERITIES),
  kind: z.enum(STUCK_KINDS),
  process: process.nullable(),
  processCount: number,
  peer: z.object({ address: text, port: number }).nullable(),
  localPort: number,
  stuckCount: number,
  totalCount: number.nullable(),
  startUs: number,
  fireUs: number,
  updateUs: number,
  endUs: z.null(),
  earliestGiveUpUs: number.nullable(),
  silencedUntilMs: number.nullable(),
  receivers: z.array(text),
  connections: z.tuple([]),
});

const ends: z.ZodType<Ends> = z.object({ count: number, lastUs: number });

const SIDES = ['outbound', 'inbound', 'listener', 'process'] as const satisfies readonly Side[];

export const savedAlertsSchema = z.object({
  version: z.literal(FORMAT_VERSION),
  bootId: text,
  /** What was to be added to CLOCK_MONOTONIC and CLOCK_BOOTTIME to get wall time, microseconds. */
  monoToRealUs: number,
  bootToRealUs: number,
  alerts: z.array(z.object({ alert, target: text, side: z.enum(SIDES), netns: z.number(), subject: text.nullable() })),
  /** Files of versions before have none. */
  ends: z.array(z.tuple([text, ends])).default([]),
});

/** @returns what `savedAlertsSchema` reads back. */
export function toStored(saved: SavedAlert): object {
  const { process: who } = saved.alert;
  const labels = Object.fromEntries(who?.workload?.podLabels ?? []);
  const stored = who?.workload ? { ...who, workload: { ...who.workload, podLabels: labels } } : who;
  return { ...saved, alert: { ...saved.alert, process: stored } };
}
