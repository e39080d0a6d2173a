/** What a forecast supposes, where settings of a socket are not known, in facts and in words. */
import type { GiveUp } from './record.js';
import { TCP_STATE, type SocketSnapshot } from './snapshot.js';
import { unknownFacts, type UnknownFact } from './unknown-facts.js';

const KEEPALIVE_FACTS: ReadonlySet<UnknownFact> = new Set<UnknownFact>([
  'keepalive_idle',
  'keepalive_interval',
  'keepalive_probes',
]);

/** @returns the unknown settings that can matter to this socket as it is now. */
export function relevantUnknowns(socket: SocketSnapshot): readonly UnknownFact[] {
  if (socket.unknown.length === 0 || socket.state === TCP_STATE.LISTEN || socket.state === TCP_STATE.CLOSE) {
    return unknownFacts(() => false);
  }
  const isConnecting = socket.state === TCP_STATE.SYN_SENT;
  const isKeepaliveOut = isConnecting || socket.dead;
  const isKeepaliveOff = !socket.keepalive && !socket.unknown.includes('keepalive');
  return unknownFacts((fact) => {
    const matters =
      fact === 'syn_count'
        ? isConnecting
        : fact === 'keepalive'
          ? !isKeepaliveOut
          : !KEEPALIVE_FACTS.has(fact) || !(isKeepaliveOut || isKeepaliveOff);
    return matters && socket.unknown.includes(fact);
  });
}

/** @returns the forecast with what it supposes of the settings that are not known. */
export function withSuppositions(giveUp: GiveUp, socket: SocketSnapshot): GiveUp {
  const supposes = unknownFacts((fact) => socket.unknown.includes(fact) && decides(fact, giveUp, socket));
  return supposes.length === 0 ? giveUp : { ...giveUp, supposes };
}

/** Whether another value of the setting could make this another forecast. */
function decides(fact: UnknownFact, giveUp: GiveUp, socket: SocketSnapshot): boolean {
  const isIdle = giveUp.never ? socket.writeSeq === socket.sndUna : giveUp.reason === 'keepalive';
  switch (fact) {
    case 'user_timeout':
      // With nothing to send it counts only together with keepalive.
      return !isIdle || socket.keepalive;
    case 'syn_count':
      return socket.state === TCP_STATE.SYN_SENT;
    case 'keepalive':
      return isIdle;
    case 'keepalive_idle':
      return isIdle && socket.keepalive && socket.probesOut === 0;
    case 'keepalive_interval':
    case 'keepalive_probes':
      return isIdle && socket.keepalive;
    case 'sysctls':
      return !giveUp.never;
  }
}

const OPTION_NAMES: Readonly<Partial<Record<UnknownFact, string>>> = {
  user_timeout: 'TCP_USER_TIMEOUT',
  keepalive: 'SO_KEEPALIVE',
  keepalive_idle: 'TCP_KEEPIDLE',
  keepalive_interval: 'TCP_KEEPINTVL',
  keepalive_probes: 'TCP_KEEPCNT',
  syn_count: 'TCP_SYNCNT',
};

/** @returns the names under which people know these settings. */
export function unknownNames(facts: readonly UnknownFact[]): readonly string[] {
  return facts.map((fact) => OPTION_NAMES[fact] ?? 'the sysctls of its network namespace');
}

/** @returns `if the application has set no TCP_USER_TIMEOUT`; null if nothing is supposed. */
export function suppositionWords(facts: readonly UnknownFact[]): string | null {
  const names = unknownNames(facts.filter((fact) => fact !== 'sysctls'));
  const options = names.length === 0 ? [] : [`the application has set ${noneOf(names)}`];
  const sysctls = facts.includes('sysctls') ? ["the sysctls there are the kernel's defaults"] : [];
  const all = [...options, ...sysctls];
  return all.length === 0 ? null : `if ${all.join(', and ')}`;
}

function noneOf(names: readonly string[]): string {
  const [first = '', second = ''] = names;
  if (names.length === 1) {
    return `no ${first}`;
  }
  return names.length === 2
    ? `neither ${first} nor ${second}`
    : `none of ${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}
