/**
 * The text form of a recorded sensor stream. Lines that start with `#` are comments; the others are
 *
 *   layout HASH     of the records below (SENSOR_LAYOUT_HASH of the build that recorded them)
 *   session         a sensor begins to speak: first at all, or after the one before has died
 *   mark NAME       where the scenario did something
 *   TIME HEX        when the daemon got this record, CLOCK_MONOTONIC microseconds of the recorded machine, and its bytes
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SENSOR_LAYOUT_HASH } from '../../daemon/wire/layout.generated.js';
import { packageRoot } from '../support/package-root.js';

/** Where the recording is; `replay-record.ts` writes it. */
export const RECORDING_PATH = join(packageRoot(), 'test', 'acceptance', 'recordings', 'incident.txt');

/** How to make it anew. */
export const RECORD_COMMAND = 'npm run build && sudo node build/test/acceptance/replay-record.js';

export type RecordingLine =
  | { readonly type: 'session' }
  | { readonly type: 'mark'; readonly name: string }
  | { readonly type: 'record'; readonly timeUs: number; readonly bytes: Uint8Array };

export interface Recording {
  readonly layoutHash: bigint;
  readonly lines: readonly RecordingLine[];
}

export function formatLine(line: RecordingLine): string {
  switch (line.type) {
    case 'session':
      return 'session';
    case 'mark':
      return `mark ${line.name}`;
    case 'record':
      return `${line.timeUs} ${Buffer.from(line.bytes).toString('hex')}`;
  }
}

function parseLine(line: string): RecordingLine {
  const [first = '', second = ''] = line.split(' ');
  if (first === 'session') {
    return { type: 'session' };
  }
  if (first === 'mark') {
    return { type: 'mark', name: second };
  }
  return { type: 'record', timeUs: Number(first), bytes: Buffer.from(second, 'hex') };
}

/** @throws Error that says what to do, if the recording was made with another layout of the records. */
export function loadRecording(): Recording {
  const lines = readFileSync(RECORDING_PATH, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const layoutHash = BigInt(lines.find((line) => line.startsWith('layout '))?.slice('layout '.length) ?? 0);
  if (layoutHash !== SENSOR_LAYOUT_HASH) {
    throw new Error(
      `${RECORDING_PATH} was recorded with layout 0x${layoutHash.toString(16)}, but the records of bpf/sensor_wire.h ` +
        `now have layout 0x${SENSOR_LAYOUT_HASH.toString(16)}; record it anew, as root: ${RECORD_COMMAND}`,
    );
  }
  return { layoutHash, lines: lines.filter((line) => !line.startsWith('layout ')).map(parseLine) };
}
