/** A shell in a terminal, with the completions of both programs, in which one types and presses Tab. */
import { spawnSync } from 'node:child_process';
import { Tmux, whyNoTmux } from './tmux.js';

export type TypedShell = 'bash' | 'zsh' | 'fish';

export interface Completed {
  /** The line after Tab. */
  readonly line: string;
  /** What was listed; empty where there was nothing to choose. */
  readonly listed: readonly string[];
}

const PROMPT = 'type: ';
/** Typed after Tab: when it shows, the shell has answered, even if it has nothing to offer. */
const END = '#';

/** Why it cannot be tested; false if it can. */
export function whyNoTyping(shell: TypedShell): string | false {
  const { error } = spawnSync(shell, ['--version']);
  return error === undefined ? whyNoTmux() : `${shell} is not installed (Debian: ${shell})`;
}

/** How each is started without anybody's settings, and made to list at once. */
function starts(shell: TypedShell, lines: readonly string[]): readonly string[] {
  switch (shell) {
    case 'bash':
      return [`bind 'set show-all-if-ambiguous on'`, ...lines, `PS1='${PROMPT}'`];
    case 'zsh':
      return [
        'zsh -f',
        'autoload -U compinit && compinit -D -u',
        `zstyle ':completion:*' verbose no`,
        'unsetopt list_ambiguous auto_menu beep',
        ...lines,
        `PS1='${PROMPT}'`,
      ];
    case 'fish':
      return [
        'fish --no-config --private',
        'set -g fish_autosuggestion_enabled 0',
        ...lines,
        `function fish_prompt; echo -n '${PROMPT}'; end`,
      ];
  }
}

export class TypingShell {
  readonly #tmux = new Tmux(200, 50, {});
  readonly #directory: string;
  readonly #shell: TypedShell;
  readonly #lines: readonly string[];

  /** @param directory where one is. @param scripts of completions, which are read there. @param settings lines before them */
  constructor(shell: TypedShell, directory: string, scripts: readonly string[], settings: readonly string[] = []) {
    this.#shell = shell;
    this.#directory = directory;
    this.#lines = [...settings, ...scripts.map((script) => `source '${script}'`)];
  }

  async start(): Promise<void> {
    await this.#tmux.until(/^prompt\$/m);
    this.#tmux.type(`cd '${this.#directory}'`);
    for (const line of starts(this.#shell, this.#lines)) {
      this.#tmux.type(line);
    }
    await this.#tmux.until(new RegExp(`^${PROMPT.trim()}$`, 'm'));
    await this.#clear();
  }

  /** What a Tab makes of the line. @param behind what stands behind the cursor. */
  async complete(typed: string, behind = ''): Promise<Completed> {
    this.#tmux.press('-l', typed + behind);
    this.#tmux.press(...Array.from(behind, () => 'Left'), 'Tab');
    if (behind !== '') {
      this.#tmux.press('C-e');
    }
    this.#tmux.press('-l', END);
    const screen = (await this.#tmux.until(new RegExp(`^${PROMPT}.*${END}$`, 'm'))).filter((line) => line !== '');
    const line = screen.findLast((one) => one.startsWith(PROMPT)) ?? '';
    const listed = screen.filter((one) => !one.startsWith(PROMPT)).flatMap((one) => one.trim().split(/\s+/));
    await this.#clear();
    return { line: line.slice(PROMPT.length, -END.length), listed: listed.sort() };
  }

  close(): void {
    this.#tmux.close();
  }

  /** An empty line at the top of an empty screen. */
  async #clear(): Promise<void> {
    this.#tmux.press('C-u');
    this.#tmux.press('C-l');
    await this.#tmux.until(new RegExp(`^${PROMPT.trim()}\\n*$`));
  }
}
