/** Makes the messages of one page, as many as fit. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { encodePageToken } from './page-token.js';

/** A page ends before the 4 MiB that gRPC clients take by default: names of programs, groups and labels can be long. */
const PAGE_BYTES_MAX = 3 * 1024 * 1024;

/** A long page is mapped in pieces, so that events and other calls get their turn in between. */
const MAPPED_PER_TURN = 25;

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

/** @param asked of the request; 0 or absent: the default. @returns how many items a page may have. */
export function pageSizeOf(asked: number | null | undefined, standard: number, max: number): number {
  return Math.min(asked === 0 ? standard : (asked ?? standard), max);
}

export interface Page<Message> {
  readonly page: Message[];
  /** Empty if there is no next page. */
  readonly nextPageToken: string;
}

/** How the items of a list become the messages of one page. */
export interface PageOptions<Item, Message> {
  readonly pageSize: number;
  /** Fingerprint of everything that decides what is listed. */
  readonly query: string;
  readonly toMessage: (item: Item) => Message;
  /** Bytes of a message. */
  readonly sizeOf: (message: Message) => number;
}

/** @param items what is left of a list, of which the ids of what came before are smaller; in any order. */
export async function fillPageById<Item extends { readonly id: string }, Message>(
  items: readonly Item[],
  { pageSize, query, toMessage, sizeOf }: PageOptions<Item, Message>,
): Promise<Page<Message>> {
  const rest = [...items].sort(byId);
  const page = await fillPage(rest, pageSize, toMessage, sizeOf);
  const last = rest[page.length - 1];
  const more = last !== undefined && rest.length > page.length;
  return { page, nextPageToken: more ? encodePageToken(query, last.id) : '' };
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}
