/**
 * The ladder of a stuck connection: the transmissions that went unanswered, those that are left, and the end. What is to
 * come is what the forecast plays through; what has passed is the same model played from the beginning of the episode.
 */
import { forecastGiveUp } from './give-up.js';
import { isProbingWindow } from './give-up-window-probe.js';
import { jiffyStartUs, tickClock, type TickClock } from './jiffies.js';
import { isProbingPeer, probeSentUs } from './keepalive-probes.js';
import { hasLostDoublings } from './kernel-limits.js';
import { retransStampUs, timerExpiryUs } from './kernel-time.js';
import type { ObservedSocket } from './observation.js';
import type { GiveUp, MonoUs } from './record.js';
import { rewound } from './rewind.js';
import { firstRtoUs, lastRtoUs } from './rto-ladder.js';
import { PENDING, type SocketSnapshot } from './snapshot.js';

/** One rung. Of two steps `give_up` the first is the earliest end and the second the latest. */
export interface LadderStep {
  readonly timeUs: MonoUs;
  readonly kind: 'past' | 'next' | 'give_up';
  /** Of a retransmission or probe: 1 is the first that went unanswered. 0 for an end. */
  readonly ordinal: number;
}

/** Steps of each kind: the first ones, and the last. Ordinals show where some were left out. */
const PAST_MAX = 20;
const NEXT_MAX = 40;

/** What was replayed may be this much off, as a share of its length and in microseconds, and still be believed. */
const REPLAY_TOLERANCE = 0.15;
const REPLAY_TOLERANCE_US = 500_000;

/** Stamps and timers are rounded, to a tick of HZ 100 at most. */
const STAMP_ERROR_MS = 20;

/**
 * @param nowUs CLOCK_MONOTONIC, microseconds: transmissions that were due before are past.
 * @returns the steps, by time; empty where the model knows no end.
 */
export function ladderOf(observed: ObservedSocket, nowUs: number): readonly LadderStep[] {
  const { socket, kernel, clock } = observed;
  const ticks = tickClock(kernel, clock);
  const coming: number[] = [];
  const giveUp = forecastGiveUp(socket, kernel, clock, { onTransmission: (jiffy) => coming.push(jiffy) });
  if (giveUp === null || giveUp.never) {
    return [];
  }
  const past = pastSteps(observed, ticks);
  const ordinal = past.at(-1)?.ordinal ?? 0;
  // Errors from the network fire timers ahead of their time: only the one that runs is known.
  const known = hasLostDoublings(socket) ? coming.slice(0, 1) : coming;
  const next = known.map((jiffy, index): LadderStep => {
    const timeUs = jiffyStartUs(jiffy, ticks);
    return { timeUs, kind: timeUs <= nowUs ? 'past' : 'next', ordinal: ordinal + index + 1 };
  });
  const ends = endSteps(giveUp);
  // The tick that may be the last is told as what it may be.
  const certain = next.filter(({ timeUs }) => ends.every((end) => end.timeUs !== timeUs));
  return [...thinned(past, PAST_MAX), ...thinned(certain, NEXT_MAX), ...ends].sort((a, b) => a.timeUs - b.timeUs);
}

function endSteps({ timeUs, latestTimeUs }: Extract<GiveUp, { never: false }>): LadderStep[] {
  const times = latestTimeUs === null || latestTimeUs === timeUs ? [timeUs] : [timeUs, latestTimeUs];
  return times.map((time) => ({ timeUs: time, kind: 'give_up', ordinal: 0 }));
}

function thinned(steps: readonly LadderStep[], max: number): readonly LadderStep[] {
  return steps.length <= max ? steps : [...steps.slice(0, max - 1), ...steps.slice(-1)];
}

