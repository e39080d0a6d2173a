export type ClientKind = 'no-timeout' | 'with-timeout' | 'agentkeepalive';

export const CLIENT_KINDS: readonly ClientKind[] = ['no-timeout', 'with-timeout', 'agentkeepalive'];

/** What a client reports. `waiting` counts the requests without an answer, `oldestMs` is the age of the oldest. */
export type ClientEvent =
  | { readonly event: 'response'; readonly ms: number; readonly waiting: number }
  | { readonly event: 'error'; readonly code: string; readonly ms: number; readonly waiting: number }
  | { readonly event: 'tick'; readonly waiting: number; readonly oldestMs: number };
