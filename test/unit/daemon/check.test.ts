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
import { PROGRAM_RECORD } from '../../../daemon/wire/layout.generated.js';
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

function program(name: string, attached: boolean, message: string): Uint8Array {
  const record = Uint8Array.from(goldenBytes('program'));
  const view = new DataView(record.buffer);
  view.setUint32(PROGRAM_RECORD.status, attached ? 1 : 2, true);
  for (const [field, text] of [
    [PROGRAM_RECORD.name, name],
    [PROGRAM_RECORD.message, message],
  ] as const) {
    record.fill(0, field.offset, field.offset + field.length);
    record.set(Buffer.from(text), field.offset);
  }
  return record;
}

async function check(asJson: boolean, columns = Infinity): Promise<{ status: number; lines: string[] }> {
  const lines: string[] = [];
  const status = await runCheck(config, asJson, (line) => lines.push(line), columns);
  return { status, lines };
}

test('each probe is a line: what it is for, or what is lost without it', async () => {
  sensorSays(
    program('tcp_retransmit_skb', true, ''),
    program('timer_expire_entry', false, 'ENOENT: \x1b[1mkeepalive'),
    goldenBytes('clock'),
    goldenBytes('ready'),
  );
  const { status, lines } = await check(false);
  assert.equal(status, 0);
  assert.match(lines[0] ?? '', /^stuckd \d/);
  assert.deepEqual(lines.slice(1), [
    '  ok       tcp_retransmit_skb  black holes and unanswered SYNs and FINs, as they happen',
    '  without  timer_expire_entry  ENOENT: \\x1b[1mkeepalive',
    'stuckd can run here.',
  ]);
});

test('a narrow terminal gets what does not fit below the text', async () => {
  sensorSays(program('tcp_retransmit_skb', true, ''), goldenBytes('clock'), goldenBytes('ready'));
  const { lines } = await check(false, 60);
  assert.equal(
    lines[1],
    '  ok       tcp_retransmit_skb  black holes and unanswered\n' +
      '                               SYNs and FINs, as they happen',
  );
});

test('JSON is one document with the same', async () => {
  sensorSays(
    program('sweep', true, ''),
    program('tcp_send_reset', false, 'ENOENT: \u009b1m'),
    goldenBytes('clock'),
    goldenBytes('ready'),
  );
  const { status, lines } = await check(true);
  assert.equal(status, 0);
  assert.equal(lines.length, 1);
  assert.ok(!(lines[0] ?? '').includes('\u009b'), 'what a terminal would obey is escaped');
  const { canRun, features } = JSON.parse(lines[0] ?? '') as { canRun: boolean; features: unknown };
  assert.equal(canRun, true);
  assert.deepEqual(features, [
    {
      name: 'sweep',
      available: true,
      required: false,
      message: 'owners, and connections that were stuck before stuckd came',
    },
    { name: 'tcp_send_reset', available: false, required: false, message: 'ENOENT: \u009b1m' },
  ]);
});

test('a sensor that cannot go on: its reason, and exit status 1', async () => {
  sensorSays(goldenBytes('failure'));
  const { status, lines } = await check(false);
  assert.equal(status, 1);
  assert.deepEqual(lines.slice(1), [
    '  MISSING  BPF programs  cannot attach anything',
    'stuckd cannot run here: see MISSING above.',
  ]);
});

test('no sensor at all', async () => {
  const { status, lines } = await check(false);
  assert.equal(status, 1);
  assert.match(lines[1] ?? '', /MISSING {2}BPF programs {2}.*sensor\.sock does not exist/);
});
