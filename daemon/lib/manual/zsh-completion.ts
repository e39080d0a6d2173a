/** A manual as a completion script for zsh: https://zsh.sourceforge.io/Doc/Release/Completion-System.html */
import {
  allOptions,
  type CommandWord,
  commandWords,
  type Completes,
  flagsOf,
  type OptionManual,
  type ProgramManual,
} from './manual.js';

/** Within single quotes of the shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Brackets and colons end the parts of a specification. */
function plain(text: string): string {
  return text.replace(/[\\[\]:]/g, '\\$&');
}

/**
 * A space before a function of ours keeps _arguments from passing it options of compadd.
 * @param name of the program's function, with which those of its helpers begin
 */
function action(name: string, completes: Completes | undefined, isList: boolean): string {
  switch (completes) {
    case 'file':
      return '_files';
    case 'directory':
      // _files would offer files where no directory fits.
      return '_path_files -/';
    case undefined:
      return ' ';
    default: {
      const isFiles = 'filesAfter' in completes;
      const words = isFiles ? completes.filesAfter : completes;
      if (!isFiles && !isList) {
        return `(${words.join(' ')})`;
      }
      const helper = isFiles ? 'files_after' : 'words';
      return [` ${name}_${isList ? 'item_' : ''}${helper}`, ...words.map(plain)].join(' ');
    }
  }
}

/** Only what is a list may come again. */
function specifications(name: string, option: OptionManual): readonly string[] {
  const { value, completes, text, isList = false } = option;
  const end = value === undefined ? '' : `:${plain(value)}:${action(name, completes, isList)}`;
  const flags = flagsOf(option);
  return flags.map((flag) => {
    const again = isList ? '*' : flags.length === 1 ? '' : `(${flags.join(' ')})`;
    const joint = value !== undefined && flag.startsWith('--') ? '=' : '';
    return `${again}${flag}${joint}[${plain(text)}]${end}`;
  });
}

/**
 * Options of the words to come may stand before them. They are not offered there, but known, so that their values are not taken
 * for words.
 */
function hiddenSpecifications(options: readonly OptionManual[], offered: readonly OptionManual[]): readonly string[] {
  const shown = new Set(offered.map(({ name }) => name));
  const hidden = options.filter(({ name, value }) => value !== undefined && !shown.has(name));
  return hidden.flatMap((option) => flagsOf(option).map((flag) => `!${flag}${flag.startsWith('--') ? '=' : ''}: : `));
}

function argumentsCall(begin: string, options: readonly string[], ...positions: readonly string[]): string {
  return [begin, ...[...options, ...positions].map(quoted)].join(' \\\n    ');
}

/**
 * The function of a command that other words follow, and those of these words. Options behind such a word are the business of
 * its own function (-A).
 */
function branchFunction(
  name: string,
  program: string,
  options: readonly string[],
  words: readonly CommandWord[],
): string {
  const described = words.map(({ word, summary }) => quoted(`${plain(word)}:${summary}`));
  const cases = words.map(({ word }) => `    ${word}) ${name}_${word} ;;`);
  const inner = words.map((word) => wordFunction(name, program, word));
  return `${inner.join('')}${name}() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  ${argumentsCall("_arguments -C -A '-*'", options, '1:command:->command', '*::argument:->argument')}
  case $state in
  command)
    local -a commands=(
      ${described.join('\n      ')}
    )
    _describe -t commands command commands ;;
  argument)
    case $words[1] in
${cases.join('\n')}
    esac ;;
  esac
}
`;
}

function wordFunction(parent: string, program: string, { word, options, argument, words }: CommandWord): string {
  const name = `${parent}_${word}`;
  const flags = options.flatMap((option) => specifications(program, option));
  if (words.length > 0) {
    return branchFunction(name, program, flags, words);
  }
  // An argument that nothing can be said of is one all the same: without it, options after it would not be completed.
  const position =
    argument === null ? [] : [`1:${plain(argument.value)}:${action(program, argument.completes, false)}`];
  return `${name}() {\n  ${argumentsCall('_arguments', flags, ...position)}\n}\n`;
}

function helpers(name: string): string {
  return `${name}_words() {
  compadd -S '' -- \${(M)@:#*[=:@/]}
  compadd -- \${@:#*[=:@/]}
}
${name}_files_after() {
  local prefix
  for prefix; do
    if compset -P "$prefix"; then
      _files
      return
    fi
  done
  ${name}_words "$@"
}
# Of a list with commas the last one is completed.
${name}_item_words() {
  compset -P '*,'
  ${name}_words "$@"
}
${name}_item_files_after() {
  compset -P '*,'
  ${name}_files_after "$@"
}
`;
}

export function zshCompletion(program: ProgramManual): string {
  const name = `_${program.name}`;
  const flags = [
    ...program.options.flatMap((option) => specifications(name, option)),
    ...hiddenSpecifications(allOptions(program), program.options),
  ];
  return `#compdef ${program.name}
${helpers(name)}${branchFunction(name, name, flags, commandWords(program))}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  ${name} "$@"
else
  compdef ${name} ${program.name}
fi
`;
}
