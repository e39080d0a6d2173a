/** @returns the sum of what nodes say; who says nothing counts nothing. */
export function sum(values: readonly (number | null | undefined)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}
