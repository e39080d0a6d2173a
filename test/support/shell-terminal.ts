/** A shell in a terminal of its own, and what programs that take the whole screen leave behind. */
import assert from 'node:assert/strict';
import { Tmux } from './tmux.js';

export class ShellTerminal extends Tmux {
  /** @param env of the shell */
  static async open(columns: number, lines: number, env: Readonly<Record<string, string>>): Promise<ShellTerminal> {
    const terminal = new ShellTerminal(columns, lines, env);
    await terminal.until(/^prompt\$/m);
    return terminal;
  }

  #started = '';

  /** Starts a program; the shell tells its exit code when it is over. */
  start(...command: readonly string[]): void {
    this.#started = `${command.map((word) => `'${word}'`).join(' ')}; echo "ended with $?"`;
    this.type(this.#started);
  }

  /** Of the program that runs. */
  programPid(): number {
    const [pid] = this.children();
    assert.ok(pid !== undefined, 'a program runs');
    return pid;
  }

  assertTaken(): void {
    assert.deepEqual(this.#modes(), { alternate: '1', cursor: '0', wrap: '0' });
  }

  assertGivenBack(): void {
    assert.deepEqual(this.#modes(), { alternate: '0', cursor: '1', wrap: '1' });
  }

  /** The program has ended, and the shell is back where it was: its own screen, a cursor, and keys that are echoed. */
  async untilEnded(code: number): Promise<void> {
    const [first = ''] = await this.until(new RegExp(`^ended with ${code.toString()}$`, 'm'));
    // Where a long command was wrapped depends on its length and the width: any part of it may be the first line.
    assert.ok(first !== '' && `prompt$ ${this.#started}`.includes(first), `the screen of before, not "${first}"`);
    this.assertGivenBack();
    this.type('echo still $((40 + 2))');
    await this.until(/^prompt\$ echo still \$\(\(40 \+ 2\)\)\nstill 42$/m);
  }

  #modes(): Readonly<Record<string, string>> {
    return { alternate: this.ask('alternate_on'), cursor: this.ask('cursor_flag'), wrap: this.ask('wrap_flag') };
  }
}