function pastSteps(observed: ObservedSocket, ticks: TickClock): readonly LadderStep[] {
  const { socket } = observed;
  const step = (timeUs: number, ordinal: number): LadderStep => ({
    timeUs: Math.min(timeUs, socket.monoUs),
    kind: 'past',
    ordinal,
  });
  if (isProbingPeer(socket)) {
    const times = Array.from({ length: socket.probesOut }, (_, index) => probeSentUs(socket, index + 1, ticks));
    return times.flatMap((timeUs, index) => (timeUs === null ? [] : [step(timeUs, index + 1)]));
  }
  if (socket.pending === PENDING.PROBE0 && isProbingWindow(socket)) {
    return socket.probesOut === 0 ? [] : replayedWindowProbes(observed, ticks).map(step1Based);
  }
  return socket.retransmits === 0 ? [] : pastRtos(observed, ticks);

  function step1Based(timeUs: number, index: number): LadderStep {
    return step(timeUs, index + 1);
  }
}

/** The first probe is where the replay begins. */
function replayedWindowProbes(observed: ObservedSocket, ticks: TickClock): readonly number[] {
  const beginning = rewound(observed, ticks).socket;
  return [beginning.monoUs, ...replayed(observed, observed.socket.probesOut - 1, ticks)];
}

/** All of them where the replay arrives at the last one; else only the two that are known. */
function pastRtos(observed: ObservedSocket, ticks: TickClock): readonly LadderStep[] {
  const { socket } = observed;
  const { retransmits, monoUs } = socket;
  const firstUs = Math.min(firstRtoUs(socket, ticks), monoUs);
  const ladder = hasLostDoublings(socket) ? [] : replayed(observed, retransmits, ticks);
  const replayedLastUs = ladder.at(-1);
  const lastUs = isCutByUserTimeout(socket, ticks)
    ? (replayedLastUs ?? null)
    : Math.min(lastRtoUs(socket, ticks), monoUs);
  const tolerance = Math.max(REPLAY_TOLERANCE_US, (monoUs - firstUs) * REPLAY_TOLERANCE);
  const holds =
    ladder.length === retransmits &&
    replayedLastUs !== undefined &&
    lastUs !== null &&
    Math.abs(replayedLastUs - lastUs) <= tolerance;
  if (holds) {
    return ladder.map((timeUs, index) => {
      const ordinal = index + 1;
      return { timeUs: ordinal === retransmits ? lastUs : Math.min(timeUs, lastUs), kind: 'past', ordinal };
    });
  }
  const first: LadderStep = { timeUs: firstUs, kind: 'past', ordinal: 1 };
  return retransmits === 1 || lastUs === null
    ? [first]
    : [first, { timeUs: lastUs, kind: 'past', ordinal: retransmits }];
}

/** The user timeout cuts the last wait short: that timer does not tell when it was armed. */
function isCutByUserTimeout(socket: SocketSnapshot, ticks: TickClock): boolean {
  const stampUs = retransStampUs(socket);
  const endUs = (stampUs ?? socket.monoUs) + (socket.userTimeoutMs - STAMP_ERROR_MS) * 1000;
  return socket.userTimeoutMs > 0 && timerExpiryUs(socket.writeTimer, socket, ticks) >= endUs;
}

/** @returns the times of the first `count` transmissions from the beginning of the episode on. */
function replayed(observed: ObservedSocket, count: number, ticks: TickClock): readonly number[] {
  const { socket, turn } = rewound({ ...observed, socket: unlimited(observed.socket) }, ticks);
  const jiffies: number[] = [];
  forecastGiveUp(socket, observed.kernel, observed.clock, {
    ...(turn === null ? {} : { turn }),
    onTransmission: (jiffy) => jiffies.push(jiffy),
  });
  return jiffies.slice(0, Math.max(0, count)).map((jiffy) => jiffyStartUs(jiffy, ticks));
}

/** It has lived through its past, whatever limits hold by now. */
function unlimited(socket: SocketSnapshot): SocketSnapshot {
  const sysctls = { ...socket.sysctls, retries2: 255, synRetries: 255, orphanRetries: 255 };
  return { ...socket, synRetries: 0, sysctls };
}
