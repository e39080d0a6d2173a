/** The completion script of a program for a shell. */
import { bashCompletion } from './bash-completion.js';
import { fishCompletion } from './fish-completion.js';
import type { ProgramManual, Shell } from './manual.js';
import { zshCompletion } from './zsh-completion.js';

export function completionScript(program: ProgramManual, shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bashCompletion(program);
    case 'zsh':
      return zshCompletion(program);
    case 'fish':
      return fishCompletion(program);
  }
}
