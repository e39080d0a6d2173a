/** A manual as a completion script for zsh: https://zsh.sourceforge.io/Doc/Release/Completion-System.html */
import {
  argumentWords,
  type CommandManual,
  type Completes,
  commandsByWord,
  optionsOf,
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

function action(completes: Completes | undefined): string {
  switch (completes) {
    case 'file':
      return '_files';
    case 'directory':
      return '_files -/';
    case undefined:
      return ' ';
    default:
      return `(${completes.join(' ')})`;
  }
}

/** `*`: any option may come again, as the program allows it. */
function specifications({ name, short, value, completes, text }: OptionManual): readonly string[] {
  const end = value === undefined ? '' : `:${plain(value)}:${action(completes)}`;
  const long = `*--${name}${value === undefined ? '' : '='}[${plain(text)}]${end}`;
  return short === undefined ? [long] : [`*-${short}[${plain(text)}]${end}`, long];
}

function argumentsCall(options: readonly OptionManual[], completes: Completes): string {
  const argument = completes.length === 0 ? [] : [`1:argument:${action(completes)}`];
  return ['_arguments', ...[...options.flatMap(specifications), ...argument].map(quoted)].join(' \\\n        ');
}

function commandCase([word, commands]: readonly [string, readonly CommandManual[]]): string {
  return `    ${word})\n      ${argumentsCall(optionsOf(commands), argumentWords(commands))} ;;`;
}

export function zshCompletion(program: ProgramManual): string {
  const name = `_${program.name}`;
  const commands = [...commandsByWord(program)];
  const described = commands.map(([word, [first]]) => quoted(`${word}:${first?.summary ?? ''}`));
  return `#compdef ${program.name}
${name}() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C ${program.options.flatMap(specifications).map(quoted).join(' ')} '1:command:->command' '*::argument:->argument'
  case $state in
  command)
    local -a commands=(
      ${described.join('\n      ')}
    )
    _describe -t commands '${program.name} command' commands ;;
  argument)
    case $words[1] in
${commands.map(commandCase).join('\n')}
    esac ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  ${name} "$@"
else
  compdef ${name} ${program.name}
fi
`;
}
