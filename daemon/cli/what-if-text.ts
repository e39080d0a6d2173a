/** The answer to `--what-if`, in words. */
import { escapeForTerminal } from '../lib/terminal.js';
import { giveUpReasonName } from '../rpc/enum-mapping.js';
import type { stuckd } from '../rpc/gen/stuckd.js';
import { hasEnded, timeMs, type Connection } from './connection-text.js';
import { durationText, momentText } from './quantity-text.js';

type GiveUp = stuckd.v1.GiveUp.$Properties;
type Result = stuckd.v1.WhatIfResult.$Properties;

/** Timers run late by less than this: what differs by no more is the same end. */
const SAME_MS = 100;

/** Not worth a time of day. */
const AT_ONCE_MS = 500;

/** @param words the settings as they were asked for. */
export function whatIfText(words: string, result: Result, connection: Connection, nowMs: number): string {
  const settings = escapeForTerminal(words);
  const fromStart = fromStartText(settings, result.fromStart ?? null, connection, nowMs);
  return hasEnded(connection) ? fromStart : `${fromStart} ${fromNowText(result.fromNow ?? null, connection, nowMs)}`;
}

function fromStartText(settings: string, giveUp: GiveUp | null, connection: Connection, nowMs: number): string {
  const opening = `With ${settings} from the start the kernel`;
  if (giveUp === null) {
    return `When the kernel would have given up with ${settings} from the start cannot be told.`;
  }
  const time = timeMs(giveUp.time);
  if (time === null) {
    return `${opening} would never give up.`;
  }
  const endMs = timeMs(connection.endTime);
  if (endMs !== null && hasEnded(connection)) {
    return `${opening} would have given up ${momentsText(giveUp, nowMs)}, ${againstEndText(time - endMs)} (${errorText(giveUp)}).`;
  }
  const verb = time <= nowMs ? 'would have given up' : 'would give up';
  return `${opening} ${verb} ${momentsText(giveUp, nowMs)}, ${distanceText(time, nowMs)} (${errorText(giveUp)}).`;
}

function againstEndText(laterMs: number): string {
  if (Math.abs(laterMs) <= SAME_MS) {
    return 'which is when it ended';
  }
  return `${durationText(Math.abs(laterMs))} ${laterMs < 0 ? 'before' : 'after'} it ended`;
}

function fromNowText(giveUp: GiveUp | null, connection: Connection, nowMs: number): string {
  const time = timeMs(giveUp?.time);
  if (giveUp === null) {
    return 'What it changes if it is set now cannot be told.';
  }
  if (isSame(giveUp, connection.giveUp)) {
    const still = time === null ? 'the kernel still never gives up' : `it still gives up ${momentsText(giveUp, nowMs)}`;
    return `Set now, it changes nothing: ${still}.`;
  }
  if (time === null) {
    return 'Set now, it never gives up.';
  }
  if ((timeMs(giveUp.latestTime) ?? time) <= nowMs + AT_ONCE_MS) {
    return `Set now, it gives up at once (${errorText(giveUp)}).`;
  }
  const next = (giveUp.retransmitsLeft ?? 0) === 0 ? 'when its timer runs next, ' : '';
  return `Set now, it gives up ${next}${momentsText(giveUp, nowMs)}, ${distanceText(time, nowMs)} (${errorText(giveUp)}).`;
}

function isSame(a: GiveUp, b: GiveUp | null | undefined): boolean {
  const [aMs, bMs] = [timeMs(a.time), timeMs(b?.time)];
  if (aMs === null || bMs === null) {
    return aMs === bMs && a.never === true && b?.never === true;
  }
  const latestMs = (timeMs(a.latestTime) ?? aMs) - (timeMs(b?.latestTime) ?? bMs);
  return a.reason === b?.reason && Math.abs(aMs - bMs) <= SAME_MS && Math.abs(latestMs) <= SAME_MS;
}

/** `at 20:51:20 UTC`, `between 20:51:20 and 20:51:24 UTC`. */
function momentsText(giveUp: GiveUp, nowMs: number): string {
  const earliest = momentText(timeMs(giveUp.time) ?? nowMs, nowMs);
  const latest = momentText(timeMs(giveUp.latestTime) ?? timeMs(giveUp.time) ?? nowMs, nowMs);
  return earliest === latest ? `at ${earliest} UTC` : `between ${earliest} and ${latest} UTC`;
}

function distanceText(timeAtMs: number, nowMs: number): string {
  return timeAtMs <= nowMs ? `${durationText(nowMs - timeAtMs)} ago` : `in ${durationText(timeAtMs - nowMs)}`;
}

function errorText({ expectedError, reason }: GiveUp): string {
  return `${escapeForTerminal(expectedError ?? '')}, by ${giveUpReasonName(reason)}`;
}
