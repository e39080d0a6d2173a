/** The types of the generated layout. An offset carries the C type of its field, which the readers of `fields.ts` check. */

/** Bytes from the beginning of a record to a field of the C type `CType`. */
export type Offset<CType extends string> = number & { readonly cType: CType };

/** A `char` array: text, up to the first NUL. */
export interface TextField {
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}
