/** A real gRPC server on a unix socket of its own, fed from memory, and stuckctl as a process. */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StatusSource } from '../../daemon/core/ports.js';
import { startGrpcServer } from '../../daemon/rpc/grpc-server.js';
import type { GrpcServer } from '../../daemon/rpc/grpc-server.js';
import type { WatchLimits } from '../../daemon/rpc/watch-session.js';
import { createClock, createLog, createStatusSource, FakeRecords } from '../unit/rpc/sample-records.js';

/** A directory of its own, removed by `remove`. */
export interface TemporaryDirectory {
  readonly path: string;
  remove(): void;
}

export function createTemporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'stuckd-rpc-'));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

export interface ServerSetup {
  readonly address: string;
  readonly records?: FakeRecords;
  readonly status?: StatusSource;
  readonly watchLimits?: Partial<WatchLimits>;
}

export async function startServer(setup: ServerSetup): Promise<GrpcServer> {
  return startGrpcServer({
    address: setup.address,
    services: {
      records: setup.records ?? new FakeRecords(),
      status: setup.status ?? createStatusSource(),
      clock: createClock(),
    },
    log: createLog(),
    ...(setup.watchLimits === undefined ? {} : { watchLimits: setup.watchLimits }),
  });
}

const STUCKCTL = fileURLToPath(new URL('../../daemon/cli/main.js', import.meta.url));

export interface StuckctlProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when it has ended and all its output is here. */
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/** Starts stuckctl; UTC and without the caller's own stuckd variables. */
export function startStuckctl(args: readonly string[], env: Readonly<Record<string, string>> = {}): StuckctlProcess {
  const child = spawn(process.execPath, [STUCKCTL, ...args], {
    env: { PATH: process.env['PATH'], TZ: 'UTC', ...env },
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
