/** A veth pair of a lab that can be cut, healed and made lossy. */
import { cutScript, droppedPackets, lossScript } from './firewall.js';
import type { LabNamespace, RunInNamespace } from './lab-namespace.js';

/** Which packets: those that the far end would receive, those that the near end would receive, or all. */
export type LinkDirection = 'to_far' | 'to_near' | 'both';

/** One end of a link. */
export interface LinkDevice {
  readonly namespace: LabNamespace;
  readonly device: string;
}

type Rule = 'cut' | 'loss';

/** Made by `NetnsLab.link`. Calls on one link must not overlap. */
export class LabLink {
  readonly near: LinkDevice;
  readonly far: LinkDevice;
  readonly #run: RunInNamespace;
  readonly #number: string;
  readonly #tables = new Map<string, LinkDevice>();

  constructor(run: RunInNamespace, number: string, near: LinkDevice, far: LinkDevice) {
    this.#run = run;
    this.#number = number;
    this.near = near;
    this.far = far;
  }

  /** Drops everything but neighbour discovery, silently, until `heal`. Cutting twice is the same as once. */
  async cut(direction: LinkDirection = 'both'): Promise<void> {
    for (const end of this.#receivers(direction)) {
      await this.#install('cut', end, (table) => cutScript(table, end.device));
    }
  }

  /** Ends `cut` and `lose`. Healing a healthy link does nothing. */
  async heal(): Promise<void> {
    for (const [key, end] of [...this.#tables]) {
      await this.#run(end.namespace, ['nft', 'delete', 'table', 'inet', tableOf(key)]);
      this.#tables.delete(key);
    }
  }

  /**
   * Drops each packet with this probability until `heal`.
   * @param percent 0-100, in steps of 0.01.
   */
  async lose(percent: number, direction: LinkDirection = 'both'): Promise<void> {
    for (const end of this.#receivers(direction)) {
      await this.#install('loss', end, (table) => lossScript(table, end.device, percent));
    }
  }

  /** @returns how many packets the rules that stand now have dropped. */
  async dropped(): Promise<number> {
    let sum = 0;
    for (const [key, end] of this.#tables) {
      sum += droppedPackets(await this.#run(end.namespace, ['nft', 'list', 'table', 'inet', tableOf(key)]));
    }
    return sum;
  }

  #receivers(direction: LinkDirection): readonly LinkDevice[] {
    switch (direction) {
      case 'to_far':
        return [this.far];
      case 'to_near':
        return [this.near];
      case 'both':
        return [this.far, this.near];
    }
  }

  async #install(rule: Rule, end: LinkDevice, script: (table: string) => string): Promise<void> {
    const key = `stuckd_${rule}_${this.#number}/${end.device}`;
    if (!this.#tables.has(key)) {
      await this.#run(end.namespace, ['nft', '-f', '-'], { input: script(tableOf(key)) });
      this.#tables.set(key, end);
    }
  }
}

/** Tables of the two ends may share a name, since they stand in different namespaces. */
function tableOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}
