// Proves what needs no running systemd: the units as install.sh writes them are free of mistakes, and as closed as the
// documentation says; the script stages a tree below a directory and takes it away again, leaving there what is not its own,
// and refuses what could not work. That they run is for test/kernel/systemd.test.ts.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { packageRoot } from '../support/package-root.js';

const SCRIPT = join(packageRoot(), 'deploy/systemd/install.sh');
const DROP_IN = join(packageRoot(), 'deploy/systemd/polling.conf');
const README = join(packageRoot(), 'deploy/systemd/README.md');
const UNIT_DIRECTORY = 'usr/lib/systemd/system';

/** The worst that `systemd-analyze security` may say, as the documentation has it; 10 is a service without any sandbox. */
const EXPOSURES = { 'stuckd.service': 1.5, 'stuckd-sensor.service': 1 } as const;

/** What our units refer to and every systemd has; nothing is to be said about the original ones. */
const FOREIGN_UNITS = ['sysinit.target', 'basic.target', 'shutdown.target', 'network.target', 'multi-user.target'];

const directory = mkdtempSync(join(tmpdir(), 'stuckd-units-'));
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

interface Result {
  readonly status: number | null;
  readonly output: string;
}

function run(argv: readonly string[]): Result {
  const [file = '', ...args] = argv;
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', timeout: 60_000 });
  return { status, output: stdout + stderr };
}

function stage(name: string): string {
  const root = join(directory, name);
  assert.deepEqual(run([SCRIPT, '--root', root, '--node', '/usr/bin/node']), { status: 0, output: '' });
  return root;
}

function filesBelow(root: string): readonly string[] {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => statSync(join(root, path)).isFile()).map((path) => `/${path}`);
}

const analyze = run(['systemd-analyze', '--version']);
const systemdVersion = Number(/^systemd ([0-9]+)/.exec(analyze.output)?.[1] ?? 0);
const skip = analyze.status === 0 ? false : 'needs systemd-analyze (Debian package systemd)';
/** The one whose judgement the documentation has: it judges files since 250, and newer ones look at more. */
const JUDGE = 252;
const skipExposure = systemdVersion === JUDGE ? false : `needs systemd-analyze ${JUDGE}, whose figures are documented`;

describe('the units as installed', { skip }, () => {
  test('hold no mistake', () => {
    const root = stage('verify');
    for (const unit of FOREIGN_UNITS) {
      writeFileSync(join(root, UNIT_DIRECTORY, unit), '[Unit]\nDescription=of systemd\n');
    }
    const units = Object.keys(EXPOSURES);
    assert.deepEqual(run(['systemd-analyze', 'verify', '--man=no', `--root=${root}`, ...units]), {
      status: 0,
      output: '',
    });
    const path = join(root, UNIT_DIRECTORY, 'stuckd.service');
    writeFileSync(path, readFileSync(path, 'utf8').replace('/usr/bin/stuckd run', '/usr/bin/stuckd run\nNoSuchKey=1'));
    assert.match(run(['systemd-analyze', 'verify', '--man=no', `--root=${root}`, ...units]).output, /NoSuchKey/);
  });

  test('hold no mistake together with the drop-in for polling, which adds to what the unit has', () => {
    const root = stage('polling');
    for (const unit of FOREIGN_UNITS) {
      writeFileSync(join(root, UNIT_DIRECTORY, unit), '[Unit]\nDescription=of systemd\n');
    }
    const drop = join(root, UNIT_DIRECTORY, 'stuckd-sensor.service.d');
    mkdirSync(drop);
    writeFileSync(join(drop, 'polling.conf'), readFileSync(DROP_IN));
    const units = Object.keys(EXPOSURES);
    assert.deepEqual(run(['systemd-analyze', 'verify', '--man=no', `--root=${root}`, ...units]), {
      status: 0,
      output: '',
    });
    const settings = readFileSync(DROP_IN, 'utf8');
    for (const kind of ['CapabilityBoundingSet', 'AmbientCapabilities']) {
      assert.match(settings, new RegExp(`^${kind}=CAP_SYS_ADMIN CAP_SYS_PTRACE CAP_DAC_READ_SEARCH$`, 'm'));
    }
    assert.match(
      readFileSync(join(root, UNIT_DIRECTORY, 'stuckd-sensor.service'), 'utf8'),
      /^CapabilityBoundingSet=CAP_BPF CAP_PERFMON$/m,
    );
  });

  for (const [unit, exposureMax] of Object.entries(EXPOSURES)) {
    test(`${unit} is as closed as the documentation says`, { skip: skipExposure }, () => {
      const path = join(stage(unit), UNIT_DIRECTORY, unit);
      const { output } = run(['systemd-analyze', 'security', '--no-pager', '--offline=true', path]);
      const exposure = Number(/Overall exposure level for \S+: ([0-9.]+) /.exec(output)?.[1]);
      assert.ok(exposure <= exposureMax, `${exposure}, and ${exposureMax} is the most:\n${output}`);
      assert.match(readFileSync(README, 'utf8'), new RegExp(`\`${unit}\` +\\| +${exposureMax} `));
    });
  }
});

