import type { RECORD_KIND } from './layout.generated.js';

/** A number of `enum record_kind`. */
export type RecordKind = (typeof RECORD_KIND)[keyof typeof RECORD_KIND];

/** A complete record of a known kind and the right size. It looks into the chunk that was pushed: decode it at once. */
export interface Frame {
  readonly view: DataView;
  /** Where the record begins in `view`. */
  readonly position: number;
  /** Where the record begins in the stream. */
  readonly offset: number;
  readonly kind: RecordKind;
  /** As it came: what it may be depends on the kind. */
  readonly cause: number;
}
