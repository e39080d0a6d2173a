/** The terminal that a process was started in. */
import type { ReadStream, WriteStream } from 'node:tty';
import type { Terminal, TerminalEvents } from './terminal.js';

/**
 * xterm's private modes, which every terminal of today knows: the alternate screen (1049), no cursor (25), and no wrapping
 * of lines that are too long (7). https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
 */
const TAKE_SCREEN = '\x1b[?1049h\x1b[?25l\x1b[?7l';
/** Empty, with the cursor at its top (ED, CUP): tmux, if resized meanwhile, would leave drawn lines above those of the shell. */
const WIPE = '\x1b[0m\x1b[2J\x1b[H';
const GIVE_BACK = `${WIPE}\x1b[?7h\x1b[?25h\x1b[?1049l`;

/** For terminals that do not know their size and say 0. */
const UNKNOWN_SIZE = { columns: 80, lines: 24 } as const;

/** kill(2): each process of the group of the caller. */
const OWN_GROUP = 0;

class ProcessTerminal implements Terminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  #events: TerminalEvents | null = null;

  constructor(input: ReadStream, output: WriteStream) {
    this.#input = input;
    this.#output = output;
  }

  size(): ReturnType<Terminal['size']> {
    const { columns, rows } = this.#output;
    return { columns: columns || UNKNOWN_SIZE.columns, lines: rows || UNKNOWN_SIZE.lines };
  }

  open(events: TerminalEvents): void {
    this.#events = events;
    // Whatever ends this process, short of SIGKILL: also an error that nobody expected.
    process.on('exit', this.#onExit);
    process.on('SIGHUP', this.#onHangUp).on('SIGTSTP', this.#onStop).on('SIGCONT', this.#onContinue);
    this.#output.on('resize', this.#onResize);
    this.#input.setEncoding('utf8').on('data', this.#onData).resume();
    this.#take();
  }

  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#output.write(text, (error) => {
        if (error) {
          reject(error);
        } else {
          resolve();
        }
      });
    });
  }

  suspend(): void {
    this.#stop(OWN_GROUP);
  }

  close(): void {
    if (this.#events === null) {
      return;
    }
    this.#events = null;
    process.off('exit', this.#onExit);
    process.off('SIGHUP', this.#onHangUp).off('SIGTSTP', this.#onStop).off('SIGCONT', this.#onContinue);
    this.#output.off('resize', this.#onResize);
    this.#input.off('data', this.#onData).pause();
    this.#giveBack();
  }

  #take(): void {
    this.#input.setRawMode(true);
    this.#output.write(TAKE_SCREEN);
  }

  #giveBack(): void {
    this.#input.setRawMode(false);
    // On Linux a terminal is written to at once, so this arrives also from the last moment of a process.
    this.#output.write(GIVE_BACK);
  }

  /**
   * Without a handler SIGTSTP stops this process before process.kill() returns, or does nothing where no shell could make it
   * go on. Either way the screen is to be taken next.
   */
  #stop(pid: number): void {
    this.#giveBack();
    process.off('SIGTSTP', this.#onStop);
    process.kill(pid, 'SIGTSTP');
    process.on('SIGTSTP', this.#onStop);
    this.#onContinue();
  }

  readonly #onData = (text: string): void => this.#events?.input(text);
  readonly #onResize = (): void => this.#events?.blank();
  readonly #onHangUp = (): void => this.#events?.hungUp();
  readonly #onStop = (): void => {
    this.#stop(process.pid);
  };

  /** Also after SIGSTOP, which nobody sees coming: by then the shell has set the terminal as it likes it. */
  readonly #onContinue = (): void => {
    // Node.js does nothing where it believes that the mode is already set.
    this.#input.setRawMode(false);
    this.#take();
    this.#events?.blank();
  };

  readonly #onExit = (): void => {
    this.close();
  };
}

export function processTerminal(input: ReadStream, output: WriteStream): Terminal {
  return new ProcessTerminal(input, output);
}
