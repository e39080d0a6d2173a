/**
 * The two ends of one connection, where both are on this node. They are found by their addresses: what one end calls local
 * the other calls remote. Where addresses are translated on the way they do not match, and nothing is linked.
 */
import type { StuckRecord } from './record.js';
import type { Endpoint } from './snapshot.js';

function tuple(from: Endpoint, to: Endpoint): string {
  return `${from.address} ${from.port} ${to.address} ${to.port}`;
}

/** Addresses of these stay within one network namespace. */
function isLoopback({ address }: Endpoint): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** Links records as they open. Other namespaces may use the same addresses, so that several ends can match: then none is. */
export class Counterparts {
  readonly #ends = new Map<string, Set<StuckRecord>>();
  readonly #records = new Map<string, StuckRecord>();
  readonly #links = new Map<string, string>();

  /** The other end of a record; null: it is not on this node, not stuck, or not known for certain. */
  of(recordId: string): string | null {
    return this.#links.get(recordId) ?? null;
  }

  /** Takes an open record. @returns the record at the other end, if the two are linked now and were not before. */
  add(record: StuckRecord): StuckRecord | null {
    if (record.remote.port === 0) {
      return null;
    }
    const known = this.#records.get(record.id);
    this.#records.set(record.id, record);
    const key = tuple(record.local, record.remote);
    const ends = this.#ends.get(key) ?? new Set();
    if (known !== undefined) {
      ends.delete(known);
    }
    ends.add(record);
    this.#ends.set(key, ends);
    const other = known === undefined ? this.#match(record) : null;
    if (other === null || this.#match(other) !== record) {
      return null;
    }
    this.#links.set(record.id, other.id);
    this.#links.set(other.id, record.id);
    return other;
  }

  /** The record has ended. What is still stuck at the other end keeps its link: the record can be asked for. */
  remove(recordId: string): void {
    const record = this.#records.get(recordId);
    if (record === undefined) {
      return;
    }
    const key = tuple(record.local, record.remote);
    const ends = this.#ends.get(key);
    ends?.delete(record);
    if (ends?.size === 0) {
      this.#ends.delete(key);
    }
    this.#records.delete(recordId);
    this.#links.delete(recordId);
  }

  #match(record: StuckRecord): StuckRecord | null {
    const others = [...(this.#ends.get(tuple(record.remote, record.local)) ?? [])].filter(
      (other) => other.id !== record.id && (other.netns === record.netns || !isLoopback(record.remote)),
    );
    const near = others.filter((other) => other.netns === record.netns);
    const [only, ...more] = near.length > 0 ? near : others;
    return more.length > 0 ? null : (only ?? null);
  }
}
