/** Any frame to the record that it holds. */
import type { SensorRecord } from '../core/sensor-records.js';
import type { Frame } from './frame.js';
import { RECORD_HEADER, RECORD_KIND } from './layout.generated.js';
import { decodePass } from './pass-decoder.js';
import { decodePolled, decodeReach } from './polled-decoder.js';
import { decodeHolder, decodeProcess } from './process-decoder.js';
import {
  decodeClock,
  decodeCounters,
  decodeFailure,
  decodeFeature,
  decodeHello,
  decodeMode,
  decodeProgram,
  decodeReady,
} from './sensor-decoder.js';
import { decodeSocket } from './socket-decoder.js';
import { decodeHolding, decodeInterest } from './totals-decoder.js';
import { WireError } from './wire-error.js';

/** Only records of sockets and passes have causes; a number elsewhere is a sign that the stream is out of step. */
function requireNoCause(frame: Frame): void {
  if (frame.cause !== 0) {
    throw new WireError(
      'unknown_cause',
      frame.offset + RECORD_HEADER.cause,
      `a record of kind ${frame.kind} has cause ${frame.cause}, not 0`,
    );
  }
}

/**
 * Decodes one frame. The record keeps nothing of the frame's memory.
 * @throws WireError for an enum value that is not known, or a time out of range.
 */
export function decodeRecord(frame: Frame): SensorRecord {
  if (frame.kind === RECORD_KIND.RECORD_SOCKET) {
    return { type: 'socket', socket: decodeSocket(frame) };
  }
  if (frame.kind === RECORD_KIND.RECORD_PASS) {
    return { type: 'pass', pass: decodePass(frame) };
  }
  if (frame.kind === RECORD_KIND.RECORD_POLLED) {
    return { type: 'polled', polled: decodePolled(frame) };
  }
  requireNoCause(frame);
  switch (frame.kind) {
    case RECORD_KIND.RECORD_HOLDER:
      return { type: 'holder', holder: decodeHolder(frame) };
    case RECORD_KIND.RECORD_PROCESS:
      return { type: 'process', process: decodeProcess(frame) };
    case RECORD_KIND.RECORD_CLOCK:
      return { type: 'clock', clock: decodeClock(frame) };
    case RECORD_KIND.RECORD_COUNTERS:
      return { type: 'counters', counters: decodeCounters(frame) };
    case RECORD_KIND.RECORD_HELLO:
      return { type: 'hello', hello: decodeHello(frame) };
    case RECORD_KIND.RECORD_PROGRAM:
      return { type: 'program', program: decodeProgram(frame) };
    case RECORD_KIND.RECORD_FEATURE:
      return { type: 'feature', feature: decodeFeature(frame) };
    case RECORD_KIND.RECORD_MODE:
      return { type: 'mode', mode: decodeMode(frame) };
    case RECORD_KIND.RECORD_REACH:
      return { type: 'reach', reach: decodeReach(frame) };
    case RECORD_KIND.RECORD_READY:
      return { type: 'ready', ready: decodeReady(frame) };
    case RECORD_KIND.RECORD_FAILURE:
      return { type: 'failure', failure: decodeFailure(frame) };
    case RECORD_KIND.RECORD_INTEREST:
      return { type: 'interest', interest: decodeInterest(frame) };
    case RECORD_KIND.RECORD_HOLDING:
      return { type: 'holding', holding: decodeHolding(frame) };
  }
}
