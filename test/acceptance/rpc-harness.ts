/** A real gRPC server on a unix socket of its own, fed from memory, its clients, and stuckctl as a process. */
import type { AuditSource } from '../../daemon/core/audit/source.js';
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { Client, credentials } from '@grpc/grpc-js';
import type { ClientReadableStream, ServiceError, status } from '@grpc/grpc-js';
import type { DeliverySource } from '../../daemon/core/delivery.js';
import type { StatusSource, WorkloadSource } from '../../daemon/core/ports.js';
import { NO_PEER_TOTALS, type PeerTotals } from '../../daemon/core/sweep-totals.js';
import type { AlertHistory } from '../../daemon/rpc/alert-history.js';
import type { ConnectionHistory } from '../../daemon/rpc/connection-history.js';
import type { stuckd } from '../../daemon/rpc/gen/stuckd.js';
import { CallError, createStuckdClient } from '../../daemon/rpc/grpc-client.js';
import type { StuckdClient, WatchChange } from '../../daemon/rpc/grpc-client.js';
import { startGrpcServer } from '../../daemon/rpc/grpc-server.js';
import type { GrpcServer, GrpcServerOptions } from '../../daemon/rpc/grpc-server.js';
import { CONNECTION_SERVICE } from '../../daemon/rpc/services.js';
import type { WatchLimits } from '../../daemon/rpc/watch-session.js';
import { packageRoot } from '../support/package-root.js';
import { FakeAlerts, NO_DELIVERIES } from '../unit/rpc/sample-alerts.js';
import {
  createClock,
  createLog,
  createStatusSource,
  createWorkloads,
  FakeRecords,
} from '../unit/rpc/sample-records.js';

/** A directory of its own, removed by `remove`. */
export interface TemporaryDirectory {
  readonly path: string;
  remove(): void;
}

function createTemporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'stuckd-rpc-'));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

export interface ServerSetup {
  readonly records?: FakeRecords;
  readonly alerts?: FakeAlerts;
  readonly deliveries?: DeliverySource;
  readonly status?: StatusSource;
  readonly workloads?: WorkloadSource;
  readonly totals?: PeerTotals;
  readonly audits?: AuditSource;
  readonly watchLimits?: Partial<WatchLimits>;
  readonly history?: ConnectionHistory;
  readonly alertHistory?: AlertHistory;
}

/** A daemon without a sensor. */
const NO_AUDITS: AuditSource = {
  idleLimits: [],
  last: null,
  failed: 0,
  audit: () => Promise.reject(new Error('the sensor is not running yet')),
};

/** What a server serves where a test says nothing else. */
export function createServices(setup: ServerSetup = {}): GrpcServerOptions['services'] {
  return {
    records: setup.records ?? new FakeRecords(),
    alerts: setup.alerts ?? new FakeAlerts(),
    deliveries: setup.deliveries ?? NO_DELIVERIES,
    status: setup.status ?? createStatusSource(),
    clock: createClock(),
    workloads: setup.workloads ?? createWorkloads(),
    totals: setup.totals ?? NO_PEER_TOTALS,
    audits: setup.audits ?? NO_AUDITS,
    ...(setup.history === undefined ? {} : { history: setup.history }),
    ...(setup.alertHistory === undefined ? {} : { alertHistory: setup.alertHistory }),
  };
}

async function startServer(address: string, setup: ServerSetup): Promise<GrpcServer> {
  return startGrpcServer({
    address,
    services: createServices(setup),
    log: createLog(),
    ...(setup.watchLimits === undefined ? {} : { watchLimits: setup.watchLimits }),
  });
}

/** What one test starts; `clean` ends all of it. */
export class RpcBench {
  readonly directory = createTemporaryDirectory();
  readonly socketPath = join(this.directory.path, 'run', 'stuckd.sock');
  readonly address = `unix:${this.socketPath}`;
  readonly #cleanups: (() => void)[] = [];

  async serve(setup: ServerSetup = {}, address = this.address): Promise<GrpcServer> {
    const server = await startServer(address, setup);
    this.onClean(() => {
      server.close();
    });
    return server;
  }

  connect(address = this.address): StuckdClient {
    const client = createStuckdClient(address);
    this.onClean(() => {
      client.close();
    });
    return client;
  }

  /** grpc-js itself, for what the typed client would not do. */
  connectRaw(): Client {
    const client = new Client(this.address, credentials.createInsecure());
    this.onClean(() => {
      client.close();
    });
    return client;
  }

  /** Collects the changes of a watch until it is stopped or fails. */
  follow(client: StuckdClient): { seen: WatchChange[]; stop: () => void; done: Promise<unknown> } {
    const seen: WatchChange[] = [];
    const controller = new AbortController();
    const run = async (): Promise<void> => {
      for await (const change of client.watch({}, controller.signal)) {
        seen.push(change);
      }
    };
    const done = run().then(
      () => 'stopped',
      (error: unknown) => error,
    );
    const stop = (): void => {
      controller.abort();
    };
    this.onClean(stop);
    return { seen, stop, done };
  }

  onClean(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  clean(): void {
    for (const cleanup of this.#cleanups.reverse()) {
      cleanup();
    }
    this.directory.remove();
  }
}

export type WatchStream = ClientReadableStream<stuckd.v1.WatchStuckConnectionsResponse>;

export function openWatch(client: Client): WatchStream {
  const method = CONNECTION_SERVICE.watchStuckConnections;
  const stream = client.makeServerStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, {});
  // Each test looks at the errors that it expects; the others come from the server's end.
  stream.on('error', () => undefined);
  return stream;
}

/** Reads the first response and then no more. grpc-js before its first read takes whatever comes. */
export async function stopReading(stream: WatchStream): Promise<void> {
  await new Promise((resolve) => stream.once('data', resolve));
  stream.pause();
}

/** The status with which a stream fails. */
export async function statusOf(stream: WatchStream): Promise<{ code: status; details: string }> {
  return new Promise((resolve) => {
    stream.on('error', (error) => {
      const { code, details } = error as ServiceError;
      resolve({ code, details });
    });
  });
}

/** The error of a call that must fail. */
export async function rejection(promise: Promise<unknown>): Promise<CallError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CallError, `rejects with a CallError, not ${String(error)}`);
  return error;
}

const STUCKCTL = join(packageRoot(), 'build/bin/stuckctl.js');

export interface StuckctlProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when it has ended and all its output is here. */
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/**
 * Starts stuckctl; UTC and without the caller's own stuckd variables.
 * @param uid the user to run it as, if not the caller.
 */
export function startStuckctl(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  uid?: number,
): StuckctlProcess {
  const child = spawn(process.execPath, [STUCKCTL, ...args], {
    env: { PATH: process.env['PATH'], TZ: 'UTC', ...env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}
