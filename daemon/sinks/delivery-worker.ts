/**
 * Sends what waits in the outbox. Each URL of a receiver has a lane of its own, so that a dead endpoint holds up nobody
 * else. In a lane, messages of one order go one after the other and different ones side by side; while its endpoint
 * fails, one single request at a time finds out whether it is back.
 */
import { laneKey, type Outbox } from './outbox.js';
import type { OutboxEntry } from './outbox-records.js';
import type { SinkClock } from './sink-clock.js';
import { backoffMs, RETRY_AFTER_MAX_MS, type Verdict } from './verdict.js';

export interface WorkerOptions {
  readonly outbox: Outbox;
  readonly clock: SinkClock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** A message that is older is given up. */
  readonly maxAgeMs: number;
  /** Messages of a receiver's URL that may be under way; null if it is no longer configured. */
  readonly parallel: (receiver: string, replica: number) => number | null;
  /** Never rejects. */
  readonly send: (entry: OutboxEntry) => Promise<Verdict>;
  /** A lane begins to fail (with the reason), or works again (null); once each, not at every attempt. */
  readonly onTurn: (receiver: string, replica: number, reason: string | null) => void;
  /** A message was given up. */
  readonly onDead: (entry: OutboxEntry) => void;
}

/** The longest that nothing is looked at: ages, and a wall clock that was set, are noticed by then. */
const LOOK_INTERVAL_MS = 60_000;

/** Ages are in hours; looking at all of them for each message would cost more than sending it. */
const AGE_INTERVAL_MS = 10_000;

interface Lane {
  readonly busyOrders: Set<string>;
  /** Under way outside of the outbox. */
  readonly heldOrders: Set<string>;
  /** In a row; 0 while the endpoint answers. */
  failures: number;
  /** No request before. */
  openMs: number;
  lastError: string;
}

/** Orders that are kept for a message outside of the outbox. */
export interface HeldOrders {
  readonly orders: readonly string[];
  /** @param verdict null: there was no attempt */
  release(verdict: Verdict | null): void;
}

/** Is it time? A time that lies further ahead than any wait comes from before the wall clock was set back. */
function isDue(timeMs: number, nowMs: number): boolean {
  return timeMs <= nowMs || timeMs - nowMs > RETRY_AFTER_MAX_MS;
}

export class DeliveryWorker {
  readonly #options: WorkerOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #underWay = new Set<Promise<void>>();
  #cancelTimer: () => void = () => undefined;
  #stopped = false;
  #agesMs = -Infinity;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Why a lane fails; empty while it works. */
  lastError(receiver: string, replica: number): string {
    return this.#lanes.get(laneKey(receiver, replica))?.lastError ?? '';
  }

  /** Looks for work: to be called whenever there may be some. */
  wake(): void {
    if (this.#stopped) {
      return;
    }
    const { outbox, clock } = this.#options;
    const nowMs = clock.nowMs();
    if (Math.abs(nowMs - this.#agesMs) >= AGE_INTERVAL_MS) {
      this.#agesMs = nowMs;
      this.#giveUpOld(nowMs);
    }
    let nextMs = nowMs + LOOK_INTERVAL_MS;
    for (const key of outbox.lanes()) {
      nextMs = Math.min(nextMs, this.#serve(key, nowMs));
    }
    this.#cancelTimer();
    this.#cancelTimer = clock.after(Math.max(nextMs - nowMs, 1), () => {
      this.wake();
    });
  }

