/** Short names for long texts. Nothing relies on them being hard to forge: they tell alerts apart, and that is all. */

/** FNV-1a, 64 bits (draft-eastlake-fnv): offset basis and prime. */
const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

function fnv1a64(text: string, basis: bigint): bigint {
  let hash = basis;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    // UTF-16 units, low byte first, since there is no encoder to be had here.
    hash = BigInt.asUintN(64, (hash ^ BigInt(unit & 0xff)) * FNV_PRIME);
    hash = BigInt.asUintN(64, (hash ^ BigInt(unit >> 8)) * FNV_PRIME);
  }
  return hash;
}

function hex(hash: bigint): string {
  return hash.toString(16).padStart(16, '0');
}

/** @returns 16 hexadecimal digits. */
export function shortHash(text: string): string {
  return hex(fnv1a64(text, FNV_OFFSET));
}

/** @returns 32 hexadecimal digits, the same on every node. The second half starts from where the first one ended. */
export function fingerprintOf(parts: readonly string[]): string {
  const text = JSON.stringify(parts);
  const first = fnv1a64(text, FNV_OFFSET);
  return `${hex(first)}${hex(fnv1a64(text, first))}`;
}
