/** The options of stuckd, and which command has which. stuckd-manual.ts says what they mean. */

/** As parseArgs() of Node takes them. */
export const OPTIONS = {
  config: { type: 'string' },
  address: { type: 'string' },
  'http-address': { type: 'string' },
  'state-dir': { type: 'string' },
  'sensor-address': { type: 'string' },
  'sensor-mode': { type: 'string' },
  'log-level': { type: 'string' },
  json: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
  cut: { type: 'string' },
  redacted: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const;

type OptionName = keyof typeof OPTIONS;
const CONFIG_OPTIONS: readonly OptionName[] = [
  'config',
  'address',
  'http-address',
  'state-dir',
  'sensor-address',
  'sensor-mode',
  'log-level',
  'json',
];
/** Those that have an effect on each command. */
export const COMMAND_OPTIONS = {
  run: CONFIG_OPTIONS,
  check: [...CONFIG_OPTIONS, 'output'],
  demo: ['cut'],
  config: [...CONFIG_OPTIONS.filter((name) => name !== 'json'), 'redacted'],
  completion: [],
} as const satisfies Readonly<Record<string, readonly OptionName[]>>;
