/** Makes the messages of one page, as many as fit. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** A page ends before the 4 MiB that gRPC clients take by default: names of programs, groups and labels can be long. */
const PAGE_BYTES_MAX = 3 * 1024 * 1024;

/** A long page is mapped in pieces, so that events and other calls get their turn in between. */
const MAPPED_PER_TURN = 500;

/**
 * @param items of which the page is the beginning
 * @param sizeOf bytes of a message
 * @returns at least one message, if there is an item at all.
 */
export async function fillPage<Item, Message>(
  items: readonly Item[],
  pageSize: number,
  toMessage: (item: Item) => Message,
  sizeOf: (message: Message) => number,
): Promise<Message[]> {
  const page: Message[] = [];
  let bytes = 0;
  for (const [index, item] of items.slice(0, pageSize).entries()) {
    if (index > 0 && index % MAPPED_PER_TURN === 0) {
      await nextTurn();
    }
    const message = toMessage(item);
    bytes += sizeOf(message);
    if (bytes > PAGE_BYTES_MAX && index > 0) {
      break;
    }
    page.push(message);
  }
  return page;
}
