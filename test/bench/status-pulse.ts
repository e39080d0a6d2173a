/**
 * Asks a daemon for its status again and again, from a thread of its own: the thread of the benchmark decodes the changes of
 * a storm, and what waits for it would be taken for the daemon's delay.
 */
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createStuckdClient } from '../../daemon/rpc/grpc-client.js';
import { Pulse } from './pulse.js';

interface Order {
  readonly address: string;
  readonly intervalMs: number;
}

export interface StatusAnswers {
  /** Milliseconds, of each answer. */
  readonly answersMs: readonly number[];
  readonly failures: number;
}

export class StatusPulse {
  readonly #worker: Worker;

  constructor(address: string, intervalMs: number) {
    this.#worker = new Worker(fileURLToPath(import.meta.url), { workerData: { address, intervalMs } satisfies Order });
  }

  /** @returns what was measured, once the last answer is there. */
  async stop(): Promise<StatusAnswers> {
    const answers = new Promise<StatusAnswers>((resolve, reject) => {
      this.#worker.once('message', resolve);
      this.#worker.once('error', reject);
    });
    this.#worker.postMessage('stop');
    try {
      return await answers;
    } finally {
      await this.#worker.terminate();
    }
  }
}

function serve(port: NonNullable<typeof parentPort>, { address, intervalMs }: Order): void {
  const client = createStuckdClient(address);
  const pulse = new Pulse(() => client.getStatus(), intervalMs);
  port.once('message', () => {
    void pulse.stop().then((answersMs) => {
      client.close();
      port.postMessage({ answersMs, failures: pulse.failures } satisfies StatusAnswers);
    });
  });
}

if (!isMainThread && parentPort !== null) {
  serve(parentPort, workerData as Order);
}
