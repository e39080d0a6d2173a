import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { descriptorFiles, writeDescriptors } from './descriptors.mjs';
import { filesBelow } from './files.mjs';
import { root, runNodeTool } from './run-tool.mjs';

const outputFile = 'daemon/rpc/gen/stuckd.js';

const protoFiles = () => filesBelow('proto', (path) => path.endsWith('.proto'));

/** The protobuf classes of all of proto/, as one static ES module with its types, and its descriptors as another. */
export const generateStep = {
  name: 'generate',
  doing: 'generating the protobuf code',
  inputs: () => [
    ...['package-lock.json', 'deploy/setup/generate.mjs', 'deploy/setup/descriptors.mjs', 'buf.yaml'],
    ...protoFiles(),
  ],
  outputs: [outputFile, 'daemon/rpc/gen/stuckd.d.ts', ...descriptorFiles],
  async run() {
    mkdirSync(join(root, 'daemon/rpc/gen'), { recursive: true });
    await runNodeTool('protobufjs-cli/bin/pbjs', [
      ...['--target', 'static-module', '--wrap', 'esm', '--path', 'proto', '--dts', '--out', outputFile],
      // Cookies, byte counts and cgroup ids use all 64 bits; a plain number would round them.
      '--force-long',
      // What stuckd never calls: decoding and fromObject check by themselves, and gRPC does its own framing.
      ...['--no-verify', '--no-delimited', '--no-typeurl'],
      ...protoFiles(),
    ]);
    await writeDescriptors();
  },
};
