/** A program in a terminal of its own: a tmux server that serves nobody else. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './wait-for.js';

/** Why there is no tmux to test with; false if there is one. */
export function whyNoTmux(): string | false {
  return spawnSync('tmux', ['-V']).status === 0 ? false : 'tmux is not installed (Debian: tmux)';
}

/**
 * A tmux server is nobody's child, and would go on for ever when a test is killed. This one waits for the end of its input,
 * which comes with the end of the test's process however that ends, and is out of reach of what ends that.
 */
const GUARD = 'cat >/dev/null; tmux -S "$0/socket" kill-server; rm -rf "$0"';

function startGuard(directory: string): ChildProcess {
  const guard = spawn('sh', ['-c', GUARD, directory], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guard.unref();
  // A pipe of the process that must not keep it alive.
  (guard.stdin as Socket | null)?.unref();
  return guard;
}

export class Tmux {
  readonly #directory = mkdtempSync(join(tmpdir(), 'stuckd-tmux-'));
  readonly #guard = startGuard(this.#directory);
  #isClosed = false;

  /**
   * Starts a shell without any of the user's own settings.
   * @param env of the shell
   */
  constructor(columns: number, lines: number, env: Readonly<Record<string, string>>) {
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const size = ['-x', columns.toString(), '-y', lines.toString()];
    // Without the status line the window is as large as the terminal.
    this.#run(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      ...size,
      ...variables,
      'env PS1="prompt$ " bash --norc --noprofile',
    );
    this.#run('set-option', '-g', 'status', 'off');
    this.resize(columns, lines);
  }

  resize(columns: number, lines: number): void {
    this.#run('resize-window', '-x', columns.toString(), '-y', lines.toString());
  }

  /** A line for the shell. */
  type(text: string): void {
    this.#run('send-keys', '-l', text);
    this.#run('send-keys', 'Enter');
  }

  /** By the names of tmux: `Enter`, `Down`, `C-c`; or letters. */
  press(...keys: readonly string[]): void {
    this.#run('send-keys', ...keys);
  }

  /** What the terminal shows, without spaces at the ends of lines. */
  screen(): readonly string[] {
    return this.#run('capture-pane', '-p').replace(/\n$/, '').split('\n');
  }

  /** A variable of tmux: `alternate_on`, `cursor_flag`, `pane_pid`. */
  ask(variable: string): string {
    return this.#run('display-message', '-p', `#{${variable}}`).trim();
  }

  /** Waits until the screen shows it. @returns the screen then. */
  async until(wanted: RegExp): Promise<readonly string[]> {
    let seen: readonly string[] = [];
    try {
      return await waitFor(
        () => {
          seen = this.screen();
          return wanted.test(seen.join('\n')) ? seen : null;
        },
        { what: `${String(wanted)} on the screen` },
      );
    } catch (error) {
      throw new Error(`the screen shows\n${seen.join('\n')}`, { cause: error });
    }
  }

  /** From now on, whatever is written to the terminal is written to this file too. */
  record(path: string): void {
    this.#run('pipe-pane', '-O', `cat > '${path}'`);
  }

  /** Of the server that all of it runs in. */
  get serverPid(): number {
    return Number(this.ask('pid'));
  }

  /** Processes that the shell has started. */
  children(): readonly number[] {
    const shell = this.ask('pane_pid');
    const children = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  }

  /** Hangs up on whatever runs in it. Again it does nothing. */
  close(): void {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#run('kill-server');
    rmSync(this.#directory, { recursive: true, force: true });
    this.#guard.stdin?.end();
  }

  #run(...args: readonly string[]): string {
    const tmux = spawnSync('tmux', ['-S', join(this.#directory, 'socket'), ...args], { encoding: 'utf8' });
    if (tmux.status !== 0) {
      throw new Error(`tmux ${args.join(' ')}: ${tmux.stderr}`);
    }
    return tmux.stdout;
  }
}
