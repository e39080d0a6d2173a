// Proves that a log keeps what it is given, in order and over restarts, within its bounds; that a reader gets every entry
// or is told that it cannot; and that files which are torn, damaged, foreign or gone cost what they held and nothing else.
// Disks that are full or read-only are real ones, in history-disk.test.ts. It cannot show what is left when a machine loses
// power.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type LogEntry, LogGapError } from '../../../daemon/core/history.js';
import { DurableLog, type LogOptions } from '../../../daemon/store/durable-log.js';
import { waitFor } from '../../support/wait-for.js';

const OWNER = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';

let directory = '';
let logs: DurableLog[] = [];
let problems: (string | null)[] = [];
let notices: string[] = [];

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'stuckd-log-')), 'log');
  logs = [];
  problems = [];
  notices = [];
});

afterEach(async () => {
  await Promise.all(logs.map((log) => log.close()));
  rmSync(join(directory, '..'), { recursive: true, force: true });
});

async function open(options: Partial<LogOptions> = {}, visit: ((entry: LogEntry) => void) | null = null) {
  const log = new DurableLog({
    directory,
    owner: OWNER,
    maxAgeMs: 3_600_000,
    maxBytes: 1 << 20,
    queueMax: 10_000,
    onProblem: (problem) => problems.push(problem),
    onNotice: (notice) => notices.push(notice),
    ...options,
  });
  logs.push(log);
  await log.open(visit);
  return log;
}

/** Appends entries that are told apart by their labels: the sequence number that they get. */
function fill(log: DurableLog, count: number, payloadBytes = 10): void {
  for (let index = 0; index < count; index++) {
    const sequence = log.last + 1;
    log.append(sequence * 10, () => ({ label: `n${sequence}`, payload: Buffer.alloc(payloadBytes, sequence & 0xff) }));
  }
}

async function untilWritten(log: DurableLog): Promise<void> {
  await waitFor(() => log.written === log.last, { what: 'everything to be on disk' });
}

async function labels(entries: AsyncIterable<readonly LogEntry[]>): Promise<string[]> {
  const found: string[] = [];
  for await (const chunk of entries) {
    found.push(...chunk.map(({ label }) => label));
  }
  return found;
}

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `n${from + index}`);
}

/** Files of the log, oldest first. */
function files(): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => join(directory, name));
}

describe('reading', () => {
  test('from memory and from disk alike, from any place on', async () => {
    const log = await open();
    fill(log, 3000);
    assert.deepEqual(await labels(log.read(0)), numbered(1, 3000), 'before anything is written');
    await untilWritten(log);
    assert.deepEqual(await labels(log.read(0)), numbered(1, 3000));
    assert.deepEqual(await labels(log.read(2998)), ['n2999', 'n3000']);
    assert.deepEqual(await labels(log.read(3000)), []);
    assert.deepEqual(problems, []);
  });

  test('what is appended meanwhile follows, complete and in order', async () => {
    const log = await open();
    fill(log, 500);
    const seen: string[] = [];
    for await (const entries of log.read(0)) {
      seen.push(...entries.map(({ label }) => label));
      if (log.last < 5000) {
        fill(log, 250);
      }
    }
    assert.deepEqual(seen, numbered(1, seen.length));
    assert.equal(seen.length, log.last);
  });

  test('an entry is what it was', async () => {
    const log = await open();
    const payload = Buffer.from([0, 255, 10, 13]);
    log.append(1_764_000_000_000_123, () => ({ label: 'ended ä', payload }));
    await untilWritten(log);
    const again = await open();
    const found: LogEntry[] = [];
    for await (const entries of again.readAll(0)) {
      found.push(...entries);
    }
    assert.deepEqual(
      found.map((entry) => ({ ...entry, payload: [...entry.payload] })),
      [{ sequence: 1, timeUs: 1_764_000_000_000_123, label: 'ended ä', payload: [...payload] }],
    );
  });
});

