// Proves what "stuckd check" prints and returns, with a sensor that is a script of golden records. Whether programs really
// attach is for the kernel tests.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { runCheck } from '../../../daemon/check.js';
import { type Config, loadConfig } from '../../../daemon/config.js';
import { FEATURE_RECORD, MODE_RECORD, PROGRAM_RECORD, SENSOR_MODE } from '../../../daemon/wire/layout.generated.js';
import type { TextField } from '../../../daemon/wire/offset.js';
import { goldenBytes } from '../wire/golden.js';

let directory: string;
let config: Config;
let server: Server | null;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stuckd-check-'));
  const configPath = join(directory, 'stuckd.yaml');
  writeFileSync(configPath, '{}');
  config = loadConfig({ configPath, sensorAddress: `unix:${directory}/sensor.sock` }, {});
  server = null;
});

afterEach(() => {
  server?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A sensor that greets, waits for its configuration, and then says the rest. */
function sensorSays(...rest: readonly Uint8Array[]): void {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(goldenBytes('hello'));
    socket.once('data', () => socket.end(Buffer.concat(rest)));
  }).listen(join(directory, 'sensor.sock'));
}

function setTexts(record: Uint8Array, texts: readonly (readonly [TextField, string])[]): Uint8Array {
  for (const [field, text] of texts) {
    record.fill(0, field.offset, field.offset + field.length);
    record.set(Buffer.from(text), field.offset);
  }
  return record;
}

interface ProgramSaid {
  readonly attached?: boolean;
  readonly required?: boolean;
  readonly how?: string;
}

function program(name: string, { attached = true, required = false, how = 'attached' }: ProgramSaid = {}): Uint8Array {
  const record = Uint8Array.from(goldenBytes('program'));
  const view = new DataView(record.buffer);
  view.setUint32(PROGRAM_RECORD.status, attached ? 1 : 2, true);
  view.setUint32(PROGRAM_RECORD.required, required ? 1 : 0, true);
  return setTexts(record, [
    [PROGRAM_RECORD.name, name],
    [PROGRAM_RECORD.how, how],
    [PROGRAM_RECORD.loss, `what ${name} is for`],
  ]);
}

function feature(name: string, available: boolean, how: string): Uint8Array {
  const record = Uint8Array.from(goldenBytes('feature'));
  new DataView(record.buffer).setUint32(FEATURE_RECORD.available, available ? 1 : 0, true);
  return setTexts(record, [
    [FEATURE_RECORD.name, name],
    [FEATURE_RECORD.how, how],
    [FEATURE_RECORD.loss, 'nothing much'],
  ]);
}

/** @param reason why it polls; without one it uses BPF */
function mode(reason?: string): Uint8Array {
  const record = Uint8Array.from(goldenBytes('mode'));
  const view = new DataView(record.buffer);
  view.setUint32(MODE_RECORD.mode, reason === undefined ? SENSOR_MODE.MODE_EBPF : SENSOR_MODE.MODE_POLLING, true);
  if (reason === undefined) {
    view.setUint32(MODE_RECORD.code, 0, true);
  }
  return setTexts(record, [[MODE_RECORD.reason, reason ?? '']]);
}

const AWAKE = [goldenBytes('clock'), goldenBytes('ready')];
const READY = [mode(), ...AWAKE];
const MODE_LINE = '  ok       mode                ebpf: BPF programs and iterators';

async function check(asJson: boolean, columns = Infinity): Promise<{ status: number; lines: string[] }> {
  const lines: string[] = [];
  const status = await runCheck(config, asJson, (line) => lines.push(line), columns);
  return { status, lines };
}

test('each feature is a line: what it is for or how it works, or why not and what is lost', async () => {
  sensorSays(
    program('tcp_retransmit_skb', { required: true }),
    program('timer_expire_entry', { attached: false, how: 'ENOENT: \x1b[1mkeepalive' }),
    program('tcp_send_reset', { how: 'attached, but late' }),
    feature('write timer', true, 'icsk_timeout'),
    feature('RTO limit', false, 'the constant 120 s'),
    ...READY,
  );
  const { status, lines } = await check(false);
  assert.equal(status, 0);
  assert.match(lines[0] ?? '', /^stuckd \d/);
  assert.deepEqual(lines.slice(1), [
    MODE_LINE,
    '  ok       tcp_retransmit_skb  attached: black holes and unanswered SYNs and FINs, as they happen',
    '  without  timer_expire_entry  ENOENT: \\x1b[1mkeepalive; lost without it: what timer_expire_entry is for',
    '  ok       tcp_send_reset      attached, but late',
    '  ok       write timer         icsk_timeout',
    '  without  RTO limit           the constant 120 s; lost without it: nothing much',
    'stuckd can run here.',
  ]);
});

