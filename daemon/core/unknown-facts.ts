/**
 * Settings that decide how long a connection hangs and are not in sock_diag: BPF reads them, polling does not. Where one of
 * them is unknown, the forecast supposes what holds for a socket that nobody has set it on.
 */

export const UNKNOWN_FACTS = [
  'user_timeout',
  'keepalive',
  'keepalive_idle',
  'keepalive_interval',
  'keepalive_probes',
  'syn_count',
  'sysctls',
] as const;

/** `sysctls`: those of its network namespace could not be read, and the kernel's defaults stand for them. */
export type UnknownFact = (typeof UNKNOWN_FACTS)[number];

/** Of a socket that BPF has read. */
export const NOTHING_UNKNOWN: readonly UnknownFact[] = [];

const interned = new Map<string, readonly UnknownFact[]>([['', NOTHING_UNKNOWN]]);

/** @returns the facts of which `isUnknown` says so, in the order above; the same array for the same facts. */
export function unknownFacts(isUnknown: (fact: UnknownFact) => boolean): readonly UnknownFact[] {
  const facts = UNKNOWN_FACTS.filter(isUnknown);
  const key = facts.join();
  const known = interned.get(key);
  if (known !== undefined) {
    return known;
  }
  interned.set(key, facts); // at most one for each set of facts
  return facts;
}
