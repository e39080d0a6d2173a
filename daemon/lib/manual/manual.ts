/** What a program says about itself. Help, completions and manual pages are renderings of it, so none can be forgotten. */

/** What a shell offers where a value is wanted; absent: nothing, since nobody but the user knows it. */
export type Completes = 'file' | 'directory' | readonly string[];

export interface OptionManual {
  readonly name: string;
  readonly short?: string;
  /** What stands for the value in help: FORMAT. Absent: the option takes none. */
  readonly value?: string;
  readonly completes?: Completes;
  /** The variable that stands in for it. */
  readonly environment?: string;
  /** Plain text without line breaks. */
  readonly text: string;
  /** Lines below the text, as they are. */
  readonly lines?: readonly string[];
}

export interface CommandManual {
  readonly name: string;
  /** What follows the name, as in `get ID`. */
  readonly argument?: { readonly value: string; readonly isOptional: boolean; readonly completes?: Completes };
  /** In the list of all commands. */
  readonly summary: string;
  /** Paragraphs; those that begin with a space are kept as they are. */
  readonly description: readonly string[];
  readonly options: readonly OptionManual[];
  /** Paragraphs after the options. */
  readonly notes: readonly string[];
}

export interface Described {
  readonly name: string;
  readonly text: string;
}

export interface ProgramManual {
  readonly name: string;
  /** Of the manual: 1 for everybody, 8 for administrators. */
  readonly section: 1 | 8;
  /** One sentence, without the name. */
  readonly summary: string;
  readonly commands: readonly CommandManual[];
  /** Options without a command. */
  readonly options: readonly OptionManual[];
  /** Last paragraphs of the overview. */
  readonly notes: readonly string[];
  readonly environment: readonly Described[];
  readonly files: readonly Described[];
  readonly exitCodes: readonly Described[];
  /** Other pages, as `stuckd(8)`. */
  readonly seeAlso: readonly string[];
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function isShell(name: string): name is Shell {
  return (SHELLS as readonly string[]).includes(name);
}

/** `-o, --output FORMAT`. */
export function optionHead({ name, short, value }: OptionManual): string {
  const long = `--${name}${value === undefined ? '' : ` ${value}`}`;
  return short === undefined ? `    ${long}` : `-${short}, ${long}`;
}

/** `get ID`, `config check [FILE]`. */
export function commandHead({ name, argument }: CommandManual): string {
  if (argument === undefined) {
    return name;
  }
  return `${name} ${argument.isOptional ? `[${argument.value}]` : argument.value}`;
}

/** Every option of the program once, by name, in the order in which commands name them. */
export function allOptions({ commands, options }: ProgramManual): readonly OptionManual[] {
  const all = [...commands.flatMap((command) => command.options), ...options];
  return [...new Map(all.map((option) => [option.name, option])).values()];
}

/** What to call the words of `config check`: its first is the command, as shells see it. */
export function firstWord({ name }: CommandManual): string {
  return name.split(' ')[0] ?? name;
}

/** Commands by their first word; several where it has sub-commands. */
export function commandsByWord({ commands }: ProgramManual): ReadonlyMap<string, readonly CommandManual[]> {
  const byWord = new Map<string, CommandManual[]>();
  for (const command of commands) {
    const word = firstWord(command);
    byWord.set(word, [...(byWord.get(word) ?? []), command]);
  }
  return byWord;
}

/** Second words of a command, or what its argument may be. */
export function argumentWords(commands: readonly CommandManual[]): Completes {
  const [first, ...others] = commands;
  const seconds = commands.flatMap(({ name }) => name.split(' ').slice(1));
  return others.length > 0 || seconds.length > 0 ? seconds : (first?.argument?.completes ?? []);
}

/** Options of all commands with this first word, each once. */
export function optionsOf(commands: readonly CommandManual[]): readonly OptionManual[] {
  return [...new Map(commands.flatMap(({ options }) => options).map((option) => [option.name, option])).values()];
}