describe('restart', () => {
  test('goes on with the next number, in the same file for the same owner', async () => {
    fill(await open(), 5);
    await logs[0]?.close();
    const seen: string[] = [];
    const log = await open({}, ({ label }) => seen.push(label));
    assert.deepEqual(seen, numbered(1, 5));
    fill(log, 2);
    await untilWritten(log);
    assert.deepEqual(await labels(log.read(0)), numbered(1, 7));
    assert.equal(files().length, 1);
    const other = await open({ owner: OTHER }, () => undefined);
    fill(other, 1);
    await untilWritten(other);
    assert.equal(files().length, 2);
    assert.deepEqual(await labels(other.read(4)), numbered(5, 8));
  });

  test('a file that ends in the middle of an entry: the entry does not count, its number is given again', async () => {
    fill(await open(), 5, 100);
    await logs[0]?.close();
    truncateSync(files()[0] ?? '', readFileSync(files()[0] ?? '').length - 30);
    const log = await open({}, () => undefined);
    assert.equal(log.last, 4);
    assert.match(notices.join(), /the last \d+ bytes are not whole and do not count/);
    fill(log, 3);
    await untilWritten(log);
    assert.deepEqual(await labels(log.read(0)), numbered(1, 7));
    assert.deepEqual(await labels((await open({}, () => undefined)).read(0)), numbered(1, 7));
  });

  test('a damaged byte: what follows it in this file is not read, and nobody reads over it', async () => {
    const small = { maxBytes: 16 * 2000 };
    fill(await open(small), 60, 100);
    await logs[0]?.close();
    const log0 = await open(small);
    fill(log0, 60, 100);
    await log0.close();
    const [first = '', second = ''] = files();
    const bytes = readFileSync(first);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(first, bytes);
    const startOfSecond = Number(/(\d{16})-/.exec(second)?.[1]);
    const log = await open(small, () => undefined);
    assert.equal(log.floor, startOfSecond - 1);
    assert.deepEqual(await labels(log.read(log.floor)), numbered(startOfSecond, 120));
    await assert.rejects(labels(log.read(0)), LogGapError);
    const all = await labels(log.readAll(0));
    assert.ok(all.length > 60 && all.length < 120, `${all.length} entries are still there`);
    assert.deepEqual(problems, []);
  });

  test('damage while it is open: a reader is told that something is missing', async () => {
    const log = await open({ maxBytes: 16 * 2000 });
    for (let round = 0; round < 3; round++) {
      fill(log, 20, 100);
      await untilWritten(log);
    }
    const [first = ''] = files();
    assert.ok(files().length > 1);
    truncateSync(first, readFileSync(first).length - 30);
    await assert.rejects(labels(log.read(0)), LogGapError);
    const all = await labels(log.readAll(0));
    assert.ok(all.length < 60 && all.includes('n60'));
    assert.match(notices.join(), /are not whole and do not count/);
  });

  test('a damaged file before an empty one: no number is given twice', async () => {
    fill(await open(), 60, 100);
    await logs[0]?.close();
    await (await open({ owner: OTHER }, () => undefined)).close();
    const [first = ''] = files();
    truncateSync(first, 500);
    const log = await open({}, () => undefined);
    assert.deepEqual([log.last, log.floor], [60, 60]);
  });

  test('a file of another format is moved aside, and so is garbage', async () => {
    fill(await open(), 5);
    await logs[0]?.close();
    writeFileSync(files()[0] ?? '', Buffer.alloc(5000, 0x5a));
    const log = await open({}, () => undefined);
    assert.match(notices.join(), /is no log of this version; it was moved to/);
    assert.ok(readdirSync(directory).includes('unreadable'));
    fill(log, 2);
    assert.deepEqual(await labels(log.read(0)), ['n1', 'n2']);
    assert.deepEqual(problems, []);
  });

  test('garbage behind the last entry is not added to', async () => {
    fill(await open(), 5);
    await logs[0]?.close();
    appendFileSync(files()[0] ?? '', Buffer.alloc(100, 0xff));
    const log = await open({}, () => undefined);
    fill(log, 1);
    await untilWritten(log);
    assert.deepEqual(await labels((await open({}, () => undefined)).read(0)), numbered(1, 6));
  });
});

