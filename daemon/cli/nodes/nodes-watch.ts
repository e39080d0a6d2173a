/**
 * `watch` and `alerts --watch` of several nodes: each is followed on its own, with a resume token of its own, and their
 * changes are written as they come. A node whose changes nobody takes is read no further (flow control of HTTP/2), so what is
 * held is one response for each node. Names and files are looked up again now and then: pods come and go.
 */
import { createStyle, escapeForTerminal, wantsColor } from '../../lib/terminal.js';
import type { AlertWatchChange, WatchChange } from '../../rpc/grpc-client.js';
import { toProtoJson } from '../../rpc/proto-json.js';
import { AlertLines } from '../alert-lines.js';
import type { Command } from '../arguments.js';
import { type CliIo, EXIT } from '../cli-io.js';
import { jsonLine } from '../commands.js';
import { countText } from '../quantity-text.js';
import { type Follower, jsonFollower, lineFollower, type LossTeller } from '../watch-command.js';
import { WatchLines, type WatchOutput } from '../watch-lines.js';
import { pause } from '../watch-retry.js';
import { NodeGroup, nodeClient } from './node-group.js';
import { isNamed } from './node-names.js';
import { NodeWatch, type NodeWatchPlan } from './node-watch.js';
import type { NodesQuestion } from './nodes-arguments.js';
import { itemLine, tellUnreachable } from './nodes-output.js';
import { type Lookup, type NodeAddress, chooseByAddress, resolveNodes, systemLookup } from './resolve-nodes.js';

export type WatchCommand = Extract<Command, { name: 'watch' | 'alerts' }>;

/** How often names and files are looked up again. */
const LOOKUP_INTERVAL_MS = 10_000;
/** Longer names move the rest of the line. */
const NAME_WIDTH_MAX = 24;

/** How names are looked up, and how often. */
export interface NodesLookup {
  readonly ask: Lookup;
  readonly intervalMs: number;
}

/** What is told of a node in JSON. */
type NodeEvent = Readonly<Record<string, string | boolean>>;

interface WatchSort<Change> {
  readonly open: NodeWatchPlan<Change>['open'];
  lines(output: WatchOutput): { accept(change: Change): void; restart(): void; close?(): void };
}

class NodesWatch<Change extends { readonly lost?: unknown }> {
  readonly #command: WatchCommand;
  readonly #question: NodesQuestion;
  readonly #sort: WatchSort<Change>;
  readonly #io: CliIo;
  readonly #lookup: NodesLookup;
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  readonly #watches = new Map<string, NodeWatch<Change>>();
  #nameWidth = 0;
  /** Why all of it must end. */
  #failure: Error | null = null;

  constructor(
    command: WatchCommand,
    question: NodesQuestion,
    { sort, io, lookup }: { readonly sort: WatchSort<Change>; readonly io: CliIo; readonly lookup: NodesLookup },
  ) {
    this.#command = command;
    this.#question = question;
    this.#sort = sort;
    this.#io = io;
    this.#lookup = lookup;
    this.#signal = AbortSignal.any([io.interruptSignal(), this.#end.signal]);
  }

