// Proves where an ordinary user's stuckd keeps its things, who is one, and that a client finds its socket. That a daemon works
// there is shown by acceptance/own-daemon.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type OwnPlaces, ownPlaces, ownSocket, SYSTEM_STATE_DIR } from '../../../daemon/lib/own-places.js';

const directory = mkdtempSync(join(tmpdir(), 'stuckd-own-'));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Of no user of Debian. */
const UID_WITHOUT_ACCOUNT = 3_999_999;

/** A directory that nobody can make, root neither. */
const CLOSED = '/dev/null/stuckd';

function places(environment: Readonly<Record<string, string>>): OwnPlaces {
  const found = ownPlaces(environment, { uid: 1000, systemStateDir: CLOSED, systemRunDir: CLOSED });
  assert.ok(found !== null);
  return found;
}

test('below the home directory, unless the variables of XDG say otherwise', () => {
  const { configPath, stateDir, socketPath } = places({ HOME: '/home/ann' });
  assert.equal(configPath, '/home/ann/.config/stuckd/stuckd.yaml');
  assert.equal(stateDir, '/home/ann/.local/state/stuckd');
  assert.equal(socketPath(), '/home/ann/.local/state/stuckd/stuckd.sock');
  assert.equal(socketPath('/elsewhere'), '/elsewhere/stuckd.sock');
  const other = places({ HOME: '/home/ann', XDG_STATE_HOME: '/s', XDG_CONFIG_HOME: '/c', XDG_RUNTIME_DIR: directory });
  assert.deepEqual(
    [other.configPath, other.stateDir, other.socketPath(), other.socketPath('/elsewhere')],
    [
      '/c/stuckd/stuckd.yaml',
      '/s/stuckd',
      join(directory, 'stuckd/stuckd.sock'),
      join(directory, 'stuckd/stuckd.sock'),
    ],
  );
});

test('what cannot be used counts as not set', () => {
  const relative = places({ HOME: '/home/ann', XDG_STATE_HOME: 's', XDG_RUNTIME_DIR: 'r' });
  assert.equal(relative.socketPath(), '/home/ann/.local/state/stuckd/stuckd.sock');
  assert.equal(places({ HOME: '/h', XDG_RUNTIME_DIR: CLOSED }).socketPath(), '/h/.local/state/stuckd/stuckd.sock');
  assert.equal(places({}).stateDir, join(homedir(), '.local/state/stuckd'));
});

const isRoot = process.getuid?.() === 0;

test('whoever has no account has no home, and that is no error', { skip: isRoot ? false : 'needs root' }, () => {
  const script = `import('${new URL('../../../daemon/lib/own-places.js', import.meta.url).href}').then((it) => {
    process.setuid(${UID_WITHOUT_ACCOUNT});
    console.log(String(it.ownSocket({})));
  })`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', env: {} });
  assert.equal(stdout, 'null\n', stderr);
});

test('a path that is too long for a socket is left for the state directory', () => {
  const long = join(directory, 'x'.repeat(100));
  mkdirSync(long);
  assert.equal(places({ HOME: '/h', XDG_RUNTIME_DIR: long }).socketPath(), '/h/.local/state/stuckd/stuckd.sock');
});

test('root, a service and whoever can write to the state directory of the system have nothing of their own', () => {
  const who = (uid: number | undefined, systemStateDir: string, environment = {}): OwnPlaces | null =>
    ownPlaces({ HOME: '/home/ann', ...environment }, { uid, systemStateDir, systemRunDir: CLOSED });
  assert.equal(who(0, CLOSED), null);
  assert.equal(who(1000, directory), null, 'it is there and can be written to');
  assert.equal(who(1000, join(directory, 'not/yet')), null, 'it can be made');
  assert.equal(who(1000, CLOSED, { STATE_DIRECTORY: CLOSED }), null, 'systemd has made it for the service');
  assert.equal(who(1000, CLOSED, { STATE_DIRECTORY: '/var/lib/other' }), null, 'under another name');
  assert.equal(who(1000, CLOSED, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }), null, 'in a cluster');
  const volume = { uid: 1000, systemStateDir: CLOSED, systemRunDir: directory };
  assert.equal(ownPlaces({ HOME: '/home/ann' }, volume), null, 'it was given the place of the socket');
  assert.notEqual(who(1000, CLOSED, { STATE_DIRECTORY: '/home/ann/.config/stuckd' }), null, 'a service of the user');
  assert.equal(SYSTEM_STATE_DIR, '/var/lib/stuckd');
});

test('a client finds the socket of its user, where there is one', async (t) => {
  const environment = { HOME: directory };
  assert.equal(ownSocket(environment, 1000), null);
  const path = join(directory, '.local/state/stuckd/stuckd.sock');
  mkdirSync(join(directory, '.local/state/stuckd'), { recursive: true });
  const server = createServer().listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  assert.equal(ownSocket(environment, 1000), path);
  assert.equal(ownSocket(environment, 0), null, 'root asks the daemon of the node');
  const stateDir = join(directory, '.local/state/stuckd');
  assert.equal(ownSocket({ HOME: '/nowhere', STUCKD_STATE_DIR: stateDir }, 1000), path);
});
