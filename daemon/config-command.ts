/** `stuckd config check | print | schema`. */
import { type ConfigFlags, configSchema, defaultConfigPath, loadConfig } from './config.js';
import { printConfig } from './config-print.js';
import { jsonSchema } from './config-schema.js';
import { ownPlaces } from './lib/own-places.js';
import { escapeForTerminal } from './lib/terminal.js';

/** A mistake in the words of the command. */
export class ConfigUsageError extends Error {
  override readonly name = 'ConfigUsageError';
}

const FORMS = 'config check [FILE], config print [--redacted] or config schema';

/**
 * @param words what follows `config`
 * @param flags of the command line
 * @param write takes whole lines, without the last line feed
 * @throws ConfigError if the configuration is wrong, ConfigUsageError
 */
export function runConfigCommand(
  words: readonly string[],
  flags: ConfigFlags & { readonly redacted: boolean },
  write: (text: string) => void,
): void {
  const [action, file, ...rest] = words;
  if (rest.length > 0 || (file !== undefined && (action !== 'check' || flags.configPath !== undefined))) {
    throw new ConfigUsageError(`unexpected argument "${rest.at(-1) ?? file ?? ''}"; write ${FORMS}`);
  }
  if (flags.redacted && action !== 'print') {
    throw new ConfigUsageError(`config ${action ?? ''} has no option --redacted`);
  }
  switch (action) {
    case 'check': {
      // Of the file alone: a variable of this shell could hide a mistake that the service would find.
      const path = file ?? flags.configPath;
      const own = ownPlaces(process.env);
      loadConfig(path === undefined ? {} : { configPath: path }, {}, own);
      write(
        `${escapeForTerminal(path ?? `${defaultConfigPath(own)}, or the defaults where it does not exist,`)} is valid`,
      );
      return;
    }
    case 'print':
      write(printConfig(loadConfig(flags, process.env), configSchema, flags.redacted).trimEnd());
      return;
    case 'schema':
      write(JSON.stringify(jsonSchema(configSchema), null, 2));
      return;
    case undefined:
    default:
      throw new ConfigUsageError(
        action === undefined ? `write ${FORMS}` : `there is no config ${action}; write ${FORMS}`,
      );
  }
}
