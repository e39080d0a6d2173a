/** Plays the service manager: a socket for notifications, as systemd gives one to each service. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ManagedProcess, startProcess } from '../../daemon/demo/lab/managed-process.js';
import type { Ending } from './lab.js';
import { Notice } from './notice.js';
import { packageRoot } from './package-root.js';
import { runProgram } from './run-program.js';
import { testTool } from './test-tool.js';
import { waitFor } from './wait-for.js';

/** Connects the socket for a program that cannot, and becomes that program. */
export const NOTIFY_EXEC = join(packageRoot(), 'bpf/.output/stuckd-notify-exec');

export interface Notification {
  /** Of the process that has sent it, as the kernel says. */
  readonly pid: number;
  /** Its assignments, for example `READY=1`. */
  readonly lines: readonly string[];
}

export class NotifyReceiver {
  /** For NOTIFY_SOCKET. */
  readonly address: string;
  readonly notifications: Notification[] = [];
  readonly #notice = new Notice();
  readonly #receiver: ManagedProcess;

  private constructor(address: string, receiver: ManagedProcess) {
    this.address = address;
    this.#receiver = receiver;
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
    const program = await testTool('notify_receiver', 'test/support/notify-receiver/notify_receiver.c');
    const directory = mkdtempSync(join(tmpdir(), 'stuckd-notify-'));
    const address = `${kind === 'path' ? '' : '@'}${join(directory, 'notify')}`;
    const receiver = startProcess([program, address]);
    test.after(async () => {
      receiver.kill('SIGCONT');
      await receiver.stop();
      rmSync(directory, { recursive: true, force: true });
    });
    const started = new NotifyReceiver(address, receiver);
    await waitFor(() => receiver.lines.includes('ready'), { what: `the receiver; ${receiver.stderrTail}` });
    return started;
  }

  /** From now on it takes nothing, as a service manager that is busy, and there is no room for another notification. */
  async fill(): Promise<void> {
    this.#receiver.kill('SIGSTOP');
    const { pid } = this.#receiver;
    await waitFor(() => /^State:\tT/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8')), {
      what: 'the receiver to stop',
    });
    // The descriptor of notify-exec does not wait, so a write fails where the queue is full.
    const untilFull = 'while printf FILL=1 >&"$STUCKD_NOTIFY_FD"; do :; done';
    const environment = { NOTIFY_SOCKET: this.address, LC_ALL: 'C' };
    const { stderr } = await runProgram([NOTIFY_EXEC, '/bin/bash', '-c', untilFull], environment);
    if (!stderr.includes('temporarily unavailable')) {
      throw new Error(`the queue of the receiver is not full: ${stderr}`);
    }
  }

  /** It takes notifications again. */
  goOn(): void {
    this.#receiver.kill('SIGCONT');
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
