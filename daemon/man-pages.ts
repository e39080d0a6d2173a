/** All manual pages and completions, by the names of their files. */
import { STUCKCTL } from './cli/manual/stuckctl-manual.js';
import { configSchema } from './config.js';
import { configManPage } from './config-man-page.js';
import { jsonSchema } from './config-schema.js';
import { completionScript } from './lib/manual/completion.js';
import { manPage } from './lib/manual/man-page.js';
import { SHELLS } from './lib/manual/manual.js';
import { VERSION } from './lib/version.js';
import { STUCKD } from './stuckd-manual.js';

/** `stuckctl.bash`, `stuckd.fish`: what `completion` prints. */
export function completions(): ReadonlyMap<string, string> {
  const programs = [STUCKCTL, STUCKD];
  return new Map(
    programs.flatMap((program) =>
      SHELLS.map((shell) => [`${program.name}.${shell}`, completionScript(program, shell)] as const),
    ),
  );
}

/** @param exampleConfig a commented configuration, for the page about it */
export function manPages(exampleConfig: string): ReadonlyMap<string, string> {
  return new Map([
    ['stuckctl.1', manPage(STUCKCTL, VERSION)],
    ['stuckd.8', manPage(STUCKD, VERSION)],
    ['stuckd.yaml.5', configManPage(jsonSchema(configSchema), exampleConfig, VERSION)],
  ]);
}