  /** @returns the exit code */
  async run(): Promise<number> {
    const group = await NodeGroup.open(this.#question, this.#command.tls, this.#lookup.ask);
    if (this.#signal.aborted) {
      return EXIT.OK;
    }
    const exitCode = tellUnreachable(group, group.nodes.length, this.#io);
    for (const { node, address, reason } of group.unreachable) {
      await this.#writeEvent(node, address, { event: 'lost', reason });
    }
    if (group.nodes.length === 0) {
      return exitCode;
    }
    if (group.unreachable.length > 0) {
      this.#io.writeError('trying again until Ctrl-C\n');
    }
    for (const { name } of group.nodes) {
      this.#claim(name);
    }
    const running = group.nodes.map(async ({ address, client, name }) => {
      const plan = this.#plan(address, client);
      return this.#start(address, new NodeWatch(plan, this.#io, this.#signal, name));
    });
    await Promise.all([...running, this.#keepLooking()]);
    if (this.#failure !== null) {
      throw this.#failure;
    }
    return EXIT.OK;
  }

  #plan(address: string, client: NodeWatchPlan<Change>['client']): NodeWatchPlan<Change> {
    return {
      ...{ address, client, open: this.#sort.open },
      admit: (hostname) => this.#admit(hostname, address),
      follower: (nameOf) => this.#follower(nameOf, address),
      teller: (nameOf) => this.#teller(nameOf, address),
    };
  }

  async #start(address: string, watch: NodeWatch<Change>): Promise<void> {
    this.#watches.set(address, watch);
    try {
      await watch.run();
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error('a watch failed', { cause: error });
      this.#end.abort();
    }
  }

  /** Follows what appears, and gives up what is lost and no longer among the addresses. Resolves at the end. */
  async #keepLooking(): Promise<void> {
    const { specs, timeoutMs, only } = this.#question;
    const started: Promise<void>[] = [];
    let toldProblem = '';
    while (!this.#signal.aborted) {
      try {
        const resolved = await resolveNodes(specs, this.#lookup.ask, timeoutMs);
        const { nodes, unresolved } = chooseByAddress(resolved, only);
        started.push(...nodes.flatMap((node) => this.#follow(node)));
        if (unresolved.length === 0) {
          await this.#forgetLost(new Set(nodes.map(({ address }) => address)));
        }
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (problem !== toldProblem) {
          this.#io.writeError(`stuckctl: ${escapeForTerminal(problem)}\n`);
          toldProblem = problem;
        }
      }
      await pause(this.#lookup.intervalMs, this.#signal);
    }
    await Promise.all(started);
  }

  #follow(node: NodeAddress): Promise<void>[] {
    if (this.#watches.has(node.address)) {
      return [];
    }
    const client = nodeClient(node, this.#command.tls, this.#question.timeoutMs);
    const watch = new NodeWatch(this.#plan(node.address, client), this.#io, this.#signal, null).markLost();
    return [this.#start(node.address, watch)];
  }

  async #forgetLost(addresses: ReadonlySet<string>): Promise<void> {
    for (const [address, watch] of this.#watches) {
      if (watch.isLost && !addresses.has(address)) {
        watch.stop();
        this.#watches.delete(address);
        const text = 'it is no longer among the addresses, and not followed any more';
        await this.#tell(watch.name, address, { event: 'gone' }, text);
      }
    }
  }

  /** The name of a node that answers is its own, though one that is lost had it: a pod comes back under another address. */
  #admit(hostname: string, address: string): string | null {
    const { only } = this.#question;
    if (only.length > 0 && !isNamed(only, { hostname, address })) {
      return null;
    }
    const holder = [...this.#watches.values()].find(({ name }) => name === hostname);
    if (hostname === '' || holder?.isLost === false) {
      return this.#claim(address);
    }
    holder?.giveUpName();
    return this.#claim(hostname);
  }

  #claim(name: string): string {
    this.#nameWidth = Math.min(Math.max(this.#nameWidth, name.length), NAME_WIDTH_MAX);
    return name;
  }

  #follower(nameOf: () => string, address: string): Follower<Change> {
    if (this.#command.output !== 'table') {
      return jsonFollower(this.#io, (change) => itemLine({ name: nameOf(), address }, toProtoJson(change)));
    }
    const shown = (): string => escapeForTerminal(nameOf());
    const io = {
      ...this.#io,
      write: (text: string) => this.#io.write(`${shown().padEnd(this.#nameWidth)}  ${text}`),
      writeError: (text: string) => {
        this.#io.writeError(`${shown()}: ${text}`);
      },
    };
    return lineFollower<Change>(io, (output) => this.#sort.lines(output));
  }

  #teller(nameOf: () => string, address: string): LossTeller {
    return {
      lost: (reason) => {
        const others = [...this.#watches.values()].filter(({ isLost }) => !isLost).length;
        const rest = `${countText(others, 'other node')} ${others === 1 ? 'is' : 'are'} followed`;
        const text = `connection lost (${escapeForTerminal(reason)}); trying again until Ctrl-C; ${rest}`;
        return this.#tell(nameOf(), address, { event: 'lost', reason }, text);
      },
      back: (isComplete) => {
        const text = isComplete
          ? 'connected again, resumed: nothing was missed'
          : 'connected, with a new snapshot: what changed before was not told';
        return this.#tell(nameOf(), address, { event: 'back', resumed: isComplete }, text);
      },
    };
  }

  /** On standard error for people, and between the changes for programs. */
  async #tell(name: string, address: string, event: NodeEvent, text: string): Promise<void> {
    this.#io.writeError(`${escapeForTerminal(name)}: ${text}\n`);
    await this.#writeEvent(name, address, event);
  }

  async #writeEvent(name: string, address: string, event: NodeEvent): Promise<void> {
    if (this.#command.output !== 'table') {
      await this.#io.write(jsonLine({ node: name, address, ...event }));
    }
  }
}

/**
 * Resolves when interrupted. @returns the exit code
 * @throws CallError if a node does not take the question, or Error if a file cannot be used
 */
export async function watchNodes(
  command: WatchCommand,
  question: NodesQuestion,
  io: CliIo,
  lookup: NodesLookup = { ask: systemLookup, intervalMs: LOOKUP_INTERVAL_MS },
): Promise<number> {
  const style = createStyle(wantsColor(io.isTerminal, io.env));
  const nowMs = (): number => io.nowMs();
  if (command.name === 'watch') {
    const sort: WatchSort<WatchChange> = {
      open: (client, token, signal) => client.watchResponses(command.filter, token, signal),
      lines: (output) => new WatchLines(output, style, nowMs),
    };
    return new NodesWatch(command, question, { sort, io, lookup }).run();
  }
  const sort: WatchSort<AlertWatchChange> = {
    open: (client, token, signal) => client.watchAlertResponses(command.filter, token, signal),
    lines: (output) => new AlertLines(output, style, nowMs),
  };
  return new NodesWatch(command, question, { sort, io, lookup }).run();
}
