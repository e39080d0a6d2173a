/** Durations, sizes and times as people read them. */

const SECOND_MS = 1000;
const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** The two largest units: `4.2s`, `42s`, `1m 20s`, `2h 11m`, `3d 4h`. Negative durations count as none. */
export function durationText(durationMs: number): string {
  const ms = Math.max(durationMs, 0);
  if (ms < 9950) {
    return `${(ms / SECOND_MS).toFixed(1)}s`;
  }
  const seconds = Math.round(ms / SECOND_MS);
  const two = (unit: number, name: string, smaller: number, smallerName: string): string =>
    `${Math.floor(seconds / unit)}${name} ${Math.floor((seconds % unit) / smaller)}${smallerName}`;
  if (seconds < MINUTE_S) {
    return `${seconds}s`;
  }
  if (seconds < HOUR_S) {
    return two(MINUTE_S, 'm', 1, 's');
  }
  return seconds < DAY_S ? two(HOUR_S, 'h', MINUTE_S, 'm') : two(DAY_S, 'd', HOUR_S, 'h');
}

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `412 B`, `1.4 KiB`, `12 KiB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < SIZE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 10 ? 0 : 1;
  return `${value.toFixed(digits)} ${SIZE_UNITS[unit] ?? ''}`;
}

function twoDigits(value: number): string {
  return value.toString().padStart(2, '0');
}

/** Local wall time, `20:15:03`. */
export function clockText(realMs: number): string {
  const date = new Date(realMs);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':');
}

/** Date and time in UTC, as in the sentences of a diagnosis: `2026-11-21 20:15:03`. */
export function dateTimeText(realMs: number): string {
  return new Date(realMs).toISOString().slice(0, 19).replace('T', ' ');
}

/** Time of day in UTC, with the day where it is not that of now: `20:15:03`, `2026-11-22 00:15:03`. */
export function momentText(realMs: number, nowMs: number): string {
  const text = dateTimeText(realMs);
  const day = 'YYYY-MM-DD'.length;
  return text.slice(0, day) === dateTimeText(nowMs).slice(0, day) ? text.slice(day + 1) : text;
}

/** `1 probe`, `2 probes`. */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
