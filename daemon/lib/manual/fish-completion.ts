/** A manual as a completion script for fish: https://fishshell.com/docs/current/cmds/complete.html */
import { argumentWords, type Completes, commandsByWord, optionsOf, type OptionManual, type ProgramManual } from './manual.js';

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function offers(completes: Completes | undefined): string {
  switch (completes) {
    case 'file':
      return ' -F';
    case 'directory':
      return " -a '(__fish_complete_directories)'";
    case undefined:
      return '';
    default:
      return completes.length === 0 ? '' : ` -a ${quoted(completes.join(' '))}`;
  }
}

function optionLine(program: string, condition: string, { name, short, value, completes, text }: OptionManual): string {
  const shortFlag = short === undefined ? '' : ` -s ${short}`;
  // A value that is no file is offered alone (-x); -F of a value that is one brings them back (-r).
  const valueFlags = value === undefined ? '' : `${completes === 'file' ? ' -r' : ' -x'}${offers(completes)}`;
  return `complete -c ${program} -n ${quoted(condition)}${shortFlag} -l ${name}${valueFlags} -d ${quoted(text)}`;
}

export function fishCompletion(program: ProgramManual): string {
  const { name } = program;
  const lines = [...commandsByWord(program)].flatMap(([word, commands]) => {
    const [first] = commands;
    const seen = `__fish_seen_subcommand_from ${word}`;
    const argument = offers(argumentWords(commands));
    return [
      `complete -c ${name} -n __fish_use_subcommand -a ${word} -d ${quoted(first?.summary ?? '')}`,
      ...(argument === '' ? [] : [`complete -c ${name} -n ${quoted(seen)}${argument}`]),
      ...optionsOf(commands).map((option) => optionLine(name, seen, option)),
    ];
  });
  const general = program.options.map((option) => optionLine(name, '__fish_use_subcommand', option));
  return `# fish completion of ${name}\ncomplete -c ${name} -f\n${[...general, ...lines].join('\n')}\n`;
}
