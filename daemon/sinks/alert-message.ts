/**
 * An alert as it waits in the outbox: the proto3 JSON mapping of stuckd.v1.Alert as text. What receivers are told is made
 * of it when it is sent, so that nothing but the contract is kept on disk.
 */
import * as z from 'zod';
import { escapeJsonForTerminal, escapeForTerminal } from '../lib/terminal.js';

/** Standard Webhooks recommends bodies below 20 kB. */
export const ALERT_BYTES_MAX = 20_000;

const text = z.string().default('');
const count = z.number().default(0);

const program = { executable: text, pod: text, podNamespace: text, container: text, unit: text };

/** The fields that receivers are told beside the whole; more may be there. */
const alertSchema = z.looseObject({
  id: z.string(),
  status: text,
  severity: text,
  kind: text,
  process: z.looseObject({ pid: count, comm: text, ...program }).nullish(),
  processCount: count,
  program: z.looseObject(program).nullish(),
  peer: z.looseObject({ address: text, port: count }).nullish(),
  localPort: count,
  stuckCount: count,
  totalCount: count,
  startTime: text,
  fireTime: text,
  updateTime: text,
  endTime: text,
  earliestGiveUp: text,
  summary: text,
  connections: z.array(z.unknown()).default([]),
});

export type AlertMessage = z.output<typeof alertSchema>;

export const RESOLVED = 'ALERT_STATUS_RESOLVED';

/**
 * @param alert in the JSON mapping.
 * @returns its text, with fewer of the sampled connections where all of them would be too long.
 */
export function encodeAlert(alert: object): string {
  let message: Record<string, unknown> = { ...alert };
  for (;;) {
    const encoded = escapeJsonForTerminal(JSON.stringify(message));
    const connections = message['connections'];
    if (Buffer.byteLength(encoded) <= ALERT_BYTES_MAX || !Array.isArray(connections) || connections.length === 0) {
      return encoded;
    }
    message = { ...message, connections: connections.slice(0, -1) as unknown[] };
  }
}

/** @throws Error if it is no alert. */
export function decodeAlert(encoded: string): AlertMessage {
  return alertSchema.parse(JSON.parse(encoded));
}

/** The same alert without the sampled connections: for what is kept as long as it fires. */
export function withoutConnections(alert: AlertMessage): AlertMessage {
  return { ...alert, connections: [] };
}

/** The same alert, resolved: for one that ended while nobody looked. */
export function resolvedAlert(alert: AlertMessage, nowMs: number): AlertMessage {
  const time = new Date(nowMs).toISOString();
  return { ...alert, status: RESOLVED, updateTime: time, endTime: time };
}

/** `STUCK_KIND_CLOSE_WAIT` is `close_wait` in labels. */
export function shortName(value: string, prefix: string): string {
  return (value.startsWith(prefix) ? value.slice(prefix.length) : value).toLowerCase();
}

/** Text of others on one line, without control, bidirectional and invisible characters, of bounded length. */
export function plainText(value: string, lengthMax: number): string {
  const escaped = escapeForTerminal(value);
  return escaped.length <= lengthMax ? escaped : `${escaped.slice(0, lengthMax - 3)}...`;
}

/** `address:port`, `[address]:port` for IPv6; empty without an address. */
export function peerText({ peer }: AlertMessage): string {
  const address = peer?.address ?? '';
  if (peer === null || peer === undefined || address === '') {
    return '';
  }
  return address.includes(':') ? `[${address}]:${peer.port}` : `${address}:${peer.port}`;
}
