/**
 * The two ends of one connection, where both are on this node. They are found by their addresses: what one end calls local
 * the other calls remote. Where addresses are translated on the way they do not match, and nothing is linked.
 */
import { isLoopback } from './loopback.js';
import type { StuckRecord } from './record.js';
import { inOnePiece } from './shared-text.js';
import type { Endpoint } from './snapshot.js';

/** What is kept of an open record. None of it changes while the record is open. */
interface End {
  readonly id: string;
  readonly netns: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

function tuple(from: Endpoint, to: Endpoint): string {
  return inOnePiece([from.address, from.port, to.address, to.port], ' ');
}

/** Links records as they open. Other namespaces may use the same addresses, so that several ends can match: then none is. */
export class Counterparts {
  /** Nearly always one each: an array of one takes far less than a Set. */
  readonly #endsByTuple = new Map<string, readonly End[]>();
  readonly #ends = new Map<string, End>();
  readonly #links = new Map<string, string>();

  /** @returns the id of the other end; null: it is not on this node, not stuck, or not known for certain. */
  of(recordId: string): string | null {
    return this.#links.get(recordId) ?? null;
  }

  /** Takes an open record, as often as it changes. @returns the id of the other end, if the two have just been linked. */
  add({ id, netns, local, remote }: StuckRecord): string | null {
    if (this.#ends.has(id) || remote.port === 0) {
      return null;
    }
    const end: End = { id, netns, local, remote };
    const key = tuple(local, remote);
    this.#ends.set(id, end);
    this.#endsByTuple.set(key, (this.#endsByTuple.get(key) ?? []).concat(end));
    const other = this.#match(end);
    if (other === null || this.#match(other) !== end) {
      return null;
    }
    this.#links.set(id, other.id);
    this.#links.set(other.id, id);
    return other.id;
  }

  /** The record has ended. What is still stuck at the other end keeps its link: the record can be asked for. */
  remove(recordId: string): void {
    const end = this.#ends.get(recordId);
    if (end === undefined) {
      return;
    }
    const key = tuple(end.local, end.remote);
    const others = (this.#endsByTuple.get(key) ?? []).filter((other) => other !== end);
    if (others.length > 0) {
      this.#endsByTuple.set(key, others);
    } else {
      this.#endsByTuple.delete(key);
    }
    this.#ends.delete(recordId);
    this.#links.delete(recordId);
  }

  #match({ id, netns, local, remote }: End): End | null {
    const others = (this.#endsByTuple.get(tuple(remote, local)) ?? []).filter(
      (other) => other.id !== id && (other.netns === netns || !isLoopback(remote.address)),
    );
    const near = others.filter((other) => other.netns === netns);
    const [only, ...more] = near.length > 0 ? near : others;
    return more.length > 0 ? null : (only ?? null);
  }
}