  /**
   * For a message outside of the outbox, that must not meet one of the same order on the way.
   * @returns those of the orders of which nothing waits or is under way. Nothing of them is sent before `release` is called
   * with what the attempt says about the endpoint.
   */
  hold(receiver: string, replica: number, orders: readonly string[]): HeldOrders {
    const key = laneKey(receiver, replica);
    const lane = this.#lane(key);
    const waiting = new Set([...this.#options.outbox.pending(key).values()].map(({ order }) => order));
    const held = orders.filter((order) => !waiting.has(order) && !lane.busyOrders.has(order));
    for (const order of held) {
      lane.heldOrders.add(order);
    }
    const release = (verdict: Verdict | null): void => {
      for (const order of held) {
        lane.heldOrders.delete(order);
      }
      if (verdict !== null) {
        this.#turn(lane, receiver, replica, verdict);
      }
      this.wake();
    };
    return { orders: held, release };
  }

  /** Somebody wants it sent now: the lane does not wait either. */
  hurry(receiver: string, replica: number): void {
    this.#lane(laneKey(receiver, replica)).openMs = 0;
    this.wake();
  }

  /** Takes up nothing more. Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await this.idle();
  }

  /** Resolves when nothing is under way, and so nothing is due that could be sent. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) {
      await Promise.all(this.#underWay);
    }
  }

  #lane(key: string): Lane {
    const orders = { busyOrders: new Set<string>(), heldOrders: new Set<string>() };
    const lane = this.#lanes.get(key) ?? { ...orders, failures: 0, openMs: 0, lastError: '' };
    this.#lanes.set(key, lane);
    return lane;
  }

  #giveUpOld(nowMs: number): void {
    const { outbox, maxAgeMs } = this.#options;
    outbox.expire(nowMs);
    for (const entry of outbox.entries()) {
      const busy = this.#lanes.get(laneKey(entry.receiver, entry.replica))?.busyOrders.has(entry.order) === true;
      if (entry.state === 'pending' && !busy && nowMs - entry.ageFromMs > maxAgeMs) {
        const hours = Math.round(maxAgeMs / 3_600_000);
        const reason = entry.lastError === '' ? '' : `: ${entry.lastError}`;
        this.#end(entry, 'dead', { lastError: `not delivered within ${hours} h${reason}` });
      }
    }
  }

  /** @returns when there may be something to do next. */
  #serve(key: string, nowMs: number): number {
    const lane = this.#lane(key);
    const [first] = this.#options.outbox.pending(key).values();
    if (first === undefined) {
      return Infinity;
    }
    const parallel = this.#options.parallel(first.receiver, first.replica);
    if (parallel === null) {
      return Infinity;
    }
    if (!isDue(lane.openMs, nowMs)) {
      return lane.openMs;
    }
    const free = (lane.failures > 0 ? 1 : parallel) - lane.busyOrders.size;
    const { due, nextMs } = this.#choose(key, lane, nowMs, Math.max(free, 0));
    for (const entry of due) {
      this.#start(lane, entry);
    }
    return nextMs;
  }

  /** The first of each order, if it is due. One that fails again and again must not keep the others from being tried. */
  #choose(key: string, lane: Lane, nowMs: number, count: number): { due: OutboxEntry[]; nextMs: number } {
    const seen = new Set([...lane.busyOrders, ...lane.heldOrders]);
    const due: OutboxEntry[] = [];
    let nextMs = Infinity;
    for (const entry of this.#options.outbox.pending(key).values()) {
      if (count === 0 || (lane.failures === 0 && due.length === count)) {
        break;
      }
      if (!seen.has(entry.order)) {
        seen.add(entry.order);
        if (isDue(entry.nextAttemptMs, nowMs)) {
          due.push(entry);
        } else {
          nextMs = Math.min(nextMs, entry.nextAttemptMs);
        }
      }
    }
    const chosen = lane.failures === 0 ? due : due.toSorted((a, b) => a.attempts - b.attempts);
    return { due: chosen.slice(0, count), nextMs };
  }

  #start(lane: Lane, entry: OutboxEntry): void {
    const { outbox, send } = this.#options;
    lane.busyOrders.add(entry.order);
    outbox.setBusy(entry.id, true);
    const work = send(entry).then((verdict) => {
      lane.busyOrders.delete(entry.order);
      outbox.setBusy(entry.id, false);
      this.#turn(lane, entry.receiver, entry.replica, verdict);
      this.#settle(entry.id, verdict);
      this.#underWay.delete(work);
      this.wake();
    });
    this.#underWay.add(work);
  }

  /** What the verdict says about the endpoint; a refusal for good is an answer as well. */
  #turn(lane: Lane, receiver: string, replica: number, verdict: Verdict): void {
    const { clock, random, onTurn, outbox } = this.#options;
    if (verdict.kind === 'abandoned') {
      return;
    }
    outbox.counts(receiver).failedAttempts += verdict.kind === 'delivered' ? 0 : 1;
    if (verdict.kind !== 'retry') {
      if (lane.failures > 0) {
        onTurn(receiver, replica, null);
      }
      lane.failures = 0;
      lane.openMs = 0;
      lane.lastError = verdict.kind === 'final' ? verdict.error : '';
      return;
    }
    lane.failures += 1;
    lane.lastError = verdict.error;
    const waitMs = Math.max(backoffMs(lane.failures, random()), verdict.retryAfterMs);
    lane.openMs = clock.nowMs() + waitMs;
    if (lane.failures === 1) {
      onTurn(receiver, replica, verdict.error);
    }
  }

  /** What it was at the start of the attempt does not count: somebody may have retried it, or removed its receiver. */
  #settle(id: string, verdict: Verdict): void {
    const { clock, random, outbox } = this.#options;
    const entry = outbox.find(id);
    if (entry?.state !== 'pending' || verdict.kind === 'abandoned') {
      return;
    }
    const nowMs = clock.nowMs();
    const attempted = {
      attempts: entry.attempts + 1,
      lastAttemptMs: nowMs,
      httpStatus: verdict.httpStatus,
      lastError: verdict.kind === 'delivered' ? '' : verdict.error,
    };
    if (verdict.kind !== 'retry') {
      this.#end(entry, verdict.kind === 'final' ? 'dead' : 'delivered', attempted);
      return;
    }
    const waitMs = Math.max(backoffMs(attempted.attempts, random()), verdict.retryAfterMs);
    outbox.update({ ...entry, ...attempted, nextAttemptMs: nowMs + waitMs });
  }

  #end(entry: OutboxEntry, state: 'dead' | 'delivered', changes: Partial<OutboxEntry>): void {
    const { outbox, clock, onDead } = this.#options;
    const ended = { ...entry, ...changes, state, endMs: clock.nowMs() };
    outbox.update(ended);
    if (state === 'dead') {
      onDead(ended);
    }
  }
}
