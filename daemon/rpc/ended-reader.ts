/** Reads from disk what has ended, of whatever stream: connections and alerts are listed in the same way. */
import { status } from '@grpc/grpc-js';
import type { EndedItems } from '../core/history.js';
import { type HistoryLabel, parseLabel } from './history-label.js';
import { RpcError } from './status.js';

/** Each reads all that is kept on disk, in the worst case. */
const READERS_MAX = 8;

/** An ended item on disk, not decoded yet. */
export interface StoredItem<Message> {
  readonly id: string;
  readonly decode: () => Message;
}

export interface EndedQuery {
  /** Leaves out most of what ended before, milliseconds since 1970. */
  readonly sinceMs: number;
  /** @param facts as they stand in the label */
  readonly matches: (facts: string) => boolean;
  /** True of what need not be read, since memory may know more of it. */
  readonly isInMemory: (id: string) => boolean;
}

interface EndedEntry {
  readonly label: HistoryLabel;
  readonly payload: Uint8Array;
}

function compareIds(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

export class EndedReader<Message> {
  readonly #ended: EndedItems;
  readonly #decode: (payload: Uint8Array) => Message;
  #readers = 0;

  constructor(ended: EndedItems, decode: (payload: Uint8Array) => Message) {
    this.#ended = ended;
    this.#decode = decode;
  }

  /** Items by id: the first `limit` that match after `afterId`. @throws RpcError if too many calls read at a time */
  async page(query: EndedQuery, afterId: string, limit: number): Promise<readonly StoredItem<Message>[]> {
    const found = new Map<string, StoredItem<Message>>();
    let largest: string | null = null;
    for await (const { label, payload } of this.#entries(query.sinceMs)) {
      const { id, facts } = label;
      if (id <= afterId || (largest !== null && id >= largest) || !query.matches(facts) || query.isInMemory(id)) {
        continue;
      }
      found.set(id, this.#stored(id, payload));
      if (found.size > 2 * limit) {
        const sorted = [...found.values()].sort(compareIds);
        for (const { id: further } of sorted.slice(limit)) {
          found.delete(further);
        }
        largest = sorted[limit]?.id ?? null;
      }
    }
    return [...found.values()].sort(compareIds).slice(0, limit);
  }

  /** @returns the item of this id; null if there is none on disk. */
  async find(id: string): Promise<Message | null> {
    for await (const { label, payload } of this.#entries(0)) {
      if (label.id === id) {
        return this.#decode(payload);
      }
    }
    return null;
  }

  #stored(id: string, payload: Uint8Array): StoredItem<Message> {
    // A copy: the payload is a part of the chunk in which it was read.
    const bytes = Uint8Array.from(payload);
    return { id, decode: () => this.#decode(bytes) };
  }

  async *#entries(sinceMs: number): AsyncGenerator<EndedEntry> {
    if (this.#readers >= READERS_MAX) {
      throw new RpcError(
        status.RESOURCE_EXHAUSTED,
        `${READERS_MAX} calls are reading the history, which is the most; try again`,
      );
    }
    this.#readers += 1;
    try {
      for await (const entries of this.#ended.readAll(sinceMs)) {
        for (const { label: text, payload } of entries) {
          const label = parseLabel(text);
          if (label !== null) {
            yield { label, payload };
          }
        }
      }
    } finally {
      this.#readers -= 1;
    }
  }
}
