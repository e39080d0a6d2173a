/** What SIGHUP can change while the daemon runs, and what has to wait for a restart. */
import type { Config } from './config.js';

export interface Reload {
  /** What the daemon goes on with. */
  readonly config: Config;
  /** Keys that have another value from now on, for example `kinds.closing.open.after`. */
  readonly changed: readonly string[];
  /** Keys that the file sets anew, and that are read at start only. */
  readonly needRestart: readonly string[];
}

/** Every value of a tree by its dotted key; lists count as one value. */
function flatten(value: unknown, key = ''): ReadonlyMap<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return new Map(value === undefined ? [] : [[key, JSON.stringify(value)]]);
  }
  const inner = Object.entries(value).map(([name, part]) => flatten(part, key === '' ? name : `${key}.${name}`));
  return new Map(inner.flatMap((part) => [...part]));
}

function differingKeys(before: Config, after: Config): readonly string[] {
  const [old, fresh] = [flatten(before), flatten(after)];
  return [...new Set([...old.keys(), ...fresh.keys()])].filter((key) => old.get(key) !== fresh.get(key));
}

/**
 * @param running what the daemon works with
 * @param wanted what the file, the environment and the flags say now
 */
export function planReload(running: Config, wanted: Config): Reload {
  const { refreshInterval, sweepInterval, sweepCpuPercentMax, fullRefreshInterval } = wanted.sensor;
  const config = {
    ...running,
    sensor: { ...running.sensor, refreshInterval, sweepInterval, sweepCpuPercentMax, fullRefreshInterval },
    kinds: wanted.kinds,
    audit: wanted.audit,
    alerts: wanted.alerts,
    rules: wanted.rules,
    silences: wanted.silences,
    history: wanted.history,
    receivers: wanted.receivers,
    log: wanted.log,
  };
  return { config, changed: differingKeys(running, config), needRestart: differingKeys(config, wanted) };
}
