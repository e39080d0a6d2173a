/** What the processes of `stream` tell each other. */

/** Where the changes come from. */
export type Feed =
  /** As many changes of records as are wanted; each is mapped and encoded for the first time. */
  | 'fresh'
  /** The same few over and over: history has encoded them, and all that is left is to send them. */
  | 'encoded'
  /** Responses that are there as bytes, and a serializer that does nothing. */
  | 'limit';

/** To the server. */
export type ServerOrder =
  | { readonly type: 'publish'; readonly feed: Feed; readonly changes: number }
  /** All subscribers have got so many of them. */
  | { readonly type: 'taken'; readonly changes: number };

/** From the server: where it listens, and how much processor time a feed took it. */
export type ServerReport =
  | { readonly type: 'ready'; readonly address: string; readonly limitAddress: string }
  | { readonly type: 'published'; readonly cpuMs: number };

/** To the subscribers: how many there are to be, and how many changes each of them gets. */
export interface SubscribersOrder {
  readonly address: string;
  readonly subscribers: number;
  readonly changes: number;
}

/** From the subscribers. */
export type SubscribersReport =
  | { readonly type: 'ready' }
  | { readonly type: 'taken'; readonly changes: number }
  | { readonly type: 'done'; readonly bytes: number };

/** Of the method that serves the limit. */
export const LIMIT_PATH = '/bench.Limit/Watch';
