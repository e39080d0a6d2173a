/** The demo's stage: two hosts with one cable, a server, three clients, and a stuckd of its own that watches them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CleanupStack, type CleanupFailure } from '../lib/cleanup-stack.js';
import { packageFile } from '../lib/package-root.js';
import { escapeForTerminal } from '../lib/terminal.js';
import { stuckd } from '../rpc/gen/stuckd.js';
import { CallError, createStuckdClient, type StuckdClient } from '../rpc/grpc-client.js';
import type { LabLink } from './lab/lab-link.js';
import type { LabNamespace } from './lab/lab-namespace.js';
import { sweepLeftovers } from './lab/leftovers.js';
import { startProcess, type ManagedProcess } from './lab/managed-process.js';
import { NetnsLab } from './lab/netns-lab.js';
import { CLIENT_KINDS, type ClientEvent, type ClientKind } from './programs/client-event.js';
import type { ServerEvent } from './programs/http-server.js';

export const CLIENT_ADDRESS = '10.77.0.1';
export const SERVER_ADDRESS = '10.77.0.2';
export const SERVER_PORT = 8080;

/** What is started on the stage, from the root of the package. */
export const PROGRAMS = {
  daemon: 'build/bin/stuckd.js',
  server: 'build/bin/demo/http-server.js',
  client: 'build/bin/demo/keep-alive-client.js',
} as const;

/** Longer than any cut of the first act: the server must not give up there. */
const PATIENT_KEEP_ALIVE_MS = 3_600_000;
const DAEMON_START_MS = 30_000;
const STEP_TIMEOUT_MS = 10_000;

/** What the programs on the stage report, and their unexpected ends. */
export interface StageEvents {
  onClient(kind: ClientKind, event: ClientEvent): void;
  onServer(event: ServerEvent): void;
  /** A program has ended that should run: the demo cannot go on. */
  onFailure(error: Error): void;
}

interface StageParts {
  readonly link: LabLink;
  readonly server: ManagedProcess;
  readonly stuckd: StuckdClient;
  readonly netns: readonly number[];
}

export class Stage {
  readonly #cleanup = new CleanupStack(STEP_TIMEOUT_MS);
  readonly #events: StageEvents;
  #closing = false;
  #parts: StageParts | null = null;

  constructor(events: StageEvents) {
    this.#events = events;
  }

  /** @throws Error if something cannot be set up; `close` is due in any case. */
  async open(signal: AbortSignal): Promise<void> {
    await sweepLeftovers();
    const lab = new NetnsLab();
    this.#cleanup.push('network namespaces', () => lab.close());
    const near = await lab.addNamespace('client');
    const far = await lab.addNamespace('server');
    const link = await lab.link(
      { namespace: near, addresses: [`${CLIENT_ADDRESS}/24`] },
      { namespace: far, addresses: [`${SERVER_ADDRESS}/24`] },
    );
    // The server's kernel shall forget a connection whose FIN is not answered within some 2 s instead of 100 s.
    await lab.sysctl(far, 'net.ipv4.tcp_orphan_retries', 1);
    const client = await this.#startDaemon(signal);
    const server = await this.#startServer(lab, far);
    for (const kind of CLIENT_KINDS) {
      this.#startClient(lab, near, kind);
    }
    this.#parts = { link, server, stuckd: client, netns: [near.inode, far.inode] };
  }

  get link(): LabLink {
    return this.#opened().link;
  }

  get stuckd(): StuckdClient {
    return this.#opened().stuckd;
  }

  /** Inodes of the two namespaces: nothing else on the machine is the demo's business. */
  get netns(): readonly number[] {
    return this.#opened().netns;
  }

  /** Changes the `keepAliveTimeout` of the server, for all later answers. */
  setKeepAliveTimeout(keepAliveTimeoutMs: number): void {
    this.#opened().server.writeLine(JSON.stringify({ keepAliveTimeoutMs }));
  }

  /** Removes everything, also what a failed `open` has left. */
  async close(): Promise<readonly CleanupFailure[]> {
    this.#closing = true;
    return this.#cleanup.releaseAll();
  }

