/** `struct interest_record` and `struct holding_record` to the totals of a sweep. */
import type { HoldingReport, InterestReport } from '../core/sensor-records.js';
import { readCount, readTime, readU32 } from './fields.js';
import type { Frame } from './frame.js';
import { HOLDING_RECORD, INTEREST_RECORD } from './layout.generated.js';

/**
 * Decodes a frame of kind RECORD_INTEREST.
 * @throws WireError for a time out of range.
 */
export function decodeInterest(frame: Frame): InterestReport {
  return {
    interestId: readU32(frame, INTEREST_RECORD.interestId),
    connections: readU32(frame, INTEREST_RECORD.connections),
    connecting: readU32(frame, INTEREST_RECORD.connecting),
    heardAgeJiffies: readU32(frame, INTEREST_RECORD.heardAgeJiffies),
    succeeded: readCount(frame, INTEREST_RECORD.succeeded),
    failed: readCount(frame, INTEREST_RECORD.failed),
    lastSuccessUs: readTime(frame, INTEREST_RECORD.lastSuccessUs),
    lastFailureUs: readTime(frame, INTEREST_RECORD.lastFailureUs),
    passId: readU32(frame, INTEREST_RECORD.passId),
  };
}

/**
 * Decodes a frame of kind RECORD_HOLDING.
 * @throws WireError for a time out of range.
 */
export function decodeHolding(frame: Frame): HoldingReport {
  return {
    pid: readU32(frame, HOLDING_RECORD.tgid),
    startBootUs: readTime(frame, HOLDING_RECORD.startBootUs),
    interestId: readU32(frame, HOLDING_RECORD.interestId),
    connections: readU32(frame, HOLDING_RECORD.connections),
    passId: readU32(frame, HOLDING_RECORD.passId),
  };
}
