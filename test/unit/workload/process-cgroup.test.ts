// Proves that the control group of a process is taken for this process only: another that has its pid, or gets it while the
// files are read, is not mistaken for it. The processes are files of the form of /proc; that a running kernel has that form
// is shown with this test's own process.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readProcessWorkload } from '../../../daemon/workload/process-cgroup.js';

const procRoot = mkdtempSync(join(tmpdir(), 'stuckd-proc-'));
after(() => {
  rmSync(procRoot, { recursive: true, force: true });
});

const PID = 4711;
const TICK_US = 10_000;
const START_TICKS = 987_654;
const START_US = START_TICKS * TICK_US + 1234;
const GROUP = '/system.slice/nginx.service';

function statText(startTicks: number, name = 'nginx'): string {
  const before = Array.from({ length: 18 }, (_, index) => index.toString()).join(' ');
  return `${PID} (${name}) S ${before} ${startTicks} 1234 5678\n`;
}

/** @param changes files that differ from those of a process that is there. */
function createProcess(changes: Readonly<Record<string, string>> = {}): void {
  const directory = join(procRoot, PID.toString());
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  for (const [name, text] of Object.entries({ stat: statText(START_TICKS), cgroup: `0::${GROUP}\n`, ...changes })) {
    writeFileSync(join(directory, name), text);
  }
}

function unitOf(startUs = START_US): string | null {
  return readProcessWorkload(procRoot, PID, startUs)?.unit ?? null;
}

describe('a process by its pid and start time', () => {
  test('is found', () => {
    createProcess();
    assert.equal(unitOf(), 'nginx.service');
  });

  test('is found within one tick: the kernel rounds, and so does the sensor', () => {
    createProcess();
    assert.equal(unitOf(START_US + TICK_US), 'nginx.service');
    assert.equal(unitOf(START_US - TICK_US), 'nginx.service');
  });

  test('is not the one that got its pid later, nor the one that had it before', () => {
    createProcess();
    assert.equal(unitOf(START_US + 2 * TICK_US), null);
    assert.equal(unitOf(START_US - 2 * TICK_US), null);
  });

  test('cannot hide its start time behind its name', () => {
    const name = `a) S ${'0 '.repeat(18)}${START_TICKS} (b`;
    createProcess({ stat: statText(START_TICKS + 500, name) });
    assert.equal(unitOf(), null);
    createProcess({ stat: statText(START_TICKS, ') (\n') });
    assert.equal(unitOf(), 'nginx.service');
  });

  test('is not known once it is gone', () => {
    rmSync(join(procRoot, PID.toString()), { recursive: true });
    assert.equal(unitOf(), null);
  });

  for (const [name, stat] of [
    ['nothing', ''],
    ['no start time', `${PID} (nginx) S 1 2 3\n`],
    ['words', `${PID} (nginx) ${'x '.repeat(30)}`],
  ] as const) {
    test(`is not known from a stat file of ${name}`, () => {
      createProcess({ stat });
      assert.equal(unitOf(), null);
    });
  }
});

test('a pid that is reused between two reads is noticed', () => {
  createProcess();
  const directory = join(procRoot, PID.toString());
  // A fifo gives the writer a place in time: while the group is being read, the pid passes to another process.
  rmSync(join(directory, 'cgroup'));
  execFileSync('mkfifo', [join(directory, 'cgroup')]);
  const script = `cp "$1/next" "$1/stat.new"; exec 3> "$1/cgroup"; mv "$1/stat.new" "$1/stat"; echo 0::${GROUP} >&3`;
  writeFileSync(join(directory, 'next'), statText(START_TICKS + 300));
  execFileSync('sh', ['-c', `timeout 60 sh -c '${script}' sh "$1" > /dev/null 2>&1 &`, 'sh', directory]);
  assert.equal(unitOf(), null);
  assert.equal(readFileSync(join(directory, 'stat'), 'latin1'), statText(START_TICKS + 300), 'it was reused in time');
});

test('the running kernel writes these files as expected', () => {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const ticks = Number(execFileSync('sh', ['-c', `sed 's/.*) //' /proc/${process.pid}/stat | cut -d' ' -f20`]));
  assert.ok(ticks > 0 && stat.includes(` ${ticks} `));
  const workload = readProcessWorkload('/proc', process.pid, ticks * TICK_US);
  assert.notEqual(workload, null);
  assert.ok(readFileSync('/proc/self/cgroup', 'utf8').includes(workload?.cgroup ?? '?'));
  assert.equal(readProcessWorkload('/proc', process.pid, (ticks - 2) * TICK_US), null);
});
