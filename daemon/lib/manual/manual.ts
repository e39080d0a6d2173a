/** What a program says about itself. Help, completions and manual pages are renderings of it, so none can be forgotten. */

/** What a shell offers where a value is wanted; absent: nothing, since nobody but the user knows it. */
export type Completes =
  | 'file'
  | 'directory'
  | readonly string[]
  /** One of these beginnings, and a file after it: `unix:/run/x.sock`. */
  | { readonly filesAfter: readonly string[] };

export interface OptionManual {
  readonly name: string;
  readonly short?: string;
  /** What stands for the value in help: FORMAT. Absent: the option takes none. */
  readonly value?: string;
  readonly completes?: Completes;
  /** It may be given several times, or once with commas. */
  readonly isList?: true;
  /** The variable that stands in for it. */
  readonly environment?: string;
  /** Plain text without line breaks. */
  readonly text: string;
  /** Lines below the text, as they are. */
  readonly lines?: readonly string[];
}

export interface ArgumentManual {
  readonly value: string;
  readonly isOptional: boolean;
  readonly completes?: Completes;
}

export interface CommandManual {
  readonly name: string;
  /** What follows the name, as in `get ID`. */
  readonly argument?: ArgumentManual;
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
  /** Those that go with no command, and those that commands have in common. */
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

/** A command as shells see it: one word, after which come the words of its sub-commands, or its argument. */
export interface CommandWord {
  /** With the words before it: `config`, `config check`. */
  readonly path: string;
  readonly word: string;
  readonly summary: string;
  readonly options: readonly OptionManual[];
  readonly argument: ArgumentManual | null;
  readonly words: readonly CommandWord[];
}

function leaf({ name, summary, options, argument }: CommandManual): CommandWord {
  const word = name.slice(name.lastIndexOf(' ') + 1);
  return { path: name, word, summary, options, argument: argument ?? null, words: [] };
}

function branch(word: string, commands: readonly CommandManual[]): CommandWord {
  const words = commands.map(leaf);
  const summary = words.map((one) => one.word).join(', ');
  return { path: word, word, summary, options: optionsOf(commands), argument: null, words };
}

/** What may come first. Where a word has sub-commands, its options are those of all of them. */
export function commandWords({ commands }: ProgramManual): readonly CommandWord[] {
  const byWord = new Map<string, CommandManual[]>();
  for (const command of commands) {
    const word = command.name.split(' ')[0] ?? command.name;
    byWord.set(word, [...(byWord.get(word) ?? []), command]);
  }
  return [...byWord].map(([word, [first]]) =>
    first?.name === word ? leaf(first) : branch(word, byWord.get(word) ?? []),
  );
}

/** Options of all these commands, each once. */
export function optionsOf(commands: readonly CommandManual[]): readonly OptionManual[] {
  return [...new Map(commands.flatMap(({ options }) => options).map((option) => [option.name, option])).values()];
}

/** `-o`, `--output`. */
export function flagsOf({ name, short }: OptionManual): readonly string[] {
  return [...(short === undefined ? [] : [`-${short}`]), `--${name}`];
}

/** What is said of the options that are lists; null if none is one. */
export function listNote(options: readonly OptionManual[]): string | null {
  const names = options.filter(({ isList }) => isList).map(({ name }) => `--${name}`);
  const [first, ...others] = names;
  if (first === undefined) {
    return null;
  }
  const whole = others.length === 0 ? first : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
  return `${whole} may be given several times, or once with commas.`;
}
