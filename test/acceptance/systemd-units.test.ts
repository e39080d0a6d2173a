// Proves what needs no running systemd: the units as install.sh writes them are free of mistakes, and as closed as the
// documentation says; the script stages a tree below a directory and takes it away again, leaving there what is not its own,
// and refuses what could not work. That they run is for test/kernel/systemd.test.ts.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { packageRoot } from '../support/package-root.js';

const SCRIPT = join(packageRoot(), 'deploy/systemd/install.sh');
const README = join(packageRoot(), 'deploy/systemd/README.md');
const UNIT_DIRECTORY = 'usr/lib/systemd/system';

/** The worst that `systemd-analyze security` may say, as the documentation has it; 10 is a service without any sandbox. */
const EXPOSURES = { 'stuckd.service': 1.5, 'stuckd-sensor.service': 0.6 } as const;

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
const skip = analyze.status === 0 ? false : 'needs systemd-analyze (Debian package systemd)';

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

  for (const [unit, exposureMax] of Object.entries(EXPOSURES)) {
    test(`${unit} is as closed as the documentation says`, () => {
      const path = join(stage(unit), UNIT_DIRECTORY, unit);
      const { output } = run(['systemd-analyze', 'security', '--no-pager', '--offline=true', path]);
      const exposure = Number(/Overall exposure level for \S+: ([0-9.]+) /.exec(output)?.[1]);
      // Later versions of systemd-analyze look at more.
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
      '/usr/lib/stuckd/deploy/systemd/install.sh',
      '/usr/lib/stuckd/package.json',
      '/usr/lib/systemd/system/stuckd-sensor.service',
      '/usr/lib/systemd/system/stuckd.service',
      '/usr/lib/sysusers.d/stuckd.conf',
      '/usr/lib/tmpfiles.d/stuckd.conf',
      '/usr/share/doc/stuckd/README.md',
      '/usr/share/doc/stuckd/stuckd.example.yaml',
    ]);
    const wrapper = readFileSync(join(root, 'usr/bin/stuckd'), 'utf8');
    assert.equal(wrapper, '#!/bin/sh\nexec /usr/bin/node /usr/lib/stuckd/build/bin/stuckd.js "$@"\n');
    const { status, output } = run([process.execPath, join(root, 'usr/lib/stuckd/build/bin/stuckd.js'), '--version']);
    assert.deepEqual({ status, output }, { status: 0, output: `stuckd ${version()}\n` });
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
    ['a purge of what goes on running', ['--purge'], /goes with --uninstall/],
  ];
  for (const [name, args, message] of refused) {
    test(`refuses ${name}`, () => {
      const { status, output } = run([SCRIPT, ...args]);
      assert.equal(status, 1);
      assert.match(output, message);
    });
  }

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

function version(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;
}
