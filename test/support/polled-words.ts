/**
 * Where a sensor that polls leads to other words than one that sees events, about the same end of the same connection. The
 * tests name what an event would tell; what is honest without it stands here.
 */
import { isPolling } from './sensor-mode.js';

/** Of what is gone it is not known who ended it, nor whether a process that is gone as well had closed it before. */
const POLLED_OUTCOMES: Readonly<Record<string, readonly string[]>> = {
  OUTCOME_CLOSED_BY_APPLICATION: ['OUTCOME_CLOSED_BY_APPLICATION', 'OUTCOME_LOST_TRACK'],
  OUTCOME_OWNER_EXITED: ['OUTCOME_OWNER_EXITED', 'OUTCOME_CLOSED_BY_APPLICATION', 'OUTCOME_LOST_TRACK'],
  OUTCOME_RESET_BY_PEER: ['OUTCOME_LOST_TRACK'],
};

/** Steps of a timeline that are told with what was concluded, or with the count at the look that came to see it. */
const POLLED_TEXTS: readonly (readonly [told: RegExp, byEvents: string])[] = [
  [/^the kernel gave up as forecast \(concluded: it was gone, between two looks .* apart\)$/, 'the kernel gave up'],
  [
    /^its descriptor was closed, by the application or as its process exited, between two looks .* apart$/,
    'closed by the application; nothing of it remains',
  ],
  [
    /^it was gone before its forecast: the peer reset it, or the application closed it; polling cannot tell which \(.*\)$/,
    'the peer answered with RST',
  ],
  [/^(detected: )[3-5]( retransmission timeouts in a row without any answer)$/, '$13$2'],
  [/^(detected: the SYN was retransmitted )[3-5]( times without an answer)$/, '$13$2'],
];

/** A half-closed connection is gone as its peer closes, and as its application does. */
const POLLED_FIN_WAIT: Readonly<Record<string, readonly string[]>> = {
  OUTCOME_RECOVERED: ['OUTCOME_RECOVERED', 'OUTCOME_LOST_TRACK'],
};

/** @returns the outcomes that may be told in the mode of this run, where an event would tell `outcome`. */
export function outcomesTold(outcome: string, kind: string): readonly string[] {
  const told = (kind === 'STUCK_KIND_FIN_WAIT' ? POLLED_FIN_WAIT[outcome] : undefined) ?? POLLED_OUTCOMES[outcome];
  return isPolling ? (told ?? [outcome]) : [outcome];
}

/** Steps that an event tells with what only it knows. */
const UNSEEN: readonly (readonly [byEvents: RegExp, told: string])[] = [
  [/^process \d+ (?:exited|closed it); (.*)$/, 'closed on this side; $1'],
];

/** @returns the step of a timeline that is told in the mode of this run, where events tell `text`. */
export function stepTold(text: string): string {
  return isPolling ? UNSEEN.reduce((so, [byEvents, told]) => so.replace(byEvents, told), text) : text;
}

/** @returns the text of a timeline as a sensor that sees events would tell it. */
export function asEventsTell(text: string): string {
  return isPolling ? POLLED_TEXTS.reduce((so, [told, byEvents]) => so.replace(told, byEvents), text) : text;
}
