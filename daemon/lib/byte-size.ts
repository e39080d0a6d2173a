/** Sizes as people write them: "64MiB". */
const UNITS_BYTES: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** As a regular expression of JSON Schema. */
export const BYTE_SIZE_PATTERN = '^[0-9]{1,9}(KiB|MiB|GiB)$';

/** @returns bytes for "2048KiB", "64MiB", "2GiB"; null for anything else. */
export function parseByteSize(text: string): number | null {
  const [, digits, unit] = /^(\d{1,9})(KiB|MiB|GiB)$/.exec(text.trim()) ?? [];
  const bytes = Number(digits) * (UNITS_BYTES[unit ?? ''] ?? NaN);
  return Number.isNaN(bytes) ? null : bytes;
}

/** The other way, in the largest unit that needs no fraction; only for what `parseByteSize` can give. */
export function formatByteSize(bytes: number): string {
  const [unit, unitBytes] = Object.entries(UNITS_BYTES).findLast(([, size]) => bytes % size === 0) ?? ['KiB', 2 ** 10];
  return `${bytes / unitBytes}${unit}`;
}