describe('bounds', () => {
  test('by size: the oldest files leave, counted; what is left can be read, what left is a gap', async () => {
    const log = await open({ maxBytes: 100_000 });
    for (let round = 0; round < 20; round++) {
      fill(log, 100, 100);
      await untilWritten(log);
    }
    const bytes = (): number =>
      files().reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
    await waitFor(() => bytes() <= 100_000, { what: 'old entries to be removed' });
    assert.equal(log.counters.removed, log.floor);
    assert.deepEqual(await labels(log.read(log.floor)), numbered(log.floor + 1, 2000));
    await assert.rejects(labels(log.read(log.floor - 1)), LogGapError);
  });

  test('by age: what was written too long ago leaves at the next write', async () => {
    fill(await open(), 5);
    await logs[0]?.close();
    const long = new Date(Date.now() - 3_700_000);
    utimesSync(files()[0] ?? '', long, long);
    const log = await open({ owner: OTHER }, () => undefined);
    fill(log, 1);
    await waitFor(() => log.counters.removed === 5, { what: 'the old file to leave' });
    assert.deepEqual(await labels(log.read(5)), ['n6']);
    assert.equal(log.floor, 5);
  });

  test('other bounds hold at once, by size and by age', async () => {
    const log = await open({ maxBytes: 200_000 });
    for (let round = 0; round < 8; round++) {
      fill(log, 100, 100);
      await untilWritten(log);
    }
    assert.equal(log.counters.removed, 0);
    log.setBounds({ maxAgeMs: 3_600_000, maxBytes: 20_000 });
    const bytes = (): number => log.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    await waitFor(() => bytes() <= 20_000, { what: 'the oldest to leave' });
    assert.equal(log.counters.removed, log.floor);
    assert.ok(log.floor > 0 && log.floor < 800, `${log.floor} are gone`);
    assert.deepEqual(await labels(log.read(log.floor)), numbered(log.floor + 1, 800));
    await new Promise((resolve) => setTimeout(resolve, 5)); // everything is older than 1 ms
    log.setBounds({ maxAgeMs: 1, maxBytes: 20_000 });
    await waitFor(() => log.floor === 800, { what: 'what is too old to leave' });
    assert.deepEqual(problems, []);
  });

  test('the queue: what the disk does not take in time is dropped, counted, and a gap', async () => {
    const log = await open({ queueMax: 100 });
    fill(log, 1000);
    assert.ok(log.counters.dropped >= 900, `${log.counters.dropped} dropped`);
    await waitFor(() => notices.length > 0, { what: 'a word about it' });
    assert.deepEqual(notices, [
      `${log.counters.dropped} entries came faster than they could be written, and were left out`,
    ]);
    assert.deepEqual(problems, []);
    await assert.rejects(labels(log.read(0)), LogGapError);
    assert.deepEqual(await labels(log.read(log.floor)), numbered(log.floor + 1, 1000));
    const again = await open({ queueMax: 100 }, () => undefined);
    assert.equal(again.floor, log.floor, 'also for the next run');
  });

  test('an entry that cannot be written does not hold up the rest', async () => {
    const log = await open();
    fill(log, 1);
    log.append(0, () => ({ label: 'huge', payload: Buffer.alloc(2 << 20) }));
    log.append(0, () => {
      throw new Error('a defect');
    });
    fill(log, 1);
    await untilWritten(log);
    assert.equal(log.floor, 3);
    assert.equal(log.counters.dropped, 2);
    assert.deepEqual(await labels(log.read(3)), ['n4']);
    assert.match(notices.join('\n'), /too large for a log\n.*a defect/);
  });
});

test('a directory that is deleted: said, made anew, and what it held is a gap', async () => {
  const log = await open();
  fill(log, 10);
  await untilWritten(log);
  rmSync(directory, { recursive: true });
  fill(log, 5);
  await untilWritten(log);
  assert.match(problems[0] ?? '', /ENOENT/);
  await waitFor(() => problems.at(-1) === null, { what: 'the recovery' });
  assert.equal(log.floor, 10);
  assert.deepEqual(await labels(log.read(10)), numbered(11, 15));
  assert.deepEqual(await labels((await open({}, () => undefined)).read(10)), numbered(11, 15));
});

describe('reading all, while the disk takes nothing', () => {
  test('what waits follows what is on disk, each once, also if it is written meanwhile', async () => {
    const log = await open({ maxBytes: 16 * 2000 });
    fill(log, 50, 100);
    await untilWritten(log);
    const files0 = files();
    fill(log, 50, 100);
    assert.deepEqual(await labels(log.readAll(0)), numbered(1, 100), 'before it is written');
    fill(log, 50, 100);
    const seen: string[] = [];
    for await (const entries of log.readAll(0)) {
      seen.push(...entries.map(({ label }) => label));
      await untilWritten(log);
    }
    assert.deepEqual(seen, numbered(1, 150), 'while it is written');
    assert.ok(files().length > files0.length, 'part of it into a new file');
  });

  test('what waits is found without a disk, but for what cannot be made', async () => {
    writeFileSync(directory, 'in the way');
    const log = await open();
    const first = log.last + 1;
    fill(log, 250);
    log.append(0, () => {
      throw new Error('a defect');
    });
    fill(log, 1);
    assert.equal(log.counters.dropped, 0);
    assert.deepEqual(await labels(log.readAll(Date.now())), [...numbered(first, first + 249), `n${first + 251}`]);
  });
});

test('without a directory it begins in memory, with numbers that no run before had', async () => {
  writeFileSync(directory, 'in the way');
  const log = await open({ queueMax: 400 });
  assert.match(problems[0] ?? '', /EEXIST|ENOTDIR/);
  const start = log.last;
  assert.ok(start > 1e15);
  fill(log, 250);
  assert.equal(log.counters.dropped > 100, true, 'in memory there is room for less');
  assert.deepEqual(await labels(log.read(log.last - 5)), numbered(log.last - 4, log.last));
  rmSync(directory);
  await untilWritten(log);
  assert.deepEqual(await labels(log.read(log.last - 5)), numbered(log.last - 4, log.last));
  await waitFor(() => problems.at(-1) === null, { what: 'the problem to be over' });
});
