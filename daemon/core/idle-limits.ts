/** After how much idle time each peer closes connections, learnt from the FINs that it sends on idle ones. */
import { isSameLimit } from './stale-reuse.js';
import type { Endpoint } from './snapshot.js';

/** What is known of one peer. */
export interface IdleLimit {
  readonly peer: Endpoint;
  readonly netns: number;
  /** The idle time after which it closes, microseconds: the shortest of those that agree. */
  readonly limitUs: number;
  /** How many FINs agree. */
  readonly seen: number;
  /** When the last one came, CLOCK_MONOTONIC microseconds. */
  readonly lastUs: number;
}

interface Closes {
  readonly peer: Endpoint;
  readonly netns: number;
  /** The newest idle times, microseconds. */
  readonly idleUs: number[];
  seen: number;
  lastUs: number;
}

/** Idle times that are kept of one peer; the limit must be that of most of them. */
const KEPT = 8;

/** One FIN may have another reason: a deployment, a limit of requests. */
const AGREE_MIN = 2;

export class IdleLimits {
  readonly #peersMax: number;
  /** The peer that closed last is at the end. */
  readonly #peers = new Map<string, Closes>();

  /** @param peersMax beyond, the peer that has not closed for the longest time is forgotten. */
  constructor(peersMax: number) {
    this.#peersMax = peersMax;
  }

  /** Takes a FIN on a connection that had been idle for `idleUs`. */
  learn(netns: number, peer: Endpoint, idleUs: number, atUs: number): void {
    const key = keyOf(netns, peer);
    const closes = this.#peers.get(key) ?? { peer, netns, idleUs: [], seen: 0, lastUs: atUs };
    closes.idleUs.push(idleUs);
    if (closes.idleUs.length > KEPT) {
      closes.idleUs.shift();
    }
    closes.seen++;
    closes.lastUs = atUs;
    this.#peers.delete(key);
    this.#peers.set(key, closes);
    for (const oldest of this.#peers.keys()) {
      if (this.#peers.size <= this.#peersMax) {
        break;
      }
      this.#peers.delete(oldest);
    }
  }

  /** @returns microseconds, or null if too little is known. */
  limitUs(netns: number, peer: Endpoint): number | null {
    const closes = this.#peers.get(keyOf(netns, peer));
    return closes === undefined ? null : agreedUs(closes.idleUs);
  }

  /** @returns every peer of which a limit is known, the one that closed last first. */
  all(): readonly IdleLimit[] {
    return [...this.#peers.values()].reverse().flatMap(({ peer, netns, idleUs, seen, lastUs }) => {
      const limitUs = agreedUs(idleUs);
      return limitUs === null ? [] : [{ peer, netns, limitUs, seen, lastUs }];
    });
  }
}

function keyOf(netns: number, { address, port }: Endpoint): string {
  return `${netns} ${address} ${port}`;
}

/** The shortest idle time that more than half of them agree with. */
function agreedUs(idleUs: readonly number[]): number | null {
  for (const shortest of idleUs.toSorted((a, b) => a - b)) {
    const agreeing = idleUs.filter((other) => other >= shortest && isSameLimit(other, shortest)).length;
    if (agreeing >= AGREE_MIN && agreeing * 2 > idleUs.length) {
      return shortest;
    }
  }
  return null;
}
