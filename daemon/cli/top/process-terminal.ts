/** The terminal that a process was started in. */
import type { ReadStream, WriteStream } from 'node:tty';
import type { Terminal, TerminalEvents } from './terminal.js';

/**
 * xterm's private modes, which every terminal of today knows: the alternate screen (1049), no cursor (25), and no wrapping
 * of lines that are too long (7). https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
 */
const TAKE_SCREEN = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const GIVE_BACK = '\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l';

/** For terminals that do not know their size and say 0. */
const UNKNOWN_SIZE = { columns: 80, lines: 24 } as const;

export function processTerminal(input: ReadStream, output: WriteStream): Terminal {
  let events: TerminalEvents | null = null;
  const onData = (text: string): void => events?.input(text);
  const onResize = (): void => events?.resized();
  const close = (): void => {
    if (events === null) {
      return;
    }
    events = null;
    process.off('exit', close);
    output.off('resize', onResize);
    input.off('data', onData).pause();
    input.setRawMode(false);
    // On Linux a terminal is written to at once, so this arrives also from the last moment of a process.
    output.write(GIVE_BACK);
  };
  return {
    size: () => ({ columns: output.columns || UNKNOWN_SIZE.columns, lines: output.rows || UNKNOWN_SIZE.lines }),
    open: (wanted) => {
      events = wanted;
      // Whatever ends this process, short of SIGKILL: also an error that nobody expected.
      process.on('exit', close);
      output.on('resize', onResize);
      input.setEncoding('utf8').setRawMode(true).on('data', onData).resume();
      output.write(TAKE_SCREEN);
    },
    write: (text) =>
      new Promise((resolve, reject) => {
        output.write(text, (error) => {
          if (error) {
            reject(error);
          } else {
            resolve();
          }
        });
      }),
    close,
  };
}