test('a terminal of 80 columns gets what does not fit below the text', async () => {
  sensorSays(
    program('tcp_retransmit_skb', { required: true }),
    feature('RTO limit', false, 'the constant 120 s (before Linux 6.15)'),
    ...READY,
  );
  const { lines } = await check(false, 80);
  assert.deepEqual(lines.slice(1, -1), [
    MODE_LINE,
    '  ok       tcp_retransmit_skb  attached: black holes and unanswered SYNs and\n' +
      '                               FINs, as they happen',
    '  without  RTO limit           the constant 120 s (before Linux 6.15); lost\n' +
      '                               without it: nothing much',
  ]);
});

test('a wide terminal gets the loss in a column of its own, also of what is there', async () => {
  sensorSays(
    program('tcp_retransmit_skb', { required: true }),
    feature('RTO limit', false, 'the constant 120 s (before Linux 6.15)'),
    ...READY,
  );
  const { lines } = await check(false, 100);
  assert.deepEqual(lines.slice(1, -1), [
    '           feature             how it works here                  what is lost without it',
    '  ok       mode                ebpf: BPF programs and iterators   stuckd polls',
    '  ok       tcp_retransmit_skb  attached: black holes and          what tcp_retransmit_skb is for\n' +
      '                               unanswered SYNs and FINs, as they\n' +
      '                               happen',
    '  without  RTO limit           the constant 120 s (before Linux   nothing much\n' +
      '                               6.15)',
  ]);
  for (const line of lines.flatMap((text) => text.split('\n'))) {
    assert.ok(line.length <= 100, line);
  }
});

test('JSON is one document with the same', async () => {
  sensorSays(
    program('sweep', { required: true }),
    program('tcp_send_reset', { attached: false, how: 'ENOENT: \u009b1m' }),
    feature('write timer', true, 'icsk_timeout'),
    ...READY,
  );
  const { status, lines } = await check(true);
  assert.equal(status, 0);
  assert.equal(lines.length, 1);
  assert.ok(!(lines[0] ?? '').includes('\u009b'), 'what a terminal would obey is escaped');
  const answer = JSON.parse(lines[0] ?? '') as { canRun: boolean; mode: string; features: unknown[] };
  assert.deepEqual([answer.canRun, answer.mode], [true, 'ebpf']);
  assert.deepEqual(answer.features.slice(1), [
    {
      name: 'sweep',
      available: true,
      required: true,
      how: 'attached: owners, and connections that were stuck before stuckd came',
      loss: 'what sweep is for',
    },
    {
      name: 'tcp_send_reset',
      available: false,
      required: false,
      how: 'ENOENT: \u009b1m',
      loss: 'what tcp_send_reset is for',
    },
    { name: 'write timer', available: true, required: false, how: 'icsk_timeout', loss: 'nothing much' },
  ]);
});

test('a sensor that polls: stuckd can run, and the mode, its reason and what is not known are told', async () => {
  const losses = [feature('user timeout', false, 'not in sock_diag'), feature('namespaces', true, 'all are open')];
  sensorSays(mode('this kernel has no BTF'), ...losses, ...AWAKE);
  const { status, lines } = await check(false);
  assert.equal(status, 0);
  assert.match(
    lines[1] ?? '',
    /^ {2}without {2}mode .*degraded: the sensor polls .*: this kernel has no BTF; lost without it: /,
  );
  assert.equal(lines[2], '  without  user timeout  not in sock_diag; lost without it: nothing much');
  assert.equal(lines.at(-1), 'stuckd can run here, degraded: by polling.');
  server?.close();
  rmSync(join(directory, 'sensor.sock'), { force: true });
  sensorSays(mode('this kernel has no BTF'), ...AWAKE);
  const asJson = await check(true);
  const answer = JSON.parse(asJson.lines[0] ?? '') as { canRun: boolean; mode: string };
  assert.deepEqual([answer.canRun, answer.mode], [true, 'polling']);
});

test('a sensor that cannot go on: its reason, and exit status 1', async () => {
  sensorSays(goldenBytes('failure'));
  const { status, lines } = await check(false);
  assert.equal(status, 1);
  assert.deepEqual(lines.slice(1), [
    '  MISSING  BPF programs  cannot attach anything; lost without it: nothing is observed',
    'stuckd cannot run here: see MISSING above.',
  ]);
});

test('no sensor at all', async () => {
  const { status, lines } = await check(false);
  assert.equal(status, 1);
  assert.match(lines[1] ?? '', /MISSING {2}BPF programs {2}.*sensor\.sock does not exist/);
});

test('a sensor that serves another daemon', async () => {
  server = createServer((socket) => socket.on('error', () => undefined)).listen(join(directory, 'sensor.sock'));
  const lines: string[] = [];
  assert.equal(await runCheck(config, false, (line) => lines.push(line), Infinity, 10), 1);
  assert.match(lines[1] ?? '', /MISSING {2}BPF programs {2}.*serves one daemon at a time.*stuckctl status/);
});
