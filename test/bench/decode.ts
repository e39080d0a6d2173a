/**
 * How fast the daemon decodes what the sensor sends, against a loop that only finds the records and touches their bytes,
 * which no decoder can beat; and what the tracker adds for sockets that have not changed, as most of a sweep, and for
 * connections that get stuck.
 */
import { FrameDecoder } from '../../daemon/wire/frame-decoder.js';
import { decodeRecord } from '../../daemon/wire/record-decoder.js';
import { RECORD_HEADER, RECORD_KIND, SOCKET_CAUSE, SOCKET_RECORD } from '../../daemon/wire/layout.generated.js';
import { RecordStream } from '../../daemon/wire/record-stream.js';
import type { Part, PartContext, PartResult, Row } from './part.js';
import { playIncident, type RecordedIncident } from './recorded-incident.js';
import { median, ratio, significant } from './statistics.js';

/** What Node.js hands out of a socket at once, at most. */
const CHUNK_BYTES = 64 * 1024;
const STREAM_BYTES = 16 * 1024 * 1024;
const ROUNDS = 9;
/** Within the tables of the tracker; each round has a tracker of its own. */
const OPENED = 10_000;
const CACHE_LINE = 64;

/** A stream of records in chunks, which end anywhere in a record. */
interface Stream {
  readonly bytes: Uint8Array;
  readonly chunks: readonly Uint8Array[];
  readonly records: number;
}

function streamOf(records: readonly Uint8Array[]): Stream {
  const bytes = Buffer.concat(records);
  const chunks: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    chunks.push(bytes.subarray(start, start + CHUNK_BYTES));
  }
  return { bytes, chunks, records: records.length };
}

/** The same records over and over. */
function longStreamOf(records: readonly Uint8Array[]): Stream {
  const size = records.reduce((sum, { length }) => sum + length, 0);
  const times = Math.ceil(STREAM_BYTES / size);
  return streamOf(Array.from({ length: times }, () => records).flat());
}

function kindOf(record: Uint8Array): number {
  return Buffer.from(record.buffer, record.byteOffset).readUInt16LE(RECORD_HEADER.kind);
}

function causeOf(record: Uint8Array): number {
  return Buffer.from(record.buffer, record.byteOffset).readUInt16LE(RECORD_HEADER.cause);
}

/** @returns how many records there are; and a sum over the bytes, so that nobody can leave out reading them. */
function walk({ bytes }: Stream): { readonly records: number; readonly sum: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let records = 0;
  let sum = 0;
  for (let position = 0; position < bytes.length; records += 1) {
    const end = position + view.getUint32(position + RECORD_HEADER.size, true);
    for (; position < end; position += CACHE_LINE) {
      sum = (sum + view.getUint32(position, true)) | 0;
    }
    position = end;
  }
  return { records, sum };
}

function decode({ chunks }: Stream): number {
  const stream = new RecordStream();
  let decoded = 0;
  for (const chunk of chunks) {
    const { records, error } = stream.push(chunk);
    if (error !== null) {
      throw error;
    }
    decoded += records.length;
  }
  return decoded;
}

/** @returns how many changes came of it. */
function track({ chunks, records: expected }: Stream, { engine }: RecordedIncident): number {
  const stream = new RecordStream();
  let changes = 0;
  const unsubscribe = engine.subscribe(() => {
    changes += 1;
  });
  let taken = 0;
  for (const chunk of chunks) {
    const { records } = stream.push(chunk);
    engine.take(records);
    taken += records.length;
  }
  engine.stop();
  unsubscribe();
  if (taken !== expected) {
    throw new Error(`${taken} of ${expected} records were decoded`);
  }
  return changes;
}

/** Records per second of processor time, of all threads: a core that collects garbage for another is not free. */
function perCore(records: number, work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return ratio(records, (user + system) / 1e6);
}

/** Records of sockets of the last sweep before the incident stands still, as they are. */
function unchangedVisits({ bytes, open }: RecordedIncident): readonly Uint8Array[] {
  const cookies = new Set(open.map(({ cookie }) => cookie));
  const visits = new Map<bigint, Uint8Array>();
  for (const record of bytes) {
    for (const frame of new FrameDecoder().push(record).frames) {
      const decoded = decodeRecord(frame);
      if (decoded.type === 'socket' && cookies.has(decoded.socket.cookie)) {
        visits.set(decoded.socket.cookie, record);
      }
    }
  }
  return [...visits.values()].filter((record) => {
    const cause: number = causeOf(record);
    return cause === SOCKET_CAUSE.CAUSE_SWEEP || cause === SOCKET_CAUSE.CAUSE_REFRESH;
  });
}

