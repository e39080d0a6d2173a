import { runNodeTool } from './run-tool.mjs';

/** Runs buf, which reads buf.yaml at the root of the repository. */
export const buf = (...args) => runNodeTool('@bufbuild/buf/bin/buf', args);

/**
 * The contract of the last release, as descriptors in text form: what `buf breaking` compares proto/ with. Committed; a
 * release writes it anew with "npm run baseline".
 */
export const baselineFile = 'proto/baseline.txtpb';

/** Without comments and positions: they are no part of what a client depends on. */
export const buildDescriptors = (output, ...options) =>
  buf('build', '--exclude-source-info', ...options, '--output', output);
