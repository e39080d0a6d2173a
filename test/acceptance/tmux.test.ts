// Proves that no tmux server outlives the tests that started it: neither when they are killed outright, nor when they forget
// to close it, nor when the whole group of processes gets a signal.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { packageRoot } from '../support/package-root.js';
import { hasEnded } from '../support/process-status.js';
import { whyNoTmux } from '../support/tmux.js';
import { waitFor } from '../support/wait-for.js';

const MODULE = join(packageRoot(), 'build/test/support/tmux.js');

/** A test that opens a terminal and tells of it. */
const PROGRAM = `
import { Tmux } from '${MODULE}';
const tmux = new Tmux(80, 24, {});
console.log(JSON.stringify({ server: tmux.serverPid, shell: Number(tmux.ask('pane_pid')), socket: tmux.ask('socket_path') }));
`;
const WAITING = `${PROGRAM}setInterval(() => undefined, 1000);`;

interface Opened {
  readonly server: number;
  readonly shell: number;
  readonly socket: string;
}

describe('a tmux server ends with the test', { skip: whyNoTmux() }, () => {
  const TABLE: readonly (readonly [how: string, program: string, end: (pid: number) => void])[] = [
    ['that is killed', WAITING, (pid) => process.kill(pid, 'SIGKILL')],
    ['whose group of processes is ended', WAITING, (pid) => process.kill(-pid, 'SIGTERM')],
    ['that does not close it', PROGRAM, () => undefined],
  ];
  for (const [how, program, end] of TABLE) {
    test(how, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        detached: true,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      const [text] = (await once(createInterface(child.stdout), 'line')) as [string];
      const { server, shell, socket } = JSON.parse(text) as Opened;
      assert.ok(server > 0 && shell > 0, text);
      end(child.pid ?? 0);
      await ended;
      await waitFor(() => hasEnded(server) && hasEnded(shell) && !existsSync(socket), { what: `the end of ${text}` });
    });
  }
});
