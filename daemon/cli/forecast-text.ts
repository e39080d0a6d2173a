/** What was forecast at detection, beside what was forecast since or what happened. */
import { durationToMs } from '../rpc/proto-time.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import { escapeForTerminal } from '../lib/terminal.js';
import { hasEnded, timeMs, type Connection } from './connection-text.js';
import { dateTimeText, durationText } from './quantity-text.js';

/** A name and what is known under it. */
type Fact = readonly [name: string, text: string];

/** An error of less than this is told in milliseconds. */
const MILLISECONDS_MAX = 1000;

/** Forecasts that differ by less are one. */
const SAME_MS = 1000;

/** @returns the line that says what a forecast supposes; none if it supposes nothing. */
export function suppositionFacts(giveUp: stuckd.v1.GiveUp.$Properties | null | undefined): readonly Fact[] {
  const supposes = giveUp?.supposes ?? [];
  const names = escapeForTerminal(supposes.join(', '));
  return supposes.length === 0 ? [] : [['supposing', `that nobody has set ${names}, which polling cannot see`]];
}

/** @returns the line that says how it was seen; none for BPF. */
export function pollingFacts({ polled, unknown }: Connection): readonly Fact[] {
  const names = escapeForTerminal((unknown ?? []).join(', '));
  const missing = names === '' ? '' : `; that does not show ${names}`;
  return polled === true ? [['seen by', `polling, without BPF${missing}`]] : [];
}

/** @returns the lines for the page of a connection; none where there is nothing to compare. */
export function forecastFacts(connection: Connection): readonly Fact[] {
  const { detectedGiveUp, forecastError, giveUp } = connection;
  const detected = timesText(detectedGiveUp);
  if (detected === null) {
    return [];
  }
  if (hasEnded(connection)) {
    return forecastError ? [['forecast', `${detected} at detection; ${errorText(durationToMs(forecastError))}`]] : [];
  }
  const sinceMs = (timeMs(giveUp?.time) ?? Infinity) - (timeMs(detectedGiveUp?.time) ?? 0);
  return Math.abs(sinceMs) < SAME_MS ? [] : [['at detection', `it was to give up ${detected}`]];
}

function timesText(giveUp: stuckd.v1.GiveUp.$Properties | null | undefined): string | null {
  const time = timeMs(giveUp?.time);
  const latest = timeMs(giveUp?.latestTime);
  if (time === null) {
    return null;
  }
  return latest === null ? `${dateTimeText(time)} UTC` : `${dateTimeText(time)} UTC to ${dateTimeText(latest)} UTC`;
}

/** `it came 4 ms later`. */
function errorText(errorMs: number): string {
  const size = Math.abs(errorMs);
  if (Math.round(size) === 0) {
    return 'so it came';
  }
  const span = size < MILLISECONDS_MAX ? `${Math.round(size)} ms` : durationText(size);
  return `it came ${span} ${errorMs > 0 ? 'later' : 'earlier'}`;
}
