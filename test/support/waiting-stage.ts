/** A connection on which an application waits, or fails to act, and what the tests ask of its record. */
import assert from 'node:assert/strict';
import { connectField, FIELD_PORT, type FieldStage, setFieldStage } from './field-stage.js';
import type { SocketUnderTest } from './kernel-word.js';
import { type Ending, SERVER_ADDRESS, waitFor } from './lab.js';
import { assertBetween, assertRecord, timelineTexts, timeMs, wallMs } from './record-checks.js';
import { POLL_MS } from './sensor-mode.js';
import type { Sockprog } from './sockprog.js';
import type { StuckdUnderTest, StuckJson } from './stuckd.js';

export const PEER = { address: SERVER_ADDRESS, port: FIELD_PORT };
/** How long it must last for the daemon of `QUICK`. */
export const AFTER_MS = 1000;

/** A daemon that tells of connections that wait after a second. */
export const QUICK = {
  config: {
    kinds: Object.fromEntries(
      ['close_wait', 'fin_wait', 'unread', 'closing'].map((kind) => [kind, { open: { after: `${AFTER_MS}ms` } }]),
    ),
  },
  sensor: { sweepInterval: '300ms', refreshInterval: '200ms' },
};

export interface WaitingStage extends FieldStage {
  /** "a" of the client, connected to "l.1" of the server. */
  readonly socket: SocketUnderTest;
}

export async function setWaitingStage(test: Ending, listening = 'mode=report', options = ''): Promise<WaitingStage> {
  const stage = await setFieldStage(test, listening);
  const socket = await connectField(stage, 'a', options);
  await stage.server.waitEvent({ event: 'accepted', id: 'l.1' });
  return { ...stage, socket };
}

/** @returns the record of the client's socket with its owner, after asserting all that holds for every kind. */
export async function waitRecord(
  stuckd: StuckdUnderTest,
  stage: WaitingStage,
  expected: { readonly kind: string; readonly state: string; readonly informational?: boolean },
): Promise<StuckJson> {
  const { hosts, client, socket } = stage;
  const { id } = await stuckd.waitOpened(hosts.client, expected.kind);
  const record = await stuckd.waitOwner(id);
  const owner = { pid: client.pid, comm: 'sockprog', fd: socket.fd };
  assertRecord(record, { ...expected, namespace: hosts.client, owner, localPort: socket.localPort, remote: PEER });
  assert.ok(timeMs(record.detectedTime) - timeMs(record.since) >= AFTER_MS, 'not before its time');
  return record;
}

export async function waitUpdated(
  stuckd: StuckdUnderTest,
  id: string,
  what: string,
  matches: (record: StuckJson) => boolean,
): Promise<StuckJson> {
  return stuckd.waitChange(what, ({ record }) => record.id === id && matches(record));
}

/** Asserts that the record ended when the application did that. */
export function assertEndedAt(ended: StuckJson, { monoUs }: { readonly monoUs: number }): void {
  assertBetween(timeMs(ended.endTime), wallMs(monoUs), wallMs(monoUs) + POLL_MS, 'the end of the record');
}

export async function lastTexts(stuckd: StuckdUnderTest, id: string, count: number): Promise<readonly string[]> {
  return timelineTexts(await stuckd.get(id)).slice(-count);
}

export async function waitAcked(program: Sockprog, id: string): Promise<void> {
  await waitFor(async () => (await program.info(id)).unacked === 0, { what: 'the ACK of what was sent' });
}
