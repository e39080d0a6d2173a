/** The daemon of the replay tests as a process of its own, which can be killed, and what it leaves on disk. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createStuckdClient, type StuckdClient } from '../../daemon/rpc/grpc-client.js';
import { LogFiles } from '../../daemon/store/log-files.js';
import { readSegment } from '../../daemon/store/log-reader.js';
import type { ReplayBench } from './replay-bench.js';

export interface ForkedDaemon {
  readonly child: ChildProcess;
  readonly client: StuckdClient;
}

/**
 * @param onClean learns how to end it
 * @param settings of its configuration
 */
export async function forkDaemon(
  bench: ReplayBench,
  onClean: (cleanup: () => void) => void,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<ForkedDaemon> {
  bench.config(settings);
  const address = `unix:${bench.directory}/stuckd.sock`;
  const args = [address, join(bench.directory, 'state'), `unix:${bench.directory}/sensor.sock`, bench.configPath];
  const child = fork(fileURLToPath(new URL('replay-daemon.js', import.meta.url)), args);
  onClean(() => child.kill('SIGKILL'));
  const tellTime = bench.clock.advance.bind(bench.clock);
  bench.clock.advance = (nowUs) => {
    tellTime(nowUs);
    if (child.connected) {
      child.send(nowUs);
    }
  };
  await once(child, 'message');
  child.send(bench.clock.nowUs());
  const client = createStuckdClient(address);
  onClean(() => {
    client.close();
  });
  return { child, client };
}

/** True if the change that a resume token stands for can be read from the files. */
export async function isOnDisk(bench: ReplayBench, token: string): Promise<boolean> {
  const [, stream, , sequence] = JSON.parse(Buffer.from(token, 'base64url').toString()) as unknown[];
  const files = new LogFiles(join(bench.directory, 'state', 'history', String(stream), 'changes'));
  const { segments } = await files.list();
  let last = 0;
  for (const segment of segments) {
    for await (const entries of readSegment(files, segment)) {
      last = entries.at(-1)?.sequence ?? last;
    }
  }
  return last >= Number(sequence);
}
