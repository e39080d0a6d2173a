/** `struct process_record` and `struct holder_record` to the reports of who holds a socket. */
import type { HolderReport, ProcessReport } from '../core/snapshot.js';
import { readId, readText, readTime, readU32 } from './fields.js';
import type { Frame } from './frame.js';
import { HOLDER_RECORD, PROCESS_RECORD } from './layout.generated.js';

/**
 * Decodes a frame of kind RECORD_PROCESS. The texts are the process's own choice and may hold anything, control
 * characters too.
 * @throws WireError for a time out of range.
 */
export function decodeProcess(frame: Frame): ProcessReport {
  return {
    pid: readU32(frame, PROCESS_RECORD.tgid),
    startBootUs: readTime(frame, PROCESS_RECORD.startBootUs),
    parentPid: readU32(frame, PROCESS_RECORD.parentTgid),
    uid: readU32(frame, PROCESS_RECORD.uid),
    cgroupId: readId(frame, PROCESS_RECORD.cgroupId),
    comm: readText(frame, PROCESS_RECORD.comm),
    executable: readText(frame, PROCESS_RECORD.executable),
    passId: readU32(frame, PROCESS_RECORD.passId),
  };
}

/**
 * Decodes a frame of kind RECORD_HOLDER.
 * @throws WireError for a time out of range.
 */
export function decodeHolder(frame: Frame): HolderReport {
  return {
    cookie: readId(frame, HOLDER_RECORD.cookie),
    netns: readU32(frame, HOLDER_RECORD.netns),
    pid: readU32(frame, HOLDER_RECORD.tgid),
    startBootUs: readTime(frame, HOLDER_RECORD.startBootUs),
    fd: readU32(frame, HOLDER_RECORD.fd),
    passId: readU32(frame, HOLDER_RECORD.passId),
  };
}
