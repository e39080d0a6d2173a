/** What the kinds of receivers have in common: each makes requests of alerts. */
import type { DeliveryEvent } from '../core/delivery.js';
import type { AlertMessage } from './alert-message.js';

/** What a request tells: a change of an alert, or a test. */
export type MessageEvent = DeliveryEvent | 'test';

/** A message that is about to be sent. */
export interface Message {
  /** The same in every attempt. */
  readonly id: string;
  readonly event: MessageEvent;
  readonly alert: AlertMessage;
  /** The alert as it was accepted: the proto3 JSON mapping. */
  readonly encoded: string;
}

/** A request as the kind of receiver makes it. */
export interface PreparedRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One kind of receiver, configured. */
export interface ReceiverFormat {
  /** How many URLs get every message. */
  readonly replicas: number;
  /** Messages that may be under way to one URL at a time, where it takes them. */
  readonly parallel: number;
  /**
   * Messages with the same key are sent one after the other.
   * @returns for example the id of the alert
   */
  orderKey(alert: AlertMessage): string;
  /**
   * @param replica from 1
   * @throws Error with a message that holds no secret, if a file that is needed cannot be used.
   */
  prepare(message: Message, replica: number, nowMs: number): Promise<PreparedRequest>;
}

export const JSON_HEADERS = { 'content-type': 'application/json', 'user-agent': 'stuckd' } as const;
