/** What receivers are told of alerts, message by message, as outer layers see it. Times are wall-clock milliseconds. */

export const DELIVERY_EVENTS = ['fired', 'updated', 'resolved'] as const;
export type DeliveryEvent = (typeof DELIVERY_EVENTS)[number];

export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const;
/** `dead`: given up, but kept for a while and sent again if somebody asks for it. */
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One message to one URL of one receiver. Immutable: every change makes a new object. */
export interface Delivery {
  /** The same in every attempt, also after a restart, so that a receiver can tell what it has seen. */
  readonly id: string;
  readonly receiver: string;
  /** Which of the receiver's URLs, counted from 1. */
  readonly replica: number;
  readonly alertId: string;
  readonly event: DeliveryEvent;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly acceptedMs: number;
  /** Null before the first attempt has ended. */
  readonly lastAttemptMs: number | null;
  /** No attempt is made before; of a pending one only. */
  readonly nextAttemptMs: number;
  /** When it was delivered or given up; null while it is pending. */
  readonly endMs: number | null;
  /** Of the last answer; 0 without one. */
  readonly httpStatus: number;
  /** Why the last attempt failed; empty if it did not. Never holds a secret or what an endpoint wrote. */
  readonly lastError: string;
  /** The alert's summary, as it was told. */
  readonly summary: string;
}

/** What one URL answered to a test alert. */
export interface TestAnswer {
  readonly replica: number;
  readonly delivered: boolean;
  /** 0 without an answer. */
  readonly httpStatus: number;
  /** Empty if it took the alert. */
  readonly error: string;
  readonly durationMs: number;
}

/** The deliveries of this node, as the RPC layer reads and repeats them. */
export interface DeliverySource {
  /** All that are kept, in the order in which they were accepted. */
  deliveries(): readonly Delivery[];
  /**
   * Makes a dead delivery pending again, and a pending one due at once.
   * @returns how it stands now; or why nothing was done: it is not known (any more), it was delivered, or the receiver
   * is no longer configured.
   */
  retry(id: string): Delivery | 'unknown' | 'delivered' | 'no_receiver';
  /**
   * Sends an alert that is marked as a test; it waits in no queue and is not repeated.
   * @returns one answer for each URL; or why nothing was sent: there is no such receiver, or a test of it is under way.
   */
  test(receiver: string): Promise<readonly TestAnswer[] | 'unknown' | 'busy'>;
}

/** How a receiver fares. */
export interface ReceiverReport {
  readonly name: string;
  readonly pending: number;
  /** Of the oldest one that waits; 0 if none does. */
  readonly oldestAgeMs: number;
  readonly delivered: number;
  readonly dead: number;
  /** Messages that were dropped because too many waited. */
  readonly dropped: number;
  /** Attempts that failed, since the daemon started. */
  readonly failedAttempts: number;
  /** Why its last attempt failed; empty while all is well. */
  readonly lastError: string;
}

/** How the deliveries of this node fare. */
export interface DeliveryReport {
  readonly receivers: readonly ReceiverReport[];
  /** Empty, or why deliveries are in memory only: what waits would not survive a restart. */
  readonly notDurable: string;
}
