/** What those want to know or suppose who let the give-up model play the timers of a socket forward. */
import type { SocketSnapshot } from './snapshot.js';

export interface Play {
  /** Called for each transmission before the end, in order. @param jiffy in which the timer runs */
  readonly onTransmission?: (jiffy: number) => void;
  /** Something is known to change meanwhile. */
  readonly turn?: Turn;
}

/** From a moment on, the kernel's timers find other facts in the socket, while the timers themselves go on. */
export interface Turn {
  /** CLOCK_MONOTONIC, microseconds. */
  readonly fromUs: number;
  /** Of it count the state of the owner, the options and the sysctls. */
  readonly socket: SocketSnapshot;
}

/** @returns the facts that a timer finds which runs at `timeUs`, CLOCK_MONOTONIC microseconds. */
export function factsAt(socket: SocketSnapshot, { turn }: Play, timeUs: number): SocketSnapshot {
  return turn !== undefined && timeUs >= turn.fromUs ? turn.socket : socket;
}

/** @returns the facts that hold in the end. */
export function finalFacts(socket: SocketSnapshot, { turn }: Play): SocketSnapshot {
  return turn?.socket ?? socket;
}
