// Proves the lines that a person sees while connections get stuck and end: when they come, that they wait for an owner, and
// that a storm stays readable. What the sentences say is for the tests of the diagnosis.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { StuckRecord } from '../../../daemon/core/record.js';
import { TerminalView } from '../../../daemon/terminal-view.js';
import { createClock, createRecord, createStatus, EPOCH_REAL_US, OWNER } from '../rpc/sample-records.js';

const NOW = new Date(EPOCH_REAL_US / 1000).toTimeString().slice(0, 8);

let lines: string[];
let columns: number;
let view: TerminalView;

beforeEach(() => {
  lines = [];
  columns = Infinity;
  view = new TerminalView(
    createClock(),
    (line) => lines.push(line),
    () => columns,
  );
});

const PENDING = createRecord({ ownerType: 'pending', owner: null });
const OWNED = createRecord();
const ENDED = createRecord({ outcome: 'recovered', endUs: createClock().nowUs() });

function change(kind: 'opened' | 'updated' | 'ended', record: StuckRecord): void {
  view.change({ kind, timeUs: createClock().nowUs(), record });
}

test('a stuck connection is one line with time, owner and id', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  change('opened', OWNED);
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.startsWith(`${NOW}  stuck  node[12900]`));
  assert.ok(lines[0]?.endsWith('[c000000001]'));
  change('updated', { ...OWNED, retransmits: 8 });
  assert.equal(lines.length, 1, 'updates are not lines');
  change('ended', ENDED);
  assert.equal(lines.length, 2);
  assert.match(lines.at(-1) ?? '', /^\S+ {2}ended {2}.*\[c000000001\]$/);
});

test('what does not fit the terminal goes on below the text, between words', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  change('opened', OWNED);
  const [whole = ''] = lines;
  lines.length = 0;
  columns = 80;
  change('opened', OWNED);
  assert.ok(lines.length > 1);
  assert.ok(lines.every((line) => line.length <= 80));
  const below = lines.slice(1);
  assert.ok(below.every((line) => /^ {10}\S/.test(line)));
  assert.equal([lines[0], ...below.map((line) => line.trim())].join(' '), whole.replace(/(?<=\S) {2}(?=\[)/, ' '));
});

test('an owner that is not known yet is waited for, but not for long', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  change('opened', PENDING);
  assert.equal(lines.length, 0);
  change('updated', { ...PENDING, retransmits: 8 });
  assert.equal(lines.length, 0);
  change('updated', OWNED);
  assert.match(lines.join(), /node\[12900\]/);
  t.mock.timers.tick(300);
  assert.equal(lines.length, 1, 'it is said once');

  change('opened', { ...PENDING, id: 'c000000002' });
  t.mock.timers.tick(299);
  assert.equal(lines.length, 1);
  t.mock.timers.tick(1);
  assert.equal(lines.length, 2);
  change('updated', { ...OWNED, id: 'c000000002' });
  assert.equal(lines.length, 2);
});

test('what ends before its owner is known was stuck all the same', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  change('opened', PENDING);
  change('ended', { ...ENDED, owner: null });
  assert.deepEqual(
    lines.map((line) => line.slice(NOW.length + 2, NOW.length + 7)),
    ['stuck', 'ended'],
  );
  t.mock.timers.tick(300);
  assert.equal(lines.length, 2);
});

test('names cannot move the cursor', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  change('opened', createRecord({ owner: { ...OWNER, comm: '\x1b[2Jx\n' } }));
  assert.ok(lines[0]?.includes('\\x1b[2Jx\\n'), lines[0]);
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  assert.ok(!/[\x00-\x1f]/.test(lines.join('')));
});

test('of a storm some lines are shown and the rest is counted', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (let index = 0; index < 5000; index += 1) {
    change('opened', createRecord({ id: `c${index}` }));
  }
  assert.equal(lines.length, 10);
  t.mock.timers.tick(2000);
  assert.deepEqual(lines.slice(10), [`${NOW}  and 4990 more; "stuckctl list" shows what is stuck now`]);
  change('ended', ENDED);
  assert.equal(lines.length, 12, 'the next period begins anew');
  t.mock.timers.tick(2000);
  assert.equal(lines.length, 12, 'and says nothing if nothing was left out');
});

test('the summary says that it polls', () => {
  const { sensor } = createStatus();
  view.summary(createStatus({ sensor: { ...sensor, mode: 'polling' } }));
  assert.deepEqual(lines, [`${NOW}  watching 200 connections of 17 processes by polling (degraded); 2 stuck`]);
});

test('the summary is said when it says something new', () => {
  view.summary(createStatus({ sweep: null }));
  assert.deepEqual(lines, []);
  view.summary(createStatus());
  view.summary(createStatus());
  const { tracker } = createStatus();
  view.summary(createStatus({ tracker: { ...tracker, stuckByKind: new Map() } }));
  assert.deepEqual(lines, [
    `${NOW}  watching 200 connections of 17 processes; 2 stuck`,
    `${NOW}  watching 200 connections of 17 processes; nothing is stuck`,
  ]);
});

test('after the end nothing is said', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  change('opened', PENDING);
  view.close();
  t.mock.timers.tick(60_000);
  assert.deepEqual(lines, []);
});
