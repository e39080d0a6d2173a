/** A manual as a completion script for fish: https://fishshell.com/docs/current/cmds/complete.html */
import {
  allOptions,
  argumentWords,
  type Completes,
  commandsByWord,
  optionsOf,
  type OptionManual,
  type ProgramManual,
} from './manual.js';

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

/**
 * A function that says whether the command on the line is the one that is wanted, or with an empty word that there is none yet.
 * Fish's own __fish_use_subcommand takes the value of an option for one.
 */
function conditionFunction(program: ProgramManual): string {
  const valued = allOptions(program).filter(({ value }) => value !== undefined);
  const flags = valued.flatMap(({ name, short }) => [...(short === undefined ? [] : [`-${short}`]), `--${name}`]);
  return `function __${program.name}_in -a wanted
  set -l words (commandline -opc)
  set -l is_value 0
  for word in $words[2..-1]
    if test $is_value = 1
      set is_value 0
      continue
    end
    switch $word
      case ${flags.join(' ')}
        set is_value 1
      case '-*'
      case '*'
        test "$word" = "$wanted"
        return
    end
  end
  test -z "$wanted"
end
`;
}

export function fishCompletion(program: ProgramManual): string {
  const { name } = program;
  const noCommand = `__${name}_in ""`;
  const lines = [...commandsByWord(program)].flatMap(([word, commands]) => {
    const [first] = commands;
    const thisCommand = `__${name}_in ${word}`;
    const argument = offers(argumentWords(commands));
    return [
      `complete -c ${name} -n ${quoted(noCommand)} -a ${word} -d ${quoted(first?.summary ?? '')}`,
      ...(argument === '' ? [] : [`complete -c ${name} -n ${quoted(thisCommand)}${argument}`]),
      ...optionsOf(commands).map((option) => optionLine(name, thisCommand, option)),
    ];
  });
  const general = program.options.map((option) => optionLine(name, noCommand, option));
  const head = `# fish completion of ${name}\n${conditionFunction(program)}complete -c ${name} -f\n`;
  return `${head}${[...general, ...lines].join('\n')}\n`;
}
