/** The built daemon as a child, with a socket and a state directory of its own. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ManagedProcess, startProcess } from '../../daemon/demo/lab/managed-process.js';
import { createStuckdClient, type StatusResponse, type StuckdClient } from '../../daemon/rpc/grpc-client.js';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';
import type { PartContext } from './part.js';
import { scratchDirectory } from './scratch.js';

const START_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 60_000;
/** How often a start is looked at: this is the resolution of the start-up times. */
const START_POLL_MS = 1;

export class BenchDaemon {
  readonly process: ManagedProcess;
  readonly environment: Readonly<Record<string, string>>;
  readonly #socketPath: string;
  #client: StuckdClient | null = null;

  private constructor(directory: string, nodeFlags: readonly string[], args: readonly string[]) {
    mkdirSync(directory, { recursive: true });
    this.#socketPath = join(directory, 'stuckd.sock');
    this.environment = {
      STUCKD_ADDRESS: this.address,
      STUCKD_STATE_DIR: join(directory, 'state'),
      STUCKD_HTTP_ADDRESS: '127.0.0.1:0',
    };
    const main = join(packageRoot(), 'build/bin/stuckd.js');
    this.process = startProcess([process.execPath, ...nodeFlags, main, 'run', '--json', ...args], {
      env: this.environment,
      unsetEnv: ['STUCKD_SENSOR_ADDRESS'],
      deathSignal: 'TERM',
    });
  }

  /** The one daemon of a part, with its first complete picture; it goes when the part ends. */
  static async startFor(context: PartContext, nodeFlags: readonly string[] = []): Promise<BenchDaemon> {
    const { profileDirectory } = context.arguments;
    const profiling = profileDirectory === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
    const daemon = BenchDaemon.start(join(scratchDirectory(context), 'daemon'), [...profiling, ...nodeFlags]);
    context.cleanup.push('daemon', () => daemon.stop());
    await daemon.firstPicture();
    return daemon;
  }

  /**
   * Starts it; nothing is waited for.
   * @param directory of its own; made if it does not exist
   * @param nodeFlags options of Node.js itself
   * @param args further ones of `stuckd run`
   */
  static start(directory: string, nodeFlags: readonly string[] = [], args: readonly string[] = []): BenchDaemon {
    return new BenchDaemon(directory, nodeFlags, args);
  }

  /** Waits for the first complete picture: the sensor is attached and its first sweep is complete. */
  async firstPicture(): Promise<StatusResponse> {
    const endMs = performance.now() + START_TIMEOUT_MS;
    // A client that finds no socket would wait long before it looks again.
    while (!existsSync(this.#socketPath)) {
      this.#assertRunning();
      if (performance.now() > endMs) {
        throw new Error('the daemon does not listen');
      }
      await delay(START_POLL_MS);
    }
    return this.waitFor(
      ({ sweep }) => (sweep ?? null) !== null,
      'the first complete picture',
      START_TIMEOUT_MS,
      START_POLL_MS,
    );
  }

  async waitFor(
    condition: (status: StatusResponse) => boolean,
    what: string,
    timeoutMs = START_TIMEOUT_MS,
    intervalMs = 100,
  ): Promise<StatusResponse> {
    return waitFor(
      async () => {
        this.#assertRunning();
        const status = await this.status();
        return condition(status) ? status : null;
      },
      { what, timeoutMs, intervalMs },
    );
  }

  status(): Promise<StatusResponse> {
    return this.client.getStatus();
  }

  /** One connection for all calls of the benchmark itself; nothing is connected before the first. */
  get client(): StuckdClient {
    this.#client ??= createStuckdClient(this.address);
    return this.#client;
  }

  get address(): string {
    return `unix:${this.#socketPath}`;
  }

  /** @returns what Prometheus would get. */
  async scrape(): Promise<string> {
    const address = this.process.lines.map((line) => /metrics are at (http:[^"]+)/.exec(line)?.[1]).find(Boolean);
    if (address === undefined) {
      throw new Error('the daemon did not say where its metrics are');
    }
    const response = await fetch(address);
    return response.text();
  }

  async stop(): Promise<void> {
    process.stderr.write(this.process.stderrTail);
    this.#client?.close();
    await this.process.stop(STOP_GRACE_MS);
  }

  #assertRunning(): void {
    if (!this.process.running) {
      throw new Error(`the daemon ended: ${this.process.stderrTail.trim() || (this.process.lines.at(-1) ?? '')}`);
    }
  }
}
