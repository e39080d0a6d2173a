/** A manual as a completion script for bash 4.4 and newer; it needs no other package. */
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
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function call(name: string, words: readonly string[]): string {
  return [name, ...words.map(quoted)].join(' ');
}

/** @param name of the program's function, with which those of its helpers begin */
function offer(name: string, completes: Completes | undefined): string {
  switch (completes) {
    // Readline knows about quotes and tildes: what it does by itself where nothing is offered is best for plain files.
    case 'file':
      return 'compopt -o default';
    case 'directory':
      return 'compopt -o dirnames';
    case undefined:
      return ':';
    default:
      return 'filesAfter' in completes
        ? call(`${name}_files_after`, completes.filesAfter)
        : call(`${name}_words`, completes);
  }
}

function optionCase(name: string, option: OptionManual): string {
  const item = option.isList ? `${name}_item; ` : '';
  return `    ${flagsOf(option).join(' | ')}) ${item}${offer(name, option.completes)} ;;`;
}

/** Sub-commands before the word that they belong to: the first pattern that fits counts. */
function withInner(words: readonly CommandWord[]): readonly CommandWord[] {
  return words.flatMap((word) => [...withInner(word.words), word]);
}

function flagsCase(name: string, { path, options }: CommandWord): string {
  return `    ${quoted(`${path} `)}*) ${call(`${name}_words`, options.flatMap(flagsOf))} ;;`;
}

function argumentCase(name: string, { path, words, argument }: CommandWord): string {
  const offered = words.length > 0 ? words.map(({ word }) => word) : argument?.completes;
  return `    ${quoted(path)}) ${offer(name, offered)} ;;`;
}

/**
 * What is offered begins as `value`, that part of the word which is completed. `before` is what stands in the word before it, and
 * `kept` is what Readline leaves as it is.
 */
function helpers(name: string): string {
  return `${name}_words() {
  local word
  for word; do
    if [[ $word == "$value"* ]]; then
      word=$before$word
      COMPREPLY+=("\${word#"$kept"}")
    fi
  done
}
${name}_files_after() {
  local prefix path
  for prefix; do
    if [[ $value == "$prefix"* ]]; then
      if [[ $kept == "$before$prefix" ]]; then compopt -o filenames; fi
      while IFS= read -r path; do
        if [[ -d $path ]]; then path+=/; fi
        # Readline quotes what is a file alone, but not what is one only after the prefix.
        if [[ $kept != "$before$prefix" && -z $quote ]]; then printf -v path %q "$path"; fi
        path=$before$prefix$path
        COMPREPLY+=("\${path#"$kept"}")
      done < <(compgen -f -- "\${value#"$prefix"}")
      return
    fi
  done
  ${name}_words "$@"
}
# Of a list with commas the last one is completed.
${name}_item() {
  before+=\${value%"\${value##*,}"}
  value=\${value##*,}
}
`;
}

/**
 * What Readline takes for words is split at `=`, `:` and `@` too: `--kind=clo` comes as three words, `unix:/x` as well. So the
 * words are put together again where no space is between them, and of what is offered, the part before the last such split is
 * left out.
 * https://www.gnu.org/software/bash/manual/html_node/Bash-Variables.html#index-COMP_005fWORDBREAKS
 */
export function bashCompletion(program: ProgramManual): string {
  const name = `_${program.name}`;
  const valued = allOptions(program).filter(({ value }) => value !== undefined);
  const words = commandWords(program);
  const all = withInner(words);
  const generalFlags = program.options.flatMap(flagsOf);
  return `# bash completion of ${program.name}
${helpers(name)}${name}() {
  local line=\${COMP_LINE:0:COMP_POINT} words=() positions=() rest option= quote= before= value kept i last
  for ((i = 0; i <= COMP_CWORD; i++)); do
    rest=\${line#"\${line%%[![:space:]]*}"}
    if ((i == 0)) || [[ $rest != "$line" ]]; then words+=(''); fi
    if ((i == COMP_CWORD)); then words[-1]+=$rest; else words[-1]+=\${COMP_WORDS[i]}; fi
    line=\${rest#"\${COMP_WORDS[i]}"}
  done
  last=$((\${#words[@]} - 1))
  value=\${words[last]}
  for ((i = 1; i < last; i++)); do
    case \${words[i]} in
    ${valued.flatMap(flagsOf).join(' | ')})
      ((i += 1))
      if ((i == last)); then option=\${words[i-1]}; fi ;;
    -*) ;;
    *) positions+=("\${words[i]}") ;;
    esac
  done
  kept=\${value%"$2"}
  if [[ -z $option && $value == --*=* ]]; then
    option=\${value%%=*}
    before=$option=
    value=\${value#*=}
  fi
  if [[ $value == [\\"\\']* ]]; then
    quote=\${value:0:1}
    value=\${value:1}
    kept=\${kept%"$quote"}
  fi
  value=\${value//\\\\/}
  COMPREPLY=()
  if [[ -n $option ]]; then
    case $option in
${valued.map((option) => optionCase(name, option)).join('\n')}
    esac
  elif [[ $value == -* ]]; then
    case "\${positions[*]} " in
    ' ') ${call(`${name}_words`, generalFlags)} ;;
${all.map((word) => flagsCase(name, word)).join('\n')}
    esac
  else
    case "\${positions[*]}" in
    '') ${offer(
      name,
      words.map(({ word }) => word),
    )} ;;
${all.map((word) => argumentCase(name, word)).join('\n')}
    esac
  fi
  # What must go on gets no space behind it.
  if [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *[=:@/] ]]; then compopt -o nospace; fi
}
complete -F ${name} ${program.name}
`;
}
