/** The help texts of stuckctl. */
import { commandHelp, programHelp } from '../lib/manual/help-text.js';
import type { CommandName } from './arguments.js';
import { STUCKCTL } from './manual/stuckctl-manual.js';

/** @param topic a command, or null for the overview. */
export function helpText(topic: CommandName | null): string {
  const command = STUCKCTL.commands.find(({ name }) => name === topic);
  return command === undefined ? programHelp(STUCKCTL) : commandHelp(STUCKCTL, command);
}
