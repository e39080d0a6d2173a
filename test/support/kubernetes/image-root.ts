/**
 * The file system of the container image, without a container engine: what the runtime stage of the Dockerfile copies, and
 * what its base image would bring, which is Node.js with its libraries.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Ending } from '../lab.js';
import { packageRoot } from '../package-root.js';
import { readDockerfile, type Stage } from './dockerfile.js';

/** Where the base image has Node.js; see https://github.com/GoogleContainerTools/distroless, nodejs/README.md. */
export const IMAGE_NODE = '/nodejs/bin/node';

/** What a container runtime mounts or makes in every container. */
const RUNTIME_FOLDERS = ['dev', 'proc', 'sys', 'etc', 'tmp'];

/** The shared libraries of a program, and the loader. */
function librariesOf(program: string): readonly string[] {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  return [...stdout.matchAll(/(?:=>\s+|^\s+)(\/\S+)\s+\(0x/gm)].map((match) => match[1] ?? '');
}

function copyInto(root: string, path: string): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(path, target);
}

/** Runs the command that the build stage ends with, for another directory than that of the image. */
function assemble(directory: string): void {
  const argv = [join(packageRoot(), 'deploy/container/assemble.mjs'), directory];
  const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`what the image ships cannot be laid out: ${stderr}`);
  }
}

/** Carries out the COPY instructions of a stage, each of a folder of the build stage. */
function copyShipped(stage: Stage, built: string, root: string): void {
  for (const { source, target } of stage.copies) {
    // The build stage assembles below /image.
    cpSync(join(built, source.replace(/^\/image\//, '')), join(root, target), {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
}

/**
 * @param tools programs of this machine that a test runs in the containers, beside those of the image
 * @returns the directory, which is removed when the test ends.
 */
export function createImageRoot(test: Ending, tools: readonly string[]): string {
  const scratch = mkdtempSync(join(tmpdir(), 'stuckd-image-'));
  test.after(() => {
    rmSync(scratch, { recursive: true, force: true });
  });
  chmodSync(scratch, 0o755);
  const built = join(scratch, 'built');
  const root = join(scratch, 'root');
  assemble(built);
  copyShipped(readDockerfile().runtime, built, root);
  for (const folder of RUNTIME_FOLDERS) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  chmodSync(join(root, 'tmp'), 0o1777);
  for (const program of [process.execPath, ...tools]) {
    for (const library of librariesOf(program)) {
      copyInto(root, library);
    }
  }
  for (const tool of tools) {
    copyInto(root, tool);
  }
  mkdirSync(join(root, dirname(IMAGE_NODE)), { recursive: true });
  copyFileSync(process.execPath, join(root, IMAGE_NODE));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/sbin/nologin\n');
  return root;
}
