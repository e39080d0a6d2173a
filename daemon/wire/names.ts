/** The daemon's names for the numbers of C enums. */
import { WireError } from './wire-error.js';

/** Names by number; `undefined` where the enum has no such number. */
export type NameTable<Name extends string> = readonly (Name | undefined)[];

/**
 * @param values a generated enum.
 * @param names one name for each of its members: an enum that gains a member does not compile until it has a name here.
 */
export function nameTable<Member extends string, Name extends string>(
  values: Readonly<Record<Member, number>>,
  names: Readonly<Record<Member, Name>>,
): NameTable<Name> {
  const table: (Name | undefined)[] = [];
  for (const member of Object.keys(names) as Member[]) {
    table[values[member]] = names[member];
  }
  // Array.from fills the gaps: an array with holes is slower to read.
  return Array.from(table);
}

/**
 * @param offset in the stream, of the field that holds `value`.
 * @param what the field, for the message.
 * @throws WireError with `code` if the enum has no such number.
 */
export function nameOf<Name extends string>(
  table: NameTable<Name>,
  value: number,
  code: 'unknown_cause' | 'unknown_value',
  offset: number,
  what: string,
): Name {
  const name = table[value];
  if (name === undefined) {
    const known = table.flatMap((entry, number) => (entry === undefined ? [] : [`${number} (${entry})`]));
    throw new WireError(code, offset, `${what} is ${value}, none of ${known.join(', ')}`);
  }
  return name;
}
