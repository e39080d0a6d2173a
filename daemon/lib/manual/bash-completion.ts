/** A manual as a completion script for bash 4.4 and newer; it needs no other package. */
import {
  allOptions,
  argumentWords,
  type Completes,
  commandsByWord,
  optionsOf,
  type OptionManual,
  type ProgramManual,
} from './manual.js';

function flags(options: readonly OptionManual[]): string {
  return options.flatMap(({ name, short }) => [...(short === undefined ? [] : [`-${short}`]), `--${name}`]).join(' ');
}

function patterns({ name, short }: OptionManual): string {
  return short === undefined ? `--${name}` : `-${short} | --${name}`;
}

function reply(completes: Completes | undefined): string {
  switch (completes) {
    case 'file':
      return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")';
    case 'directory':
      return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur")';
    case undefined:
      return 'COMPREPLY=()';
    default:
      return `mapfile -t COMPREPLY < <(compgen -W '${completes.join(' ')}' -- "$cur")`;
  }
}

/**
 * What Readline takes for words is split at `=` too, so `--kind=clo` comes as three words.
 * https://www.gnu.org/software/bash/manual/html_node/Bash-Variables.html#index-COMP_005fWORDBREAKS
 */
export function bashCompletion(program: ProgramManual): string {
  const options = allOptions(program);
  const valued = options.filter(({ value }) => value !== undefined);
  const commands = [...commandsByWord(program)];
  const name = `_${program.name}`;
  const valueCases = valued.map((option) => `    ${patterns(option)}) ${reply(option.completes)}; return ;;`);
  const optionCases = commands.map(([word, all]) => `    ${word}) options='${flags(optionsOf(all))}' ;;`);
  const wordCases = commands.map(([word, all]) => `    ${word}) ${reply(argumentWords(all))} ;;`);
  return `# bash completion of ${program.name}
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD-1]} command= options= i
  if [[ $cur == '=' ]]; then
    cur=
  elif [[ $option == '=' ]]; then
    option=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
    ${valued.map(patterns).join(' | ')})
      if [[ \${COMP_WORDS[i+1]} == '=' ]]; then ((i += 2)); else ((i += 1)); fi ;;
    -*) ;;
    *) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $option in
${valueCases.join('\n')}
  esac
  case $command in
    '') options='${flags(program.options)}' ;;
${optionCases.join('\n')}
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    return
  fi
  case $command in
    '') ${reply(commands.map(([word]) => word))} ;;
${wordCases.join('\n')}
  esac
}
complete -F ${name} ${program.name}
`;
}
