/** The help text of stuckd, on one page. */
import { commandsText, optionsText, paragraph } from './lib/manual/help-text.js';
import { optionsOf } from './lib/manual/manual.js';
import { STUCKD } from './stuckd-manual.js';

/** @param version as --version prints it */
export function stuckdHelp(version: string): string {
  const optionsFor = (...names: readonly string[]): string =>
    optionsText(
      optionsOf(STUCKD.commands.filter(({ name }) => names.includes(name))).filter(({ name }) => name !== 'help'),
    );
  return [
    paragraph(`stuckd ${version}: ${STUCKD.summary}`),
    commandsText(STUCKD.commands, 'stuckd '),
    optionsFor('run', 'check', 'config print').replace('Options:', 'Options of run, check and config:'),
    optionsFor('demo').replace('Options:', 'Options of demo:'),
    paragraph(`-h or --help shows this text, -V or --version the version. ${STUCKD.notes.join(' ')}`),
  ].join('\n');
}
