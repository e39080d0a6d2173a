// Proves `stuckctl top` as a process in a real terminal (tmux) against a real gRPC server: rows, the way down to one
// connection, resizing, filters, and that the terminal is given back however it ends. What exactly stands on each screen is in
// unit/cli/top. It cannot prove how other terminals draw it.
import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { packageRoot } from '../support/package-root.js';
import { Tmux, whyNoTmux } from '../support/tmux.js';
import { waitFor } from '../support/wait-for.js';
import { createRecord, createRecords, FakeRecords, OWNER } from '../unit/rpc/sample-records.js';
import { RpcBench, startStuckctl } from './rpc-harness.js';

const STUCKCTL = join(packageRoot(), 'build/bin/stuckctl.js');

describe('stuckctl top in a terminal', { skip: whyNoTmux() }, () => {
  let bench: RpcBench;
  let tmux: Tmux;

  beforeEach(() => {
    bench = new RpcBench();
  });

  afterEach(() => {
    bench.clean();
  });

  /** Starts it in a shell that tells its exit code when it is over. */
  async function startInShell(command: string, columns: number, lines: number): Promise<void> {
    tmux = new Tmux(columns, lines, { STUCKD_ADDRESS: bench.address, TZ: 'UTC' });
    bench.onClean(() => {
      tmux.close();
    });
    await tmux.until(/^prompt\$/m);
    tmux.type(`${command}; echo "ended with $?"`);
  }

  async function start(columns = 80, lines = 24): Promise<void> {
    await startInShell(`'${process.execPath}' '${STUCKCTL}' top`, columns, lines);
  }

  /** The shell is back where it was: its own screen, a cursor, and keys that are echoed. */
  async function assertGivenBack(code: number): Promise<void> {
    const screen = await tmux.until(new RegExp(`^ended with ${code.toString()}$`, 'm'));
    assert.match(screen[0] ?? '', /^prompt\$ /, 'the screen of before');
    assert.deepEqual([tmux.ask('alternate_on'), tmux.ask('cursor_flag'), tmux.ask('wrap_flag')], ['0', '1', '1']);
    tmux.type('echo still $((40 + 2))');
    await tmux.until(/^prompt\$ echo still \$\(\(40 \+ 2\)\)\nstill 42$/m);
  }

  function topPid(): number {
    const [pid] = tmux.children();
    assert.ok(pid !== undefined, 'stuckctl runs');
    return pid;
  }

  test('rows, down to a connection and back, and q', async () => {
    await bench.serve({
      records: new FakeRecords([createRecord(), createRecord({ id: 'c000000002', kind: 'closing' })]),
    });
    await start();
    const screen = await tmux.until(/node\[12900\] +10\.0\.0\.2:8000 +2 +closing 1, retransmi/);
    assert.equal(screen.length, 24);
    assert.deepEqual([tmux.ask('alternate_on'), tmux.ask('cursor_flag')], ['1', '0']);
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
    await assertGivenBack(0);
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
    await assertGivenBack(0);
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
    await tmux.until(/NOT CONNECTED for .*node\[12900\]/s);
    records.change('opened', createRecord({ id: 'c000000002' }));
    await bench.serve({ records });
    const screen = await tmux.until(/2 stuck connections;/);
    assert.ok(!screen.join('\n').includes('NOT CONNECTED'));
  });

  test('1,000 changes a second: as many bytes as four frames a second may have', async () => {
    const records = new FakeRecords(createRecords(500));
    await bench.serve({ records });
    await start();
    await tmux.until(/500 stuck connections/);
    tmux.record(join(bench.directory.path, 'bytes'));
    tmux.press('s', 's', 's');
    await tmux.until(/by unacked/);
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
    const frames = 4 * ((performance.now() - startMs) / 1000) + 10;
    const { size } = statSync(join(bench.directory.path, 'bytes'));
    const frameBytes = 24 * (80 + '\x1b[24;1H\x1b[7m\x1b[27m\x1b[K'.length);
    assert.ok(size > 24 * 80, 'the screen was drawn');
    assert.ok(size <= frames * frameBytes, `${size.toString()} bytes are more than ${frames.toFixed(0)} frames`);
    tmux.press('q');
    await assertGivenBack(0);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} gives the terminal back`, async () => {
      await bench.serve({ records: new FakeRecords([createRecord()]) });
      await start();
      await tmux.until(/1 stuck connection;/);
      process.kill(topPid(), signal);
      await assertGivenBack(0);
    });
  }

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
    await startInShell(`'${process.execPath}' '${program}'`, 80, 24);
    await tmux.until(/^taken$/m);
    tmux.press('x');
    await tmux.until(/Error: unexpected/);
    await assertGivenBack(1);
  });

  test('no daemon at all: a sentence that stays, and no screen taken', async () => {
    await start();
    await tmux.until(/cannot reach stuckd/);
    await assertGivenBack(3);
  });
});

describe('stuckctl top without a terminal', () => {
  test('says what to use instead', async () => {
    const { code, stdout, stderr } = await startStuckctl(['top']).ended;
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /top needs a terminal, for input and output; stuckctl list and stuckctl watch print lines/);
  });
});
