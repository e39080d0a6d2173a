/** The network lab of the demo, as the kernel tests use it. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { sweepLeftovers } from '../../daemon/demo/lab/leftovers.js';
import type { LabLink } from '../../daemon/demo/lab/lab-link.js';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';

export { waitFor } from './wait-for.js';

/** Why this machine cannot run the lab, for the `skip` option of a test; false if it can. */
export function labSkipReason(): string | false {
  if (process.getuid?.() !== 0) {
    return 'needs root, to make network namespaces';
  }
  for (const tool of ['ip', 'nft', 'nsenter', 'setpriv', 'unshare']) {
    if (!isInstalled(tool)) {
      return `needs the program ${tool}`;
    }
  }
  const probe = spawnSync('unshare', ['--net', '--', 'nft', 'list', 'ruleset'], { encoding: 'utf8' });
  return probe.status === 0 ? false : `cannot use nft in a network namespace: ${probe.stderr.trim()}`;
}

/** Without starting it: every file of tests asks, and a program takes its time on an emulated machine. */
function isInstalled(tool: string): boolean {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  return directories.some((directory) => existsSync(join(directory, tool)));
}

/** Anything that can be told what to do when it ends: a test, or a suite's `{ after }`. */
export type Ending = Pick<TestContext, 'after'>;

const openLabs = new Set<NetnsLab>();
let prepared = false;

/** A lab that is closed when the test ends, however it ends. */
export async function createLab(test: Ending): Promise<NetnsLab> {
  if (!prepared) {
    prepared = true;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        closeAllAndDie(signal);
      });
    }
    await sweepLeftovers();
  }
  const lab = new NetnsLab();
  openLabs.add(lab);
  test.after(async () => {
    openLabs.delete(lab);
    await lab.close();
  });
  return lab;
}

/** A lab cleans up when the process exits, but the default action of a signal would not let it. */
function closeAllAndDie(signal: NodeJS.Signals): void {
  for (const lab of openLabs) {
    lab.closeNow();
  }
  // This handler is gone by now, so that the signal does what the sender meant.
  process.kill(process.pid, signal);
}

/** Two hosts with one cable between them: the usual stage. */
export interface TwoHosts {
  readonly lab: NetnsLab;
  readonly client: LabNamespace;
  readonly server: LabNamespace;
  readonly link: LabLink;
}

export const CLIENT_ADDRESS = '10.77.0.1';
export const SERVER_ADDRESS = '10.77.0.2';
export const CLIENT_ADDRESS_V6 = 'fd77::1';
export const SERVER_ADDRESS_V6 = 'fd77::2';

/** Makes a lab with a client and a server namespace, each with an IPv4 and an IPv6 address. */
export async function createTwoHosts(test: Ending): Promise<TwoHosts> {
  const lab = await createLab(test);
  const client = await lab.addNamespace('client');
  const server = await lab.addNamespace('server');
  const link = await lab.link(
    { namespace: client, addresses: [`${CLIENT_ADDRESS}/24`, `${CLIENT_ADDRESS_V6}/64`] },
    { namespace: server, addresses: [`${SERVER_ADDRESS}/24`, `${SERVER_ADDRESS_V6}/64`] },
  );
  return { lab, client, server, link };
}

/** Which packets of a sequence get lost, over and over again. */
export interface LossPattern {
  /** How many packets the sequence has, from 1. */
  readonly every: number;
  /** The numbers of those that get lost, from 0, as nft writes a set: "0-1, 5". */
  readonly lost: string;
}

/** Where a machine may be too slow to cut a link and heal it between two timeouts, this is an outage of two timeouts. */
const FIRST_TWO_OF_THREE: LossPattern = { every: 3, lost: '0-1' };

/** Loses each packet to the server that matches twice, and lets it pass the third time; see {@link loseInPattern}. */
export async function loseTwice(hosts: TwoHosts, match: string): Promise<() => Promise<void>> {
  return loseInPattern(hosts, [match], FIRST_TWO_OF_THREE);
}

/**
 * Loses packets to the server: always the same ones of a sequence.
 * @param matches expressions of nft; each has a sequence of its own.
 * @returns ends it.
 */
export async function loseInPattern(
  { lab, server }: TwoHosts,
  matches: readonly string[],
  { every, lost }: LossPattern,
): Promise<() => Promise<void>> {
  const rules = matches.map((match) => `${match} numgen inc mod ${every} { ${lost} } drop`);
  const script = `table inet lost_in_pattern {
    chain input {
      type filter hook input priority -10; policy accept;
      ${rules.join('\n      ')}
    }
  }
  `;
  await lab.run(server, ['nft', '-f', '-'], { input: script });
  return async () => {
    await lab.run(server, ['nft', 'delete', 'table', 'inet', 'lost_in_pattern']);
  };
}
