/** Long work in short pieces, so that events and other calls get their turn in between. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Of what is asked of these here each takes a few microseconds, so that a piece takes a few milliseconds at most. */
const PIECE = 500;

export async function forEachInTurns<Item>(items: Iterable<Item>, visit: (item: Item) => void): Promise<void> {
  let visited = 0;
  for (const item of items) {
    if (visited > 0 && visited % PIECE === 0) {
      await nextTurn();
    }
    visit(item);
    visited++;
  }
}

/** A merge sort. @returns the items in order; equal ones stay in theirs. */
export async function sortInTurns<Item>(
  items: readonly Item[],
  compare: (a: Item, b: Item) => number,
): Promise<readonly Item[]> {
  let runs: Item[][] = [];
  for (let start = 0; start < items.length; start += PIECE) {
    runs.push(items.slice(start, start + PIECE).sort(compare));
    await nextTurn();
  }
  while (runs.length > 1) {
    const merged: Item[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      merged.push(await merge(runs[index] ?? [], runs[index + 1] ?? [], compare));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<Item>(
  a: readonly Item[],
  b: readonly Item[],
  compare: (a: Item, b: Item) => number,
): Promise<Item[]> {
  const merged: Item[] = [];
  const rest = b[Symbol.iterator]();
  let next = rest.next();
  await forEachInTurns(a, (item) => {
    while (next.done !== true && compare(next.value, item) < 0) {
      merged.push(next.value);
      next = rest.next();
    }
    merged.push(item);
  });
  while (next.done !== true) {
    merged.push(next.value);
    next = rest.next();
  }
  return merged;
}
