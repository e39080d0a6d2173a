/** All manual pages, by the names of their files. */
import { STUCKCTL } from './cli/manual/stuckctl-manual.js';
import { configSchema } from './config.js';
import { configManPage } from './config-man-page.js';
import { jsonSchema } from './config-schema.js';
import { manPage } from './lib/manual/man-page.js';
import { VERSION } from './lib/version.js';
import { STUCKD } from './stuckd-manual.js';

/** @param exampleConfig a commented configuration, for the page about it */
export function manPages(exampleConfig: string): ReadonlyMap<string, string> {
  return new Map([
    ['stuckctl.1', manPage(STUCKCTL, VERSION)],
    ['stuckd.8', manPage(STUCKD, VERSION)],
    ['stuckd.yaml.5', configManPage(jsonSchema(configSchema), exampleConfig, VERSION)],
  ]);
}
