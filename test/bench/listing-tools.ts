/** Other ways to list connections or their owners. Each is a program whose whole run is timed. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { isInstalled } from './installed.js';
import type { Listing } from './statistics.js';
import { buildProgram } from './tools.js';

export interface ListingTool {
  /** As it is called in the table. */
  readonly title: string;
  /** What it lists, in the plural. */
  readonly items: string;
  readonly argv: readonly string[];
  /** How many of these are in its output. */
  readonly count: (output: string) => number;
}

/** What the tools are called in the figures. `ss` must be there: the contract has a figure of it. */
export type ToolName = 'ss' | 'lsof' | 'procWalk';

/** `ss -tino` prints a header, then for each connection a line and an indented line with its details. */
export function countSsConnections(output: string): number {
  return output.split('\n').filter((line) => /^[A-Z]/.test(line) && !line.startsWith('State ')).length;
}

/** `lsof -i` prints a line for each descriptor, and the state of a TCP socket in brackets at its end. */
export function countLsofConnections(output: string): number {
  return output.split('\n').filter((line) => / TCP .*\(ESTABLISHED\)$/.test(line)).length;
}

export const SS: ListingTool = {
  title: 'ss -tinop in one namespace',
  items: 'connections',
  argv: ['ss', '-tinop'],
  count: countSsConnections,
};

const LSOF: ListingTool = {
  title: 'lsof -nP -i in one namespace (both ends walked, one printed)',
  items: 'connections',
  argv: ['lsof', '-nP', '-i'],
  count: countLsofConnections,
};

/** @returns those that can be run here. */
export async function listingTools(): Promise<ReadonlyMap<ToolName, ListingTool>> {
  const walk: ListingTool = {
    title: 'a walk of /proc in C, inodes only',
    items: 'sockets',
    argv: [await buildProgram('proc_walk')],
    count: Number,
  };
  return new Map<ToolName, ListingTool>([
    ['ss', SS],
    ...(isInstalled('lsof') ? ([['lsof', LSOF]] as const) : []),
    ['procWalk', walk],
  ]);
}

/**
 * Runs a tool inside a namespace, with its output in a file: a pipe to this process would be measured along with it.
 * @throws Error if it fails
 */
export async function timeListing(
  { argv, count }: ListingTool,
  namespace: Pick<LabNamespace, 'path'>,
  outputPath: string,
): Promise<Listing> {
  const output = openSync(outputPath, 'w');
  try {
    const startMs = performance.now();
    const child = spawn('nsenter', [`--net=${namespace.path}`, '--', ...argv], {
      stdio: ['ignore', output, 'ignore'],
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    const wallMs = performance.now() - startMs;
    if (code !== 0) {
      throw new Error(`${argv.join(' ')} ended with ${String(code)}`);
    }
    return { wallMs, count: count(readFileSync(outputPath, 'latin1')) };
  } finally {
    closeSync(output);
  }
}
