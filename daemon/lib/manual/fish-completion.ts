/** A manual as a completion script for fish: https://fishshell.com/docs/current/cmds/complete.html */
import {
  allOptions,
  type CommandWord,
  commandWords,
  type Completes,
  flagsOf,
  type OptionManual,
  type ProgramManual,
} from './manual.js';

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function helperCall(name: string, helper: string, words: readonly string[]): string {
  return ` -a ${quoted(`(__${name}_${helper} ${words.join(' ')})`)}`;
}

function offers(name: string, completes: Completes | undefined, isList: boolean): string {
  switch (completes) {
    case 'file':
      return ' -F';
    case 'directory':
      return " -a '(__fish_complete_directories)'";
    case undefined:
      return '';
    default:
      if ('filesAfter' in completes) {
        return helperCall(name, 'files_after', completes.filesAfter);
      }
      return isList ? helperCall(name, 'items', completes) : ` -a ${quoted(completes.join(' '))}`;
  }
}

function optionLine(name: string, condition: string, option: OptionManual): string {
  const { short, value, completes, isList = false, text } = option;
  const shortFlag = short === undefined ? '' : ` -s ${short}`;
  // A value that is no file is offered alone (-x); -F of a value that is one brings them back (-r).
  const valueFlags =
    value === undefined ? '' : `${completes === 'file' ? ' -r' : ' -x'}${offers(name, completes, isList)}`;
  return `complete -c ${name} -n ${quoted(condition)}${shortFlag} -l ${option.name}${valueFlags} -d ${quoted(text)}`;
}

/**
 * Functions that say which commands are on the line: exactly these, or these and more. Fish's own __fish_use_subcommand takes
 * the value of an option for one. And what completes a part of a value: fish wants the whole of it, with what is there already.
 */
function helpers(program: ProgramManual): string {
  const { name } = program;
  const valued = allOptions(program).filter(({ value }) => value !== undefined);
  return `function __${name}_positions
  set -l words (commandline -opc)
  set -l positions
  set -l is_value 0
  for word in $words[2..-1]
    if test $is_value = 1
      set is_value 0
      continue
    end
    switch $word
      case ${valued.flatMap(flagsOf).join(' ')}
        set is_value 1
      case '-*'
      case '*'
        set -a positions $word
    end
  end
  echo "$positions"
end
function __${name}_at -a wanted
  test (__${name}_positions) = "$wanted"
end
function __${name}_within -a wanted
  string match -q -- "$wanted *" (__${name}_positions)" "
end
function __${name}_value
  commandline -ct | string replace -r -- '^--[^=]*=' '' | string replace -r -- '^["\\']' '' | string replace -ra -- '\\\\\\\\(.)' '$1'
end
function __${name}_items
  set -l before (__${name}_value | string replace -r -- '[^,]*$' '')
  printf '%s\\n' "$before"$argv
end
function __${name}_files_after
  set -l value (__${name}_value)
  set -l before (string replace -r -- '[^,]*$' '' "$value")
  set -l item (string replace -r -- '^.*,' '' "$value")
  for prefix in $argv
    if string match -q -- "$prefix*" "$item"
      set -l path (string sub -s (math 1 + (string length -- $prefix)) -- "$item")
      for file in $path*
        test -d $file; and set file $file/
        printf '%s\\n' "$before$prefix$file"
      end
      return
    end
  end
  printf '%s\\n' "$before"$argv
end
`;
}

function wordLines(name: string, parent: string, word: CommandWord): readonly string[] {
  const at = `__${name}_at "${parent}"`;
  const isBranch = word.words.length > 0;
  // Of a word that others follow, the options of all of them are offered until one of them stands there.
  const inside = `__${name}_${isBranch ? 'at' : 'within'} "${word.path}"`;
  const argument = offers(name, word.argument?.completes, false);
  return [
    `complete -c ${name} -n ${quoted(at)} -a ${word.word} -d ${quoted(word.summary)}`,
    ...(argument === '' ? [] : [`complete -c ${name} -n ${quoted(`__${name}_at "${word.path}"`)}${argument}`]),
    ...word.options.map((option) => optionLine(name, inside, option)),
    ...word.words.flatMap((inner) => wordLines(name, word.path, inner)),
  ];
}

export function fishCompletion(program: ProgramManual): string {
  const { name } = program;
  const general = program.options.map((option) => optionLine(name, `__${name}_at ""`, option));
  const lines = commandWords(program).flatMap((word) => wordLines(name, '', word));
  return `# fish completion of ${name}\n${helpers(program)}complete -c ${name} -f\n${[...general, ...lines].join('\n')}\n`;
}
