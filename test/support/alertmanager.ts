/** A real Alertmanager: Debian's, unpacked by "node deploy/setup/setup.mjs alertmanager", or an installed one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import type { Ending } from './lab.js';
import { packageRoot } from './package-root.js';
import { waitFor } from './wait-for.js';

const UNPACKED = join(packageRoot(), 'build/tools/alertmanager');
const INSTALLED = '/usr/bin/prometheus-alertmanager';

/**
 * Debian's program wants its templates below /usr/share. The unpacked one gets its own there, in a mount namespace, so that
 * the machine sees nothing of it.
 */
const IN_NAMESPACE = [
  ...['unshare', '--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), '--'],
  ...[
    'sh',
    '-c',
    'mount --bind "$1/usr/share" /usr/share && program="$1/usr/bin/prometheus-alertmanager" && shift && exec "$program" "$@"',
    'sh',
  ],
];

const isUnpacked = existsSync(join(UNPACKED, 'usr/bin/prometheus-alertmanager'));
const command = isUnpacked ? [...IN_NAMESPACE, UNPACKED] : [INSTALLED];

/** For the `skip` option of a test: why there is none; false if there is one. */
export function alertmanagerSkipReason(): string | false {
  return isUnpacked || existsSync(INSTALLED)
    ? false
    : 'there is no Alertmanager: "npm run test:alertmanager" fetches one';
}

/** The program that comes with it and checks its configuration. */
export const AMTOOL = isUnpacked ? join(UNPACKED, 'usr/bin/amtool') : 'amtool';

/** What Alertmanager's own webhook sends, version 4. */
export interface Notification {
  readonly status: 'firing' | 'resolved';
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

/** Starts one that ends with the test. @returns its URL */
export async function startAlertmanager(test: Ending, config: object): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'stuckd-alertmanager-'));
  const configPath = join(directory, 'alertmanager.yml');
  writeFileSync(configPath, JSON.stringify(config));
  const port = await freePort();
  const [file = '', ...args] = command;
  const child: ChildProcess = spawn(
    file,
    [
      ...args,
      ...[`--config.file=${configPath}`, `--storage.path=${join(directory, 'data')}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address='],
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  test.after(async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}`;
  await waitFor(async () => (await fetch(`${url}/-/ready`)).ok, { what: 'Alertmanager' });
  return url;
}
