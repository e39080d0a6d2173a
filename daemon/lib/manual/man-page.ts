/** A manual as a page for man(1), in the macros of man(7). */
import {
  commandHead,
  type CommandManual,
  type Described,
  listNote,
  type OptionManual,
  type ProgramManual,
} from './manual.js';

/** Text that roff neither takes for a request nor changes: a backslash, a hyphen that is meant as minus, a leading dot. */
export function roffText(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&');
}

/** Lines that stay as they are. */
export function roffLines(lines: readonly string[]): string {
  return `.nf\n${lines.map(roffText).join('\n')}\n.fi\n`;
}

export function roffSection(title: string, body: string): string {
  return body === '' ? '' : `.SH ${title}\n${body}`;
}

/**
 * Without a date, so that the same source makes the same page; without hyphenation, since a name that is broken in two
 * cannot be copied; and without stretched lines.
 */
export function roffTitle(name: string, section: number, version: string, volume: string): string {
  return `.TH ${name.toUpperCase()} ${section.toString()} "" "stuckd ${version}" "${volume}"\n.nh\n.ad l\n`;
}

/** @param begins right below a heading, where a paragraph needs no macro */
function roffParagraphs(paragraphs: readonly string[], begins: boolean): string {
  return paragraphs
    .map((text, index) => {
      const macro = begins && index === 0 ? '' : '.PP\n';
      return `${macro}${text.startsWith(' ') ? roffLines(text.split('\n')) : `${roffText(text)}\n`}`;
    })
    .join('');
}

function roffOption({ name, short, value, environment, text, lines = [] }: OptionManual): string {
  const flags = [...(short === undefined ? [] : [`-${short}`]), `--${name}`].map((flag) => `\\fB${roffText(flag)}\\fR`);
  const shown = `${flags.join(', ')}${value === undefined ? '' : ` \\fI${roffText(value)}\\fR`}`;
  const variable = environment === undefined ? '' : ` (\\fB${roffText(environment)}\\fR)`;
  return `.TP\n${shown}\n${roffText(text)}${variable}\n${lines.length === 0 ? '' : `.br\n${roffLines(lines)}`}`;
}

export function roffList(items: readonly Described[]): string {
  return items.map(({ name, text }) => `.TP\n\\fB${roffText(name)}\\fR\n${roffText(text)}\n`).join('');
}

function roffOptions(options: readonly OptionManual[]): string {
  const note = listNote(options);
  return `${options.map(roffOption).join('')}${note === null ? '' : `.PP\n${roffText(note)}\n`}`;
}

/** Which of the options that stand at the end of the page go with a command. */
function commonText(taken: readonly OptionManual[], common: readonly OptionManual[]): readonly string[] {
  const names = taken.map(({ name }) => `--${name}`);
  if (names.length === 0) {
    return [];
  }
  return [
    taken.length === common.length
      ? 'It takes the common options.'
      : `Of the common options it takes ${names.join(', ')}.`,
  ];
}

function roffCommand(command: CommandManual, common: readonly OptionManual[]): string {
  const { description, options, notes } = command;
  const own = options.filter((option) => !common.includes(option));
  const taken = options.filter((option) => common.includes(option));
  const last = [...commonText(taken, common), ...notes];
  return `.SS ${roffText(commandHead(command))}\n${roffParagraphs(description, true)}${roffOptions(own)}${roffParagraphs(last, false)}`;
}

/** @param version of stuckd */
export function manPage(program: ProgramManual, version: string): string {
  const { name, section, summary, commands, options, notes, environment, files, exitCodes, seeAlso } = program;
  const volume = section === 1 ? 'User Commands' : 'System Administration';
  // What goes with a single command is no option of commands.
  const common = options.filter((option) => commands.some((command) => command.options.includes(option)));
  return [
    roffTitle(name, section, version, volume),
    roffSection('NAME', `${name} \\- ${roffText(summary)}\n`),
    roffSection('SYNOPSIS', `\\fB${name}\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n`),
    roffSection('COMMANDS', commands.map((command) => roffCommand(command, common)).join('')),
    roffSection('COMMON OPTIONS', roffOptions(options)),
    roffSection('NOTES', roffParagraphs(notes, true)),
    roffSection('EXIT STATUS', roffList(exitCodes)),
    roffSection('ENVIRONMENT', roffList(environment)),
    roffSection('FILES', roffList(files)),
    roffSection('SEE ALSO', seeAlso.length === 0 ? '' : `${roffText(seeAlso.join(', '))}\n`),
  ].join('');
}
