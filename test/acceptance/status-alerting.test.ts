// Proves that the status tells of alerts and receivers what the daemon as a whole knows of them: with a recorded sensor
// stream, the real alert rules and outbox, a receiver on loopback, and stuckctl as a process. How each number is counted is
// shown where it is counted.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { answerWith, Endpoint } from '../unit/sinks/endpoint.js';
import { ReplayBench } from './replay-bench.js';
import { loadRecording } from './replay-recording.js';
import { startStuckctl } from './rpc-harness.js';

const recording = loadRecording();

let bench: ReplayBench;
let endpoint: Endpoint;

beforeEach(async () => {
  bench = new ReplayBench(recording);
  endpoint = await Endpoint.start();
});

afterEach(async () => {
  await bench.close();
  await endpoint.close();
});

test('alerts and receivers: nothing yet, a receiver that fails, and one that takes everything', async () => {
  const daemon = await bench.startDaemon();
  const page = async (): Promise<string> => {
    const { stdout, code } = await startStuckctl(['status'], { STUCKD_ADDRESS: daemon.app.grpcAddress }).ended;
    assert.equal(code, 0);
    return stdout;
  };
  const { alerting: quiet } = await daemon.client.getStatus();
  assert.deepEqual([quiet?.firing, quiet?.fired?.toNumber(), quiet?.receivers], [0, 0, []]);

  endpoint.answer = answerWith(500);
  const atOnce = { alert: { after: '0s', for: '0s', connections: 1 } };
  daemon.app.reload(
    bench.config({
      kinds: { retransmitting: atOnce },
      receivers: [{ name: 'hook', type: 'webhook', url: `${endpoint.url}/hook`, allowLoopback: true }],
    }),
  );
  // Beyond the beginning of the black holes: alerts wait for a moment, of recorded time, for others of the same cause,
  // and the next mark may come sooner.
  await bench.playTo('orphan');
  bench.clock.advance(bench.clock.nowUs() + 1_000_000);
  const failing = await bench.untilStatus(daemon, 'a receiver that fails', ({ alerting }) => {
    return (alerting?.receivers ?? []).some(({ lastError }) => lastError?.startsWith('HTTP 500') === true);
  });
  const { firing = 0, fired } = failing.alerting ?? {};
  assert.ok((firing ?? 0) > 0);
  assert.equal(fired?.toNumber(), firing);
  assert.equal(failing.alerting?.receivers?.[0]?.pending, firing);
  const text = await page();
  assert.match(text, new RegExp(`^ {2}alerts +${firing} firing; since start ${firing} fired, 0 resolved$`, 'm'));
  assert.match(text, /^ {2}receiver +hook: 0 delivered, \d+ waiting \(oldest \S+\); last error: HTTP 500/m);

  endpoint.answer = answerWith(200);
  const { alerting } = await bench.untilStatus(daemon, 'everything delivered', ({ alerting: now }) => {
    return now?.receivers?.[0]?.delivered?.toNumber() === firing;
  });
  assert.deepEqual([alerting?.receivers?.[0]?.pending, alerting?.receivers?.[0]?.lastError], [0, '']);
  assert.match(await page(), new RegExp(`^ {2}receiver +hook: ${firing} delivered$`, 'm'));
});
