/** Numbers, names and spans of time as people read them. */
import type { Owner } from './record.js';
import type { Endpoint } from './snapshot.js';

/** Longest name of a process that goes into a sentence; longer ones come from hostile or broken sources only. */
const NAME_LENGTH_MAX = 64;

const MS_PER_SECOND = 1000;
const SECONDS_PER_MINUTE = 60;
const SECONDS_PER_HOUR = 3600;
const SECONDS_PER_DAY = 86_400;

/** @returns a span of time in its two largest units: `340 ms`, `12 s`, `15 min 2 s`, `2 h 11 min`, `3 d 4 h`. */
export function durationWords(us: number): string {
  const ms = Math.max(0, Math.round(us / 1000));
  if (ms < MS_PER_SECOND) {
    return `${ms} ms`;
  }
  const seconds = Math.round(ms / MS_PER_SECOND);
  if (seconds < SECONDS_PER_MINUTE) {
    return `${seconds} s`;
  }
  if (seconds < SECONDS_PER_HOUR) {
    return twoUnits(seconds, SECONDS_PER_MINUTE, 'min', 1, 's');
  }
  const minutes = Math.round(seconds / SECONDS_PER_MINUTE);
  if (minutes * SECONDS_PER_MINUTE < SECONDS_PER_DAY) {
    return twoUnits(minutes * SECONDS_PER_MINUTE, SECONDS_PER_HOUR, 'h', SECONDS_PER_MINUTE, 'min');
  }
  const hours = Math.round(seconds / SECONDS_PER_HOUR);
  return twoUnits(hours * SECONDS_PER_HOUR, SECONDS_PER_DAY, 'd', SECONDS_PER_HOUR, 'h');
}

function twoUnits(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % large) / small);
  const head = `${Math.floor(seconds / large)} ${largeName}`;
  return rest === 0 ? head : `${head} ${rest} ${smallName}`;
}

/** @returns `1 byte`, `512 bytes`, `64 KiB`, `3.4 MiB`. */
export function bytesWords(bytes: number): string {
  if (bytes < 10_000) {
    return countWords(bytes, 'byte', 'bytes');
  }
  const kibibytes = bytes / 1024;
  if (Math.round(kibibytes) < 1024) {
    return `${Math.round(kibibytes)} KiB`;
  }
  const mebibytes = kibibytes / 1024;
  return mebibytes < 1024 ? `${mebibytes.toFixed(1)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}

/** @returns `1 retransmission`, `3 retransmissions`. */
export function countWords(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** @returns `10.0.0.2:8000`, `[fd00::2]:8000`. */
export function endpointWords({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** @returns `node[12900]`. The name is untrusted text: cut here, escaped where it is shown. */
export function processWords({ comm, pid }: Owner): string {
  return `${nameWords(comm)}[${pid}]`;
}

/** @returns the name of a process, cut. */
export function nameWords(comm: string): string {
  // By characters, not by UTF-16 units: half a surrogate pair is not valid text in a protobuf string.
  return comm === '' ? 'process' : Array.from(comm).slice(0, NAME_LENGTH_MAX).join('');
}

/** An idle time, to the tenth of a second where that matters: `5.0 s`, `6 min 10 s`. */
export function idleWords(us: number): string {
  const seconds = us / 1_000_000;
  return seconds < 59.95 ? `${seconds.toFixed(1)} s` : durationWords(us);
}