describe('install.sh', () => {
  test('stages what runs, and nothing else', () => {
    const root = stage('tree');
    const files = filesBelow(root);
    const parts = files.filter((path) => !path.startsWith('/usr/lib/stuckd/build/bin/'));
    assert.deepEqual([...parts].sort(), [
      '/usr/bin/stuckctl',
      '/usr/bin/stuckd',
      '/usr/lib/stuckd/bpf/.output/stuckd-notify-exec',
      '/usr/lib/stuckd/bpf/.output/stuckd-sensor',
      '/usr/lib/stuckd/package.json',
      '/usr/lib/systemd/system/stuckd-sensor.service',
      '/usr/lib/systemd/system/stuckd.service',
      '/usr/lib/sysusers.d/stuckd.conf',
      '/usr/lib/tmpfiles.d/stuckd.conf',
      '/usr/share/bash-completion/completions/stuckctl',
      '/usr/share/bash-completion/completions/stuckd',
      '/usr/share/doc/stuckd/LICENSE',
      '/usr/share/doc/stuckd/LICENSE.bpf',
      '/usr/share/doc/stuckd/README.md',
      '/usr/share/doc/stuckd/polling.conf',
      '/usr/share/doc/stuckd/stuckd.example.yaml',
      '/usr/share/fish/vendor_completions.d/stuckctl.fish',
      '/usr/share/fish/vendor_completions.d/stuckd.fish',
      '/usr/share/man/man1/stuckctl.1',
      '/usr/share/man/man5/stuckd.yaml.5',
      '/usr/share/man/man8/stuckd.8',
      '/usr/share/zsh/vendor-completions/_stuckctl',
      '/usr/share/zsh/vendor-completions/_stuckd',
    ]);
    const wrapper = readFileSync(join(root, 'usr/bin/stuckd'), 'utf8');
    assert.equal(wrapper, '#!/bin/sh\nexec /usr/bin/node /usr/lib/stuckd/build/bin/stuckd.js "$@"\n');
    const { status, output } = run([process.execPath, join(root, 'usr/lib/stuckd/build/bin/stuckd.js'), '--version']);
    assert.deepEqual({ status, output }, { status: 0, output: `stuckd ${version()}\n` });
  });

  test('what it writes is open to all whatever the umask is, also where an earlier attempt was not', () => {
    const root = join(directory, 'umask');
    const argv = ['sh', '-c', 'umask 077 && exec "$@"', 'sh', SCRIPT, '--root', root, '--node', '/usr/bin/node'];
    assert.deepEqual(run(argv), { status: 0, output: '' });
    const closed = (): readonly string[] => {
      const paths = readdirSync(root, { recursive: true, encoding: 'utf8' });
      return paths.filter((path) => (statSync(join(root, path)).mode & 0o055) !== (openBits(join(root, path)) & 0o055));
    };
    assert.deepEqual(closed(), []);
    for (const path of ['usr/lib/stuckd', 'usr/lib/stuckd/bpf', 'usr/lib/stuckd/bpf/.output', 'usr/share/doc/stuckd']) {
      chmodSync(join(root, path), 0o700);
    }
    assert.deepEqual(run(argv), { status: 0, output: '' });
    assert.deepEqual(closed(), []);
  });

  test('is found through a symbolic link to it', () => {
    const link = join(directory, 'link-to-install');
    symlinkSync(SCRIPT, link);
    const root = join(directory, 'linked');
    assert.deepEqual(run([link, '--root', root, '--node', '/usr/bin/node']), { status: 0, output: '' });
    assert.ok(existsSync(join(root, 'usr/bin/stuckd')));
  });

  test('an upgrade leaves no part of the old build', () => {
    const root = stage('upgrade');
    const old = join(root, 'usr/lib/stuckd/build/bin/parts/run-OLD.js');
    writeFileSync(old, '');
    stage('upgrade');
    assert.ok(!existsSync(old));
  });

  test('--uninstall takes away what it put there; state and configuration go with --purge', () => {
    const root = stage('uninstall');
    const kept = ['etc/stuckd/stuckd.yaml', 'var/lib/stuckd/open-records.jsonl'];
    const foreign = 'usr/bin/other';
    for (const path of [...kept, foreign]) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), '');
    }
    assert.equal(run([SCRIPT, '--root', root, '--uninstall']).status, 0);
    assert.deepEqual([...filesBelow(root)].sort(), [...kept, foreign].map((path) => `/${path}`).sort());
    assert.equal(run([SCRIPT, '--root', root, '--uninstall', '--purge']).status, 0);
    assert.deepEqual(filesBelow(root), [`/${foreign}`]);
  });

  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['a Node.js that services cannot see', ['--root', directory, '--node', '/home/me/.nvm/node'], /out of reach/],
    ['one in a temporary directory', ['--root', directory, '--node', '/tmp/node'], /out of reach/],
    ['a path that is none', ['--root', directory, '--node', 'node'], /absolute path/],
    ['a path that a shell would take apart', ['--root', directory, '--node', '/opt/my node'], /letters, digits/],
    ['an unknown argument', ['--force'], /unknown argument "--force"/],
    ['an option without its value', ['--node'], /--node needs a value/],
    // In front of another mistake, so that nothing happens to this machine should they not be refused.
    ['a directory without a name', ['--root', '', '--force'], /empty name/],
    ['this machine by its root', ['--root', '/', '--force'], /is this machine itself/],
    ['this machine by many slashes', ['--root', '///', '--force'], /is this machine itself/],
    ['this machine by a detour', ['--root', '/usr/..', '--force'], /is this machine itself/],
    ['this machine by its root, to purge', ['--root', '/', '--purge'], /is this machine itself/],
    ['a purge of what goes on running', ['--purge'], /goes with --uninstall/],
  ];
  for (const [name, args, message] of refused) {
    test(`refuses ${name}`, () => {
      const { status, output } = run([SCRIPT, ...args]);
      assert.equal(status, 1);
      assert.match(output, message);
    });
  }

  test('refuses this machine in DESTDIR', () => {
    const { status, output } = run(['env', 'DESTDIR=/', SCRIPT, '--force']);
    assert.equal(status, 1);
    assert.match(output, /is this machine itself/);
  });

  test('explains itself', () => {
    const { status, output } = run([SCRIPT, '--help']);
    assert.equal(status, 0);
    for (const option of ['--uninstall', '--purge', '--no-start', '--node PATH', '--root DIR']) {
      assert.ok(output.includes(option), option);
    }
  });

  const shellcheck = run(['shellcheck', '--version']).status === 0;
  test(
    'has nothing for shellcheck',
    { skip: shellcheck ? false : 'needs shellcheck (Debian package shellcheck)' },
    () => {
      const scripts = [SCRIPT, join(packageRoot(), 'test/support/booted-systemd/stage')];
      assert.deepEqual(run(['shellcheck', ...scripts]), { status: 0, output: '' });
    },
  );
});

/** Directories and programs are for everybody to enter and run, other files to read. */
function openBits(path: string): number {
  const status = statSync(path);
  return status.isDirectory() || (status.mode & 0o100) !== 0 ? 0o755 : 0o644;
}

function version(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;
}
