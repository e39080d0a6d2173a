/** A manual as the text of --help. */
import { wrapWords } from '../terminal.js';
import {
  commandHead,
  type CommandManual,
  listNote,
  optionHead,
  type OptionManual,
  type ProgramManual,
} from './manual.js';

const WIDTH = 100;
/** Where the texts of options begin. */
const TEXT_COLUMN = 23;

export function paragraph(text: string): string {
  return text.startsWith(' ') ? `${text}\n` : `${wrapWords(text, WIDTH).join('\n')}\n`;
}

/** A head, and beside it a text in lines; below it where the head is too long. */
function entry(head: string, texts: readonly string[], column: number): string {
  const lines = head.length < column ? texts : ['', ...texts];
  const begin = lines.map((text, index) => (index === 0 ? head.padEnd(column) + text : ' '.repeat(column) + text));
  return begin.map((one) => `${one.trimEnd()}\n`).join('');
}

function optionText(option: OptionManual): string {
  const { text, environment, lines = [] } = option;
  const whole = environment === undefined ? text : `${text} (${environment})`;
  return entry(`  ${optionHead(option)}`, [...wrapWords(whole, WIDTH - TEXT_COLUMN), ...lines], TEXT_COLUMN);
}

export function optionsText(options: readonly OptionManual[]): string {
  const note = listNote(options);
  return `Options:\n${options.map(optionText).join('')}${note === null ? '' : paragraph(note)}`;
}

/** The commands with their summaries. */
export function commandsText(commands: readonly CommandManual[], prefix = ''): string {
  const heads = commands.map((command) => `  ${prefix}${commandHead(command)}`);
  const column = Math.max(...heads.map((head) => head.length)) + 2;
  return commands
    .map(({ summary }, index) => entry(heads[index] ?? '', wrapWords(summary, WIDTH - column), column))
    .join('');
}

export function commandHelp(program: ProgramManual, command: CommandManual): string {
  const parts = [
    command.description.map(paragraph).join('\n'),
    `Usage: ${program.name} ${commandHead(command)} [options]\n`,
    optionsText(command.options),
  ];
  const notes = command.notes.map(paragraph).join('');
  return [...parts, ...(notes === '' ? [] : [notes])].join('\n');
}

export function programHelp(program: ProgramManual): string {
  const codes = program.exitCodes.map(({ name, text }) => `${name} ${text}`).join(', ');
  return [
    paragraph(`${program.name} ${program.summary}.`),
    `Usage: ${program.name} COMMAND [options]\n`,
    `Commands:\n${commandsText(program.commands)}`,
    optionsText(program.options),
    `${program.notes.map(paragraph).join('')}${paragraph(`Exit codes: ${codes}.`)}`,
  ].join('\n');
}
