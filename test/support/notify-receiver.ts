/** Plays the service manager: a socket for notifications, as systemd gives one to each service. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ManagedProcess, startProcess } from '../../daemon/demo/lab/managed-process.js';
import type { Ending } from './lab.js';
import { Notice } from './notice.js';
import { packageRoot } from './package-root.js';
import { waitFor } from './wait-for.js';

/** Connects the socket for a program that cannot, and becomes that program. */
export const NOTIFY_EXEC = join(packageRoot(), 'bpf/.output/stuckd-notify-exec');

export interface Notification {
  /** Of the process that has sent it, as the kernel says. */
  readonly pid: number;
  /** Its assignments, for example `READY=1`. */
  readonly lines: readonly string[];
}

let built: Promise<string> | undefined;

/** Compiles notify_receiver.c, once in each process; others may run what is there, so it is replaced, not written. */
async function compile(): Promise<string> {
  const directory = join(packageRoot(), 'build/test-tools');
  const program = join(directory, 'notify_receiver');
  const fresh = `${program}.${String(process.pid)}`;
  mkdirSync(directory, { recursive: true });
  const source = join(packageRoot(), 'test/support/notify-receiver/notify_receiver.c');
  const options = ['-O2', '-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror'];
  await promisify(execFile)('cc', [...options, source, '-o', fresh]);
  renameSync(fresh, program);
  return program;
}

export class NotifyReceiver {
  /** For NOTIFY_SOCKET. */
  readonly address: string;
  readonly notifications: Notification[] = [];
  readonly #notice = new Notice();

  private constructor(address: string, receiver: ManagedProcess) {
    this.address = address;
    receiver.onLine((line) => {
      const [pid, hex] = line.split(' ');
      if (pid !== undefined && hex !== undefined) {
        this.notifications.push({ pid: Number(pid), lines: Buffer.from(hex, 'hex').toString().split('\n') });
      }
      this.#notice.give();
    });
  }

  /** @param kind systemd gives a path to services, and container managers often an abstract name. */
  static async start(test: Ending, kind: 'path' | 'abstract' = 'path'): Promise<NotifyReceiver> {
    built ??= compile();
    const program = await built;
    const directory = mkdtempSync(join(tmpdir(), 'stuckd-notify-'));
    const address = `${kind === 'path' ? '' : '@'}${join(directory, 'notify')}`;
    const receiver = startProcess([program, address]);
    test.after(async () => {
      await receiver.stop();
      rmSync(directory, { recursive: true, force: true });
    });
    const started = new NotifyReceiver(address, receiver);
    await waitFor(() => receiver.lines.includes('ready'), { what: `the receiver; ${receiver.stderrTail}` });
    return started;
  }

  /** Waits for a notification after the first `after` ones. @returns its number, counted from 1 */
  async wait(what: string, matches: (lines: readonly string[]) => boolean, after = 0): Promise<number> {
    const find = (): number => this.notifications.findIndex(({ lines }, index) => index >= after && matches(lines)) + 1;
    return waitFor(() => find() || null, { what, notice: this.#notice });
  }

  /** As `wait`, for one that has this line. */
  waitLine(line: string, after = 0): Promise<number> {
    return this.wait(line, (lines) => lines.includes(line), after);
  }
}
