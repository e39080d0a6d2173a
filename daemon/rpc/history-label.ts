/** The label of a change on disk: what happened, to which item, and what filters look at. The message stands beside it. */
import type { WatchKind } from './followed-items.js';

export interface HistoryLabel {
  readonly kind: WatchKind;
  readonly id: string;
  /** JSON; a filter can read it. */
  readonly facts: string;
}

const LABEL = /^(opened|updated|ended) (\S+) (.*)$/s;

export function encodeLabel(kind: WatchKind, id: string, facts: object): string {
  return `${kind} ${id} ${JSON.stringify(facts)}`;
}

/** @returns null for a label of another version. */
export function parseLabel(label: string): HistoryLabel | null {
  const [, kind, id, facts] = LABEL.exec(label) ?? [];
  return kind === undefined || id === undefined || facts === undefined ? null : { kind: kind as WatchKind, id, facts };
}
