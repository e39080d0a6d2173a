// Proves that the two example clients do what their README says, each as a process against a whole daemon that a recorded
// sensor stream feeds: they list, follow, survive a restart of the daemon, and go on. Heartbeats and lost changes take too
// long to wait for here; what the daemon does about them is shown where the daemon is tested.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';
import { listAll, ReplayBench } from './replay-bench.js';
import { loadRecording } from './replay-recording.js';

const EXAMPLES = ['build/deploy/examples/typescript-client/main.js', 'deploy/examples/proto-only-client/main.mjs'];

const recording = loadRecording();
let bench: ReplayBench;

beforeEach(() => {
  bench = new ReplayBench(recording);
});

afterEach(async () => {
  await bench.close();
});

for (const example of EXAMPLES) {
  test(example, async (context) => {
    const first = await bench.startDaemon();
    await bench.playTo('black-holes');
    const before = (await listAll(first.client, false)).map(({ id }) => id);
    assert.ok(before.length >= 3);

    const child = spawn(process.execPath, [join(packageRoot(), example), first.app.grpcAddress], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    context.after(() => child.kill('SIGKILL'));
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const says = (text: string): Promise<unknown> => waitFor(() => output.includes(text), { what: text });

    await says('from here on as it happens');
    for (const id of before) {
      assert.ok(output.includes(`listed ${id} STUCK_KIND_RETRANSMITTING `), output);
      assert.ok(output.includes(`is stuck ${id} STUCK_KIND_RETRANSMITTING `), output);
    }
    assert.match(output, /listed \S+ STUCK_KIND_RETRANSMITTING "orders"\[\d+\] -> [\d.]+:8000\n/);

    await bench.playTo('recovered');
    const recovered = await waitFor(() => /^ended (\S+) \S+ "billing"/m.exec(output)?.[1], { what: 'the recovery' });
    assert.ok(before.includes(recovered));
    await waitFor(() => /^stuck \S+ STUCK_KIND_CONNECTING /m.exec(output), { what: 'a new one' });

    await first.app.stop();
    await says('lost the daemon (stuckd is stopping); trying again\n');
    const length = output.length;
    const second = await bench.startDaemon();
    await bench.untilStatus(second, 'the watch of the client', ({ subscribers }) => subscribers === 1);
    await bench.playTo('end');
    await waitFor(() => /^ended \S+ \S+ "orders"/m.exec(output.slice(length)), { what: 'the end, after the restart' });
  });
}
