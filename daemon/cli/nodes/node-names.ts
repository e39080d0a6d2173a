/** What the nodes are called: by their host names, as far as these tell them apart. */

export interface NamedNode {
  readonly address: string;
  /** Empty where it is not known. */
  readonly hostname: string;
}

/** Whether one of the names is that of a node, its address, or the host of its address. */
export function isNamed(names: readonly string[], { hostname, address }: NamedNode): boolean {
  const host = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return names.some((name) => [hostname, address, host].includes(name));
}

export class NodeNames {
  readonly #names: ReadonlyMap<string, string>;

  constructor(nodes: readonly NamedNode[]) {
    const counts = new Map<string, number>();
    for (const { hostname } of nodes) {
      counts.set(hostname, (counts.get(hostname) ?? 0) + 1);
    }
    this.#names = new Map(
      nodes.map(({ address, hostname }) => [
        address,
        hostname !== '' && counts.get(hostname) === 1 ? hostname : address,
      ]),
    );
  }

  /** The host name, or the address where there is none or several nodes have the same. */
  of(address: string): string {
    return this.#names.get(address) ?? address;
  }
}
