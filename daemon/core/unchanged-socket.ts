/**
 * Sweeps report every held socket that is stuck, over and over. Most of them have not changed: to see that costs a
 * fraction of a new forecast and a new record.
 */
import type { KernelTimer, SocketSnapshot, TcpSysctls } from './snapshot.js';

/** What may differ between two visits of a socket to which nothing has happened. Its two ends never do. */
const VOLATILE: ReadonlySet<keyof SocketSnapshot> = new Set<keyof SocketSnapshot>([
  'cause',
  'monoUs',
  'jiffies',
  'passId',
  'segsOut',
  'local',
  'remote',
]);

/** @returns true if both are visits of one socket, by a sweep or a refresh, and it stayed the same in between. */
export function isUnchanged(before: SocketSnapshot, now: SocketSnapshot): boolean {
  return isVisit(before) && isVisit(now) && hasSameFields(before, now);
}

function isVisit(socket: SocketSnapshot): boolean {
  return socket.cause === 'sweep' || socket.cause === 'refresh';
}

/** Every snapshot has the same fields, so they are listed once: listing them took most of a comparison. */
let comparedFields: readonly (keyof SocketSnapshot)[] | null = null;

function hasSameFields(before: SocketSnapshot, now: SocketSnapshot): boolean {
  comparedFields ??= (Object.keys(now) as (keyof SocketSnapshot)[]).filter((key) => !VOLATILE.has(key));
  for (const key of comparedFields) {
    if (before[key] !== now[key] && !isSameGroup(key, before, now)) {
      return false;
    }
  }
  return true;
}

/** The fields that are objects are made anew for every snapshot. */
function isSameGroup(key: keyof SocketSnapshot, before: SocketSnapshot, now: SocketSnapshot): boolean {
  if (key === 'writeTimer' || key === 'keepaliveTimer') {
    return isSameTimer(before[key], now[key]);
  }
  return key === 'sysctls' && areSameSysctls(before.sysctls, now.sysctls);
}

function isSameTimer(a: KernelTimer, b: KernelTimer): boolean {
  return a.pending === b.pending && a.expiresJiffies32 === b.expiresJiffies32 && a.flags === b.flags;
}

let sysctlNames: readonly (keyof TcpSysctls)[] | null = null;

export function areSameSysctls(a: TcpSysctls, b: TcpSysctls): boolean {
  sysctlNames ??= Object.keys(b) as (keyof TcpSysctls)[];
  return a === b || sysctlNames.every((key) => a[key] === b[key]);
}
