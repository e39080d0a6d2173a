/** `struct pass_record` to `PassReport`. */
import type { PassKind, PassReport } from '../core/snapshot.js';
import { readCount, readTime, readU32 } from './fields.js';
import type { Frame } from './frame.js';
import { PASS_EDGE, PASS_KIND, PASS_RECORD as AT, RECORD_HEADER } from './layout.generated.js';
import { nameOf, nameTable } from './names.js';

const EDGE_NAMES = nameTable<keyof typeof PASS_EDGE, PassReport['edge']>(PASS_EDGE, {
  PASS_BEGIN: 'begin',
  PASS_END: 'end',
});

const KIND_NAMES = nameTable<keyof typeof PASS_KIND, PassKind>(PASS_KIND, {
  PASS_REFRESH: 'refresh',
  PASS_SWEEP: 'sweep',
  PASS_REFRESH_FULL: 'refresh_full',
  PASS_AUDIT: 'audit',
});

/**
 * Decodes a frame of kind RECORD_PASS.
 * @throws WireError for an unknown edge or kind of pass, or a time out of range.
 */
export function decodePass(frame: Frame): PassReport {
  const { offset } = frame;
  const passKind = readU32(frame, AT.passKind);
  return {
    edge: nameOf(EDGE_NAMES, frame.cause, 'unknown_cause', offset + RECORD_HEADER.cause, 'the cause of a pass record'),
    kind: nameOf(KIND_NAMES, passKind, 'unknown_value', offset + AT.passKind, 'the kind of a pass'),
    passId: readU32(frame, AT.passId),
    monoUs: readTime(frame, AT.monoUs),
    durationUs: readCount(frame, AT.durationUs),
    sockets: readU32(frame, AT.sockets),
    connections: readU32(frame, AT.connections),
    reported: readU32(frame, AT.reported),
    processes: readU32(frame, AT.processes),
    marked: readU32(frame, AT.marked),
    error: readU32(frame, AT.error),
    cpuUs: readCount(frame, AT.cpuUs),
    budgetIntervalMs: readU32(frame, AT.budgetIntervalMs),
  };
}
