/**
 * Network namespaces, joined by veth pairs, in which programs meet a network that can be cut, healed and made lossy.
 * Nothing of the machine's own network is touched. A lab removes exactly what it made, also when it fails half-way, and
 * when the process exits without having closed it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { runCommand, type CommandOptions } from './command.js';
import { LabLink } from './lab-link.js';
import type { LabNamespace } from './lab-namespace.js';
import { startProcess, type ManagedProcess, type SpawnOptions } from './managed-process.js';
import { namespaceName } from './names.js';

const NAMESPACE_DIRECTORY = '/run/netns';
const SYSCTL_PATTERN = /^net(\.[a-z0-9_]+)+$/;

/** One end of a link: its namespace, and its addresses with prefix length, for example `10.77.0.1/24`. */
export interface LinkEnd {
  readonly namespace: LabNamespace;
  readonly addresses: readonly string[];
}

let nextNamespace = 0;

export class NetnsLab {
  readonly #names = new Set<string>();
  readonly #processes = new Set<ManagedProcess>();
  readonly #onExit = (): void => {
    this.closeNow();
  };
  #links = 0;
  #closed = false;

  constructor() {
    process.on('exit', this.#onExit);
  }

  /**
   * Makes a namespace that has a name, as `ip netns` does.
   * @throws CommandError, for example without root.
   */
  async addNamespace(label: string): Promise<LabNamespace> {
    this.#assertOpen();
    const name = unusedName(label);
    const path = `${NAMESPACE_DIRECTORY}/${name}`;
    const madeMs = Date.now();
    await runCommand(['ip', 'netns', 'add', name]);
    this.#names.add(name);
    return this.#ready({ label, path, handle: name, inode: statSync(path).ino, madeMs });
  }

  /** Makes a namespace that only a process holds, as container runtimes and `unshare` do: it appears in no list. */
  async addUnnamedNamespace(label: string): Promise<LabNamespace> {
    this.#assertOpen();
    // `cat` holds the namespace until its input is closed; its first echo says that unshare is done.
    const madeMs = Date.now();
    const holder = startProcess(['unshare', '--net', '--', 'cat']);
    this.#processes.add(holder);
    const inside = new Promise<void>((resolve) => {
      holder.onLine(() => {
        resolve();
      });
    });
    holder.writeLine('inside');
    await Promise.race([inside, holder.ended]);
    if (!holder.running) {
      throw new Error(`unshare --net failed: ${holder.stderrTail.trim()}`);
    }
    const path = `/proc/${String(holder.pid)}/ns/net`;
    return this.#ready({ label, path, handle: String(holder.pid), inode: statSync(path).ino, madeMs });
  }

  /** Joins two namespaces by a veth pair. */
  async link(near: LinkEnd, far: LinkEnd): Promise<LabLink> {
    this.#assertOpen();
    this.#links += 1;
    const number = String(this.#links);
    const nearDevice = `link${number}n`;
    const farDevice = `link${number}f`;
    // Both ends are born in their namespaces, so that nothing ever appears in the machine's own one.
    const nearArgs = [nearDevice, 'netns', near.namespace.handle, 'type', 'veth'];
    const farArgs = ['peer', 'name', farDevice, 'netns', far.namespace.handle];
    await runCommand(['ip', 'link', 'add', ...nearArgs, ...farArgs]);
    await this.#configureEnd(near, nearDevice);
    await this.#configureEnd(far, farDevice);
    await this.#untilUp(near.namespace, nearDevice);
    await this.#untilUp(far.namespace, farDevice);
    const run = this.run.bind(this);
    const nearEnd = { namespace: near.namespace, device: nearDevice };
    return new LabLink(run, number, nearEnd, { namespace: far.namespace, device: farDevice });
  }

  /** Runs a command inside a namespace to its end. */
  run(namespace: LabNamespace, argv: readonly string[], options: CommandOptions = {}): Promise<string> {
    return runCommand([...enter(namespace), ...argv], options);
  }

  /** Starts a program inside a namespace; the lab ends it when it is closed. Its pid is the program's own. */
  spawnIn(namespace: LabNamespace, argv: readonly string[], options: SpawnOptions = {}): ManagedProcess {
    this.#assertOpen();
    const child = startProcess(argv, { ...options, prefix: enter(namespace) });
    this.#processes.add(child);
    void child.ended.then(() => this.#processes.delete(child));
    return child;
  }

  /** Sets a sysctl of a namespace, for example `net.ipv4.tcp_retries2`. */
  async sysctl(namespace: LabNamespace, key: string, value: string | number): Promise<void> {
    if (!SYSCTL_PATTERN.test(key)) {
      throw new RangeError(`not a sysctl of a network namespace: ${JSON.stringify(key)}`);
    }
    // /proc/sys/net shows the namespace of the process that opens it; tee is that process.
    await this.run(namespace, ['tee', `/proc/sys/${key.replaceAll('.', '/')}`], { input: `${String(value)}\n` });
  }

  /** Removes a namespace before the lab is closed, as a container that goes away. Processes inside keep it alive. */
  async removeNamespace(namespace: LabNamespace): Promise<void> {
    await this.#deleteName(namespace.handle);
  }

  /** Ends the processes and removes the namespaces of this lab. May be called more than once. */
  async close(): Promise<void> {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    const problems: unknown[] = [];
    await Promise.all([...this.#processes].map((child) => child.stop(500)));
    for (const name of [...this.#names]) {
      try {
        await this.#deleteName(name);
      } catch (error) {
        problems.push(error);
      }
    }
    process.off('exit', this.#onExit);
    if (problems.length > 0) {
      throw new AggregateError(problems, 'the lab could not remove all of its network namespaces');
    }
  }

  /** As `close`, but at once and by force: for a process that is about to die. Runs by itself when it exits. */
  closeNow(): void {
    for (const child of this.#processes) {
      child.kill('SIGKILL');
    }
    this.#closed = true;
    for (const name of this.#names) {
      spawnSync('ip', ['netns', 'delete', name], { stdio: 'ignore', timeout: 5000 });
    }
    this.#names.clear();
  }

  async #deleteName(name: string): Promise<void> {
    if (!this.#names.has(name)) {
      throw new Error(`refusing to delete the network namespace ${JSON.stringify(name)}: this lab did not make it`);
    }
    await runCommand(['ip', 'netns', 'delete', name]);
    this.#names.delete(name);
  }

  async #ready(namespace: LabNamespace): Promise<LabNamespace> {
    await this.run(namespace, ['ip', 'link', 'set', 'lo', 'up']);
    return namespace;
  }

  async #configureEnd(end: LinkEnd, device: string): Promise<void> {
    for (const address of end.addresses) {
      // Without duplicate address detection an IPv6 address can be used at once.
      const flags = address.includes(':') ? ['nodad'] : [];
      await this.run(end.namespace, ['ip', 'address', 'add', address, 'dev', device, ...flags]);
    }
    await this.run(end.namespace, ['ip', 'link', 'set', device, 'up']);
  }

  /** A packet that is sent before both ends are up is lost, and IPv6 then waits a second to ask for its neighbour. */
  async #untilUp(namespace: LabNamespace, device: string): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if ((await this.run(namespace, ['ip', '-o', 'link', 'show', 'dev', device])).includes(' state UP ')) {
        return;
      }
      await delay(10);
    }
    throw new Error(`the device ${device} of namespace ${namespace.label} does not come up`);
  }

  #assertOpen(): void {
    if (this.#closed) {
      throw new Error('the lab is closed');
    }
  }
}

/** Leftovers of a dead process that had our pid may still hold a name. */
function unusedName(label: string): string {
  for (;;) {
    nextNamespace += 1;
    const name = namespaceName(process.pid, nextNamespace, label);
    if (!existsSync(`${NAMESPACE_DIRECTORY}/${name}`)) {
      return name;
    }
  }
}

function enter(namespace: LabNamespace): string[] {
  return ['nsenter', `--net=${namespace.path}`, '--'];
}