  #opened(): StageParts {
    if (this.#parts === null) {
      throw new Error('the stage is not open');
    }
    return this.#parts;
  }

  async #startDaemon(signal: AbortSignal): Promise<StuckdClient> {
    const directory = mkdtempSync(join(tmpdir(), 'stuckd-demo-'));
    this.#cleanup.push('state of the daemon', () => {
      rmSync(directory, { recursive: true, force: true });
    });
    // Thresholds of this machine's own configuration would make another story.
    const config = join(directory, 'stuckd.yaml');
    writeFileSync(config, '{}\n');
    const address = `unix:${join(directory, 'stuckd.sock')}`;
    const daemon = startProcess([process.execPath, packageFile(PROGRAMS.daemon), 'run', '--config', config], {
      env: { STUCKD_ADDRESS: address, STUCKD_STATE_DIR: join(directory, 'state'), STUCKD_HTTP_ADDRESS: 'off' },
      unsetEnv: ['STUCKD_SENSOR_ADDRESS'],
      deathSignal: 'TERM',
    });
    this.#cleanup.push('stuckd', async () => {
      await daemon.stop(5000);
    });
    this.#expectToRun('stuckd', daemon);
    const client = createStuckdClient(address);
    this.#cleanup.push('connection to stuckd', () => {
      client.close();
    });
    await untilWatching(client, daemon, signal);
    return client;
  }

  async #startServer(lab: NetnsLab, namespace: LabNamespace): Promise<ManagedProcess> {
    const argv = [SERVER_ADDRESS, String(SERVER_PORT), String(PATIENT_KEEP_ALIVE_MS)];
    const server = lab.spawnIn(namespace, [process.execPath, packageFile(PROGRAMS.server), ...argv]);
    this.#expectToRun('the server', server);
    const listening = new Promise<void>((resolve) => {
      server.onLine((line) => {
        const event = JSON.parse(line) as ServerEvent;
        if (event.event === 'listening') {
          resolve();
        }
        this.#events.onServer(event);
      });
    });
    await Promise.race([listening, server.ended]);
    return server;
  }

  #startClient(lab: NetnsLab, namespace: LabNamespace, kind: ClientKind): void {
    const argv = [kind, SERVER_ADDRESS, String(SERVER_PORT)];
    const client = lab.spawnIn(namespace, [process.execPath, packageFile(PROGRAMS.client), ...argv]);
    this.#expectToRun(`the client ${kind}`, client);
    client.onLine((line) => {
      this.#events.onClient(kind, JSON.parse(line) as ClientEvent);
    });
  }

  #expectToRun(name: string, program: ManagedProcess): void {
    void program.ended.then((end) => {
      if (!this.#closing) {
        this.#events.onFailure(endError(name, program, end.signal ?? `exit code ${end.code ?? 0}`));
      }
    });
  }
}

function endError(name: string, program: ManagedProcess, end: string): Error {
  const said = program.stderrTail.trim() === '' ? program.lines : program.stderrTail.trim().split('\n');
  const lines = said.slice(-3).map((line) => escapeForTerminal(logMessage(line)));
  return new Error(`${name} ended unexpectedly (${end}); its last words: ${lines.join('; ')}`);
}

/** The message of a line of JSON log; any other line as it is. */
function logMessage(line: string): string {
  try {
    const entry: unknown = JSON.parse(line);
    const message = typeof entry === 'object' && entry !== null && 'msg' in entry ? entry.msg : undefined;
    return typeof message === 'string' ? message : line;
  } catch {
    return line;
  }
}

/** Waits until the daemon answers and its sensor is attached. */
async function untilWatching(client: StuckdClient, daemon: ManagedProcess, signal: AbortSignal): Promise<void> {
  const deadlineMs = performance.now() + DAEMON_START_MS;
  while (daemon.running) {
    try {
      const { sensor } = await client.getStatus();
      if (sensor?.state === stuckd.v1.SensorState.SENSOR_STATE_RUNNING) {
        return;
      }
    } catch (error) {
      if (!(error instanceof CallError)) {
        throw error;
      }
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`stuckd is not ready after ${DAEMON_START_MS / 1000} s`);
    }
    await delay(50, undefined, { signal });
  }
  const end = await daemon.ended;
  throw endError('stuckd', daemon, end.signal ?? `exit code ${end.code ?? 0}`);
}