/** The third timeout of as many connections, which differ in nothing but their cookies. */
function timeouts({ bytes }: RecordedIncident): readonly Uint8Array[] {
  const isTimeout = (record: Uint8Array): boolean =>
    kindOf(record) === RECORD_KIND.RECORD_SOCKET && causeOf(record) === SOCKET_CAUSE.CAUSE_RETRANSMIT;
  const timeout = bytes.findLast(isTimeout);
  if (timeout === undefined) {
    throw new Error('the recording has no retransmission; record it anew');
  }
  return Array.from({ length: OPENED }, (_, index) => {
    const record = Buffer.from(timeout);
    record.writeBigUInt64LE(BigInt(index + 1) << 32n, SOCKET_RECORD.cookie);
    return record;
  });
}

interface Speeds {
  readonly walked: number[];
  readonly decoded: number[];
  readonly socketsWalked: number[];
  readonly sockets: number[];
  readonly unchanged: number[];
  readonly opened: number[];
}

function noSpeeds(): Speeds {
  return { walked: [], decoded: [], socketsWalked: [], sockets: [], unchanged: [], opened: [] };
}

function measure(speeds: Speeds, all: Stream, unchanged: Stream, opening: Stream): void {
  speeds.walked.push(perCore(all.records, () => walk(all)));
  speeds.decoded.push(perCore(all.records, () => decode(all)));
  speeds.socketsWalked.push(perCore(unchanged.records, () => walk(unchanged)));
  speeds.sockets.push(perCore(unchanged.records, () => decode(unchanged)));
  const quiet = playIncident();
  speeds.unchanged.push(
    perCore(unchanged.records, () => {
      if (track(unchanged, quiet) > 0) {
        throw new Error('what did not change made a change');
      }
    }),
  );
  const stormy = playIncident();
  speeds.opened.push(
    perCore(opening.records, () => {
      if (track(opening, stormy) < OPENED) {
        throw new Error('not every timeout opened a record');
      }
    }),
  );
}

function formatRate(perSecond: number): string {
  return `${(perSecond / 1e6).toPrecision(3)} M/s`;
}

function rows(speeds: Readonly<Record<keyof Speeds, number>>): readonly Row[] {
  const { walked, decoded, socketsWalked, sockets, unchanged, opened } = speeds;
  const limit = 'records found and bytes touched';
  return [
    {
      what: 'records of all kinds decoded, a core',
      measured: formatRate(decoded),
      compared: `${limit}: ${formatRate(walked)}`,
      ratio: `1/${ratio(walked, decoded).toFixed(1)} of the limit`,
    },
    {
      what: 'records of sockets decoded',
      measured: formatRate(sockets),
      compared: `${limit}: ${formatRate(socketsWalked)}`,
      ratio: `1/${ratio(socketsWalked, sockets).toFixed(1)} of the limit`,
    },
    {
      what: 'the same, and found unchanged by the tracker',
      measured: formatRate(unchanged),
      compared: `decoded only: ${formatRate(sockets)}`,
      ratio: `${ratio(sockets, unchanged).toFixed(2)} x as long`,
    },
    {
      what: 'connections that get stuck, decoded and opened',
      measured: formatRate(opened),
      compared: `decoded only: ${formatRate(sockets)}`,
      ratio: `${ratio(sockets, opened).toFixed(1)} x as long`,
    },
  ];
}

function run({ progress }: PartContext): Promise<PartResult> {
  const incident = playIncident();
  const all = longStreamOf(incident.bytes);
  const unchanged = longStreamOf(unchangedVisits(incident));
  const opening = streamOf(timeouts(incident));
  const speeds = noSpeeds();
  progress('measuring');
  for (let round = 0; round <= ROUNDS; round += 1) {
    // The first round compiles, and does not count.
    measure(round === 0 ? noSpeeds() : speeds, all, unchanged, opening);
  }
  const medians = Object.fromEntries(
    Object.entries(speeds).map(([name, values]: [string, number[]]) => [name, median(values)]),
  ) as Record<keyof Speeds, number>;
  return Promise.resolve({
    title: `recorded records in chunks of ${CHUNK_BYTES / 1024} KiB; medians of ${ROUNDS} rounds, processor time of all threads`,
    rows: rows(medians),
    figures: Object.fromEntries(
      Object.entries(medians).map(([name, value]) => [`${name}PerSecond`, significant(value)]),
    ),
  });
}

export const decodePart: Part = {
  name: 'decode',
  summary: 'records of the sensor decoded and tracked, per second and core, against touching their bytes',
  run,
};
