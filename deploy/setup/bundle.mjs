import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mainFiles } from './compile.mjs';
import { filesBelow } from './files.mjs';
import { root, ToolError } from './run-tool.mjs';

const folder = 'build/bin';

/** The two programs, as "bin" in package.json has them: { stuckd: 'build/bin/stuckd.js', ... }. */
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** What the demo starts, so that it runs where there are no packages to be found. */
const demoFiles = {
  'demo/http-server': 'build/daemon/demo/programs/http-server.js',
  'demo/keep-alive-client': 'build/daemon/demo/programs/keep-alive-client.js',
};

/** @returns the paths of all files that were written, relative to the root. */
async function bundle() {
  // Not at the top of the file: when the setup starts, there may be no packages yet.
  const { build, formatMessages } = await import('esbuild');
  try {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: { ...mainFiles, ...demoFiles },
      outdir: folder,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      // What is imported with import() becomes a file of its own, which is read when it is needed.
      splitting: true,
      chunkNames: 'parts/[name]-[hash]',
      // gRPC needs it for services that are described by .proto files at run time, of which there are none here. It
      // would bring the complete protobufjs along.
      external: ['@grpc/proto-loader'],
      // The CommonJS packages inside still ask for Node's own modules in this way.
      banner: {
        js: "import { createRequire as createRequire_ } from 'node:module';\nconst require = createRequire_(import.meta.url);",
      },
      // Not minified: it saves next to no time at the start, and stack traces and licences shall stay readable.
      legalComments: 'eof',
      sourcemap: 'linked',
      sourcesContent: false,
      metafile: true,
      logLevel: 'silent',
    });
    return Object.keys(metafile.outputs);
  } catch (error) {
    throw new ToolError((await formatMessages(error.errors ?? [], { kind: 'error' })).join('\n') || error.message);
  }
}

/**
 * The programs, each with all of its packages in a few files: reading hundreds of modules one by one takes longer than
 * everything else that a start does.
 */
export const bundleStep = {
  name: 'bundle',
  doing: 'bundling the programs',
  inputs: () => ['package.json', 'package-lock.json', 'deploy/setup/bundle.mjs', ...filesBelow('build/daemon')],
  outputs: [...Object.values(bin), ...Object.keys(demoFiles).map((name) => `${folder}/${name}.js`)],
  async run() {
    const written = await bundle();
    for (const path of filesBelow(folder).filter((path) => !written.includes(path))) {
      rmSync(join(root, path));
    }
    for (const program of Object.values(bin)) {
      chmodSync(join(root, program), 0o755);
    }
  },
};
