/** Items of several nodes as one list, which still knows whose each of them is. */
import { toProtoJson, type Json } from '../../rpc/proto-json.js';
import type { Column } from '../text-table.js';
import type { Answer, Node } from './node-group.js';
import { nodeColumn } from './nodes-output.js';

export class MergedItems<Item extends object> {
  /** Of all nodes, in order, as many as are shown. */
  readonly items: readonly Item[];
  readonly #owners: ReadonlyMap<object, Node>;
  readonly #shown: ReadonlySet<object>;

  constructor(answers: readonly Answer<readonly Item[]>[], order: (a: Item, b: Item) => number, limit: number) {
    this.#owners = new Map(answers.flatMap(({ node, value }) => value.map((item) => [item, node] as const)));
    this.items = answers
      .flatMap(({ value }) => value)
      .sort(order)
      .slice(0, limit);
    this.#shown = new Set(this.items);
  }

  /** The first column of their table. */
  get column(): Column<Item> {
    return nodeColumn(this.#owners);
  }

  /** @param items of one node. @returns those that are shown. */
  json(items: readonly Item[]): Json[] {
    return items.filter((item) => this.#shown.has(item)).map(toProtoJson);
  }
}
