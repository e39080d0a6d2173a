// Proves that the container image is put together of what is built and of nothing else: that each COPY finds its folder and
// all that is shipped is copied, that the commands of the manifests are in it and run by its Node.js, that nobody in it is
// root by default, and that versions agree. It cannot prove that an engine builds it; a build without the files that
// .dockerignore leaves out was done by hand.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readDockerfile } from '../../support/kubernetes/dockerfile.js';
import { onlyOf, readResources } from '../../support/kubernetes/manifests.js';
import { packageRoot } from '../../support/package-root.js';

const root = packageRoot();
const assembler = join(root, 'deploy/container/assemble.mjs');
const { build, runtime } = readDockerfile();
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<'version' | 'license', string>;

function argumentsOf(word: string): readonly string[] {
  return runtime.instructions.filter((instruction) => instruction.word === word).map(({ argument }) => argument);
}

describe('the Dockerfile', () => {
  test('builds in one stage and only copies into the other', () => {
    assert.equal(build.name, 'build');
    const words = new Set(runtime.instructions.map(({ word }) => word));
    assert.deepEqual([...words].sort(), ['CMD', 'COPY', 'ENTRYPOINT', 'LABEL', 'USER']);
    assert.equal(runtime.copies.length, argumentsOf('COPY').length, 'every COPY is from the build stage');
    assert.ok(runtime.copies.every(({ from }) => from === build.name));
  });

  test('has the same Node.js in both stages, and one that is supported', () => {
    const [, built] = /^docker\.io\/library\/node:(\d+)-bookworm$/.exec(build.image) ?? [];
    const [, shipped] = /^gcr\.io\/distroless\/nodejs(\d+)-debian12:nonroot$/.exec(runtime.image) ?? [];
    assert.ok(built !== undefined && Number(built) >= 20, build.image);
    assert.equal(shipped, built);
  });

  test('builds with the steps of the setup that there are', () => {
    const [command = ''] = build.instructions.filter(({ word }) => word === 'RUN').map(({ argument }) => argument);
    const [, steps = ''] = /setup\.mjs ([a-z ]+?)\s*&&/.exec(command) ?? [];
    assert.deepEqual(steps.split(' '), ['system', 'npm', 'generate', 'sensor', 'compile', 'bundle']);
    assert.match(command, /&& node deploy\/container\/assemble\.mjs \/image$/);
  });

  test('names the user of the daemon, in numbers', () => {
    const { spec } = onlyOf(readResources('base'), 'DaemonSet').spec.template;
    const daemon = spec.containers.find(({ name }) => name === 'daemon');
    assert.deepEqual(argumentsOf('USER'), [
      `${daemon?.securityContext.runAsUser ?? ''}:${spec.securityContext.runAsGroup}`,
    ]);
  });

  test('starts the daemon, and has the labels of this version', () => {
    assert.deepEqual(argumentsOf('ENTRYPOINT'), ['["/usr/local/bin/stuckd"]']);
    assert.deepEqual(argumentsOf('CMD'), ['["run"]']);
    const [labels = ''] = argumentsOf('LABEL');
    assert.ok(labels.includes(`org.opencontainers.image.version="${manifest.version}"`));
    assert.ok(labels.includes(`org.opencontainers.image.licenses="${manifest.license}"`));
  });
});

describe('what is shipped', () => {
  let image = '';
  before(() => {
    image = mkdtempSync(join(tmpdir(), 'stuckd-shipped-'));
    const { status, stderr } = spawnSync(process.execPath, [assembler, image], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
  after(() => {
    rmSync(image, { recursive: true, force: true });
  });

  /** In the image that a path of it leads to, through one link. */
  const followed = (path: string): string => join(image, readlinkSync(join(image, path)));

  test('is all copied, from folders that are there', () => {
    for (const { source, target } of runtime.copies) {
      assert.equal(source, `/image${target}`);
      assert.ok(existsSync(join(image, target)), source);
    }
    const files = readdirSync(image, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
    const uncopied = files
      .map(({ parentPath, name }) => join(parentPath, name).slice(image.length))
      .filter((path) => !runtime.copies.some(({ target }) => path.startsWith(`${target}/`)));
    assert.deepEqual(uncopied, []);
  });

  test('has every command of the manifests, executable, and for the Node.js of the image', () => {
    const { spec } = onlyOf(readResources('base'), 'DaemonSet').spec.template;
    const commands = spec.containers.map(({ command }) => command[0] ?? '');
    for (const command of [...commands, '/usr/local/bin/stuckctl']) {
      accessSync(followed(command), constants.X_OK);
    }
    for (const command of ['stuckd', 'stuckctl']) {
      assert.match(readFileSync(followed(`/usr/local/bin/${command}`), 'utf8'), /^#!\/nodejs\/bin\/node\n/);
    }
    assert.deepEqual(
      spec.initContainers?.map(({ command }) => command),
      [['/nodejs/bin/node']],
    );
  });

  test('runs, and says its version', () => {
    for (const [command, say] of [
      ['stuckd', [process.execPath]],
      ['stuckctl', [process.execPath]],
      ['stuckd-sensor', []],
    ] as const) {
      const [file = '', ...args] = [...say, followed(`/usr/local/bin/${command}`), '--version'];
      const { status, stdout } = spawnSync(file, args, { encoding: 'utf8' });
      assert.equal(status, 0, command);
      assert.ok(stdout.includes(manifest.version), stdout);
    }
  });

  test('holds no source maps, tests or packages', () => {
    const paths = readdirSync(image, { recursive: true, encoding: 'utf8' });
    assert.deepEqual(
      paths.filter((path) => /\.map$|node_modules|\.test\.|\.ts$/.test(path)),
      [],
    );
  });
});

test('what the build makes itself does not come from the machine that builds', () => {
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  const gitIgnored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n');
  const asDocker = (pattern: string): string =>
    pattern.startsWith('/') ? pattern.slice(1).replace(/\/$/, '') : `**/${pattern}`;
  for (const pattern of gitIgnored.filter((line) => line !== '')) {
    assert.ok(ignored.includes(asDocker(pattern)), pattern);
  }
  assert.ok(ignored.includes('.git'));
});

test('the assembler says what is wrong with its use', () => {
  const { status, stderr } = spawnSync(process.execPath, [assembler], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /^usage: /);
});
