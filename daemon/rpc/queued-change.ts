/** What waits for one subscriber of a watch. */
import type { WatchKind } from './followed-items.js';

export interface QueuedChange<Change> {
  readonly change: Change;
  readonly id: string;
  readonly kind: WatchKind;
  readonly sequence: number;
}

/** Keeps of each item only the newest of its updates; what opened and what ended stays. */
export function foldUpdates<Change>(queue: readonly QueuedChange<Change>[]): QueuedChange<Change>[] {
  const seen = new Set<string>();
  const kept: QueuedChange<Change>[] = [];
  for (const queued of queue.toReversed()) {
    const { id } = queued;
    if (queued.kind === 'updated' && seen.has(id)) {
      continue;
    }
    seen.add(id);
    kept.push(queued);
  }
  return kept.reverse();
}
