// Proves `stuckctl top` as a process in a real terminal (tmux) against a real gRPC server: rows, the way down to one
// connection, resizing, filters, and that the terminal is given back however it ends. What exactly stands on each screen is in
// unit/cli/top. It cannot prove how other terminals draw it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { packageRoot } from '../support/package-root.js';
import { ShellTerminal } from '../support/shell-terminal.js';
import { whyNoTmux } from '../support/tmux.js';
import { hasEnded } from '../support/process-status.js';
import { waitFor } from '../support/wait-for.js';
import { createRecord, createRecords, FakeRecords, OWNER } from '../unit/rpc/sample-records.js';
import { RpcBench, startStuckctl } from './rpc-harness.js';

const STUCKCTL = join(packageRoot(), 'build/bin/stuckctl.js');

/** A frame draws each line once at most, and in each of these some lines differ: as many as the line that is drawn most. */
function framesIn(bytes: string): number {
  const counts = new Map<string, number>();
  // eslint-disable-next-line no-control-regex
  for (const [place] of bytes.matchAll(/\x1b\[\d+;1H/g)) {
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
}

describe('stuckctl top in a terminal', { skip: whyNoTmux() }, () => {
  let bench: RpcBench;
  let tmux: ShellTerminal;

  beforeEach(() => {
    bench = new RpcBench();
  });

  afterEach(() => {
    bench.clean();
  });

  async function open(columns: number, lines: number): Promise<void> {
    tmux = await ShellTerminal.open(columns, lines, { STUCKD_ADDRESS: bench.address, TZ: 'UTC' });
    bench.onClean(() => {
      tmux.close();
    });
  }

  async function start(columns = 80, lines = 24): Promise<void> {
    await open(columns, lines);
    tmux.start(process.execPath, STUCKCTL, 'top');
  }

  /** From a stop: the screen is whole, keys arrive and are not echoed, and it ends as ever. */
  async function goOn(): Promise<void> {
    tmux.type('clear; fg; echo "ended with $?"');
    const screen = await tmux.until(/^stuckctl top [^]*> node\[12900\][^]*q quit$/);
    assert.ok(!screen.some((text) => /Stopped|over all/.test(text)), screen.join('\n'));
    tmux.assertTaken();
    tmux.press('?');
    await tmux.until(/^Help\nKeys$/m);
    tmux.press('q', 'q');
    await tmux.untilEnded(0);
  }

  test('rows, down to a connection and back, and q', async () => {
    await bench.serve({
      records: new FakeRecords([createRecord(), createRecord({ id: 'c000000002', kind: 'closing' })]),
    });
    await start();
    const screen = await tmux.until(/node\[12900\] +10\.0\.0\.2:8000 +2 +closing 1, retransmi/);
    assert.equal(screen.length, 24);
    tmux.assertTaken();
    tmux.press('Enter');
    await tmux.until(/^> 10\.0\.0\.1:41000 +10\.0\.0\.2:8000 /m);
    tmux.press('Enter');
    await tmux.until(/bytes in limbo/);
    tmux.press('G');
    await tmux.until(/^Timeline:$/m);
    tmux.press('Escape');
    await tmux.until(/^> 10\.0\.0\.1:41000/m);
    tmux.press('Escape');
    await tmux.until(/^> node\[12900\]/m);
    tmux.press('q');
    await tmux.untilEnded(0);
  });

  test('a terminal that gets larger, then smaller than a list needs', async () => {
    await bench.serve({ records: new FakeRecords(createRecords(60)) });
    await start();
    await tmux.until(/60 stuck connections/);
    tmux.resize(200, 50);
    const large = await waitFor(
      () => {
        const screen = tmux.screen();
        return (screen[49] ?? '').startsWith('Enter connections') && screen;
      },
      { what: 'the last line at the new bottom' },
    );
    assert.equal(large.filter((text) => text.includes('node[12900]')).length, 46);
    tmux.resize(30, 4);
    await tmux.until(/^too small$/m);
    tmux.resize(80, 24);
    await tmux.until(/60 stuck connections/);
    tmux.press('C-c');
    await tmux.untilEnded(0);
  });

  test('filter and kinds', async () => {
    const other = { ...OWNER, pid: 7, comm: 'curl' };
    await bench.serve({
      records: new FakeRecords([createRecord(), createRecord({ id: 'c000000002', owner: other, kind: 'unread' })]),
    });
    await start();
    await tmux.until(/2 stuck connections/);
    tmux.press('/', 'c', 'u', 'r', 'l', 'Enter');
    const screen = await tmux.until(/filter: curl/);
    assert.ok(!screen.some((text) => text.includes('node[12900]')));
    tmux.press('Escape');
    await tmux.until(/node\[12900\]/);
    tmux.press('f', 'Enter');
    await tmux.until(/^> \[ \] +retransmitting/m);
    tmux.press('Escape');
    await waitFor(() => !tmux.screen().some((text) => text.includes('node[12900]')), { what: 'only other kinds' });
  });

  test('a daemon that goes is told of, and waited for', async () => {
    const records = new FakeRecords([createRecord()]);
    const server = await bench.serve({ records });
    await start(120);
    await tmux.until(/1 stuck connection;/);
    server.close();
    await tmux.until(/^stuckctl top .* NOT CONNECTED for .*\ntrying again: connect ENOENT .*node\[12900\]/s);
    records.change('opened', createRecord({ id: 'c000000002' }));
    await bench.serve({ records });
    const screen = await tmux.until(/2 stuck connections;/);
    assert.ok(!screen.join('\n').includes('NOT CONNECTED'));
  });

  test('1,000 changes a second: no line is drawn more often than four times in a second of them', async () => {
    const records = new FakeRecords(createRecords(500));
    await bench.serve({ records });
    await start();
    await tmux.until(/500 stuck connections/);
    tmux.press('s', 's');
    await tmux.until(/by unacked/);
    const path = join(bench.directory.path, 'bytes');
    tmux.record(path);
    const startMs = performance.now();
    let changes = 0;
    while (changes < 5000) {
      // As many as are due by now, so that the rate is right on a slow machine too.
      for (const dueCount = performance.now() - startMs; changes < dueCount && changes < 5000; changes += 1) {
        const [record] = createRecords(500).slice(changes % 500);
        records.change('updated', createRecord({ ...record, unackedBytes: changes * 1000 }));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await tmux.until(/4\.8 MiB$/m);
    const seconds = (performance.now() - startMs) / 1000;
    const bytes = readFileSync(path, 'latin1');
    const frames = framesIn(bytes);
    // One more for each end: the seconds do not begin and end with a frame.
    assert.ok(frames <= 4 * seconds + 2, `${frames.toString()} frames in ${seconds.toFixed(1)} s`);
    const frameBytes = 24 * (80 + '\x1b[24;1H\x1b[7m\x1b[27m\x1b[K'.length);
    assert.ok(bytes.length <= frames * frameBytes, `${bytes.length.toString()} bytes in ${frames.toString()} frames`);
    assert.ok(frames >= 2 && frames < changes / 100, `${frames.toString()} frames of ${changes.toString()} changes`);
    tmux.press('q');
    await tmux.untilEnded(0);
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    test(`${signal} gives the terminal back`, async () => {
      await bench.serve({ records: new FakeRecords([createRecord()]) });
      await start();
      await tmux.until(/1 stuck connection;/);
      process.kill(tmux.programPid(), signal);
      await tmux.untilEnded(0);
    });
  }

  test('a terminal that goes takes it along', async () => {
    await bench.serve({ records: new FakeRecords([createRecord()]) });
    await start();
    await tmux.until(/1 stuck connection;/);
    const pid = tmux.programPid();
    tmux.close();
    await waitFor(() => hasEnded(pid), { what: 'its end' });
  });

  test('Ctrl-Z gives it back for a while; with fg it is as before, and takes keys', async () => {
    await bench.serve({ records: new FakeRecords([createRecord()]) });
    await start();
    await tmux.until(/1 stuck connection;/);
    tmux.press('C-z');
    await tmux.until(/^\[1\]\+ +Stopped/m);
    tmux.assertGivenBack();
    tmux.type('echo still $((40 + 2))');
    await tmux.until(/^still 42$/m);
    await goOn();
  });

  test('so does SIGTSTP of another process', async () => {
    await bench.serve({ records: new FakeRecords([createRecord()]) });
    await start();
    await tmux.until(/1 stuck connection;/);
    process.kill(tmux.programPid(), 'SIGTSTP');
    await tmux.until(/^\[1\]\+ +Stopped/m);
    tmux.assertGivenBack();
    await goOn();
  });

  test('SIGSTOP gives nothing back, but all of it is drawn again when it goes on', async () => {
    await bench.serve({ records: new FakeRecords([createRecord()]) });
    await start();
    await tmux.until(/1 stuck connection;/);
    process.kill(tmux.programPid(), 'SIGSTOP');
    await tmux.until(/^\[1\]\+ +Stopped/m);
    tmux.type('clear; echo over all of it');
    await tmux.until(/^over all of it$/m);
    await goOn();
  });

  test('an error that nobody expected gives it back too, and is seen', async () => {
    const module = join(packageRoot(), 'build/daemon/cli/top/process-terminal.js');
    const program = join(bench.directory.path, 'crash.mjs');
    writeFileSync(
      program,
      `import { processTerminal } from '${module}';
      const terminal = processTerminal(process.stdin, process.stdout);
      terminal.open({ input: () => { throw new Error('unexpected'); }, resized: () => undefined });
      await terminal.write('taken');`,
    );
    await open(80, 24);
    tmux.start(process.execPath, program);
    await tmux.until(/^taken$/m);
    tmux.press('x');
    await tmux.until(/Error: unexpected/);
    await tmux.untilEnded(1);
  });

  test('no daemon at all: a sentence that stays, and no screen taken', async () => {
    await start();
    await tmux.until(/cannot reach stuckd/);
    await tmux.untilEnded(3);
  });
});

describe('stuckctl top without a terminal', () => {
  test('says what to use instead', async () => {
    const { code, stdout, stderr } = await startStuckctl(['top']).ended;
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /top needs a terminal, for input and output; stuckctl list and stuckctl watch print lines/);
  });
});
