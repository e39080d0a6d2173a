/** Builds and drives `sockprog`, the C program with TCP sockets that the kernel tests run inside namespaces. */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ManagedProcess } from '../../daemon/demo/lab/managed-process.js';
import type { LabNamespace } from '../../daemon/demo/lab/lab-namespace.js';
import type { NetnsLab } from '../../daemon/demo/lab/netns-lab.js';
import { Notice } from './notice.js';
import { packageRoot } from './package-root.js';
import { waitFor } from './wait-for.js';

/** A line of sockprog that answers a command. Fields beside these depend on the command (`sockprog.h`). */
export interface SockprogReply {
  readonly pid: number;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly monoUs: number;
  readonly seq: number;
  readonly ok: boolean;
  readonly errno?: string;
  readonly call?: string;
  readonly fd?: number;
  readonly localPort?: number;
  readonly child?: number;
  readonly bytes?: number;
  readonly [field: string]: unknown;
}

/** A line of sockprog about what happened to a socket. */
export interface SockprogEvent {
  readonly pid: number;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly monoUs: number;
  readonly event:
    'ready' | 'connected' | 'accepted' | 'data' | 'eof' | 'sent' | 'error' | 'hangup' | 'received' | 'child_exit';
  readonly id?: string;
  readonly errno?: string;
  readonly fd?: number;
  readonly bytes?: number;
  readonly [field: string]: unknown;
}

/** What `info` answers: TCP_INFO, and sockprog's own counts. */
export interface SockprogInfo extends SockprogReply {
  readonly state: number;
  readonly retransmits: number;
  readonly totalRetrans: number;
  readonly probes: number;
  readonly unacked: number;
  readonly rtoUs: number;
  readonly rttUs: number;
  /** Since the last ACK arrived. */
  readonly lastAckMs: number;
  /** Since the last data arrived. */
  readonly lastDataMs: number;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly notSent: number;
  readonly sent: number;
  readonly received: number;
}

function isEvent(message: SockprogReply | SockprogEvent): message is SockprogEvent {
  return 'event' in message;
}

let built: Promise<string> | undefined;

/**
 * Compiles sockprog unless the program is newer than its source.
 * @returns the path of the program.
 */
export function buildSockprog(): Promise<string> {
  built ??= compile();
  return built;
}

async function compile(): Promise<string> {
  const root = packageRoot();
  const program = join(root, 'build/test-tools/sockprog');
  mkdirSync(dirname(program), { recursive: true });
  // Test files run beside each other: the first one builds, the others wait, and nobody replaces a program that runs.
  const make = ['make', '-s', '-C', join(root, 'test/support/sockprog'), `PROGRAM=${program}`];
  await promisify(execFile)('flock', [`${program}.lock`, ...make]);
  return program;
}

/** One running sockprog, with the children that it forked. */
export class Sockprog {
  readonly process: ManagedProcess;
  readonly events: SockprogEvent[] = [];
  readonly #replies = new Map<number, SockprogReply>();
  /** Of a line, or of its end. */
  readonly #notice = new Notice();
  #seq = 0;

  constructor(process: ManagedProcess) {
    this.process = process;
    process.onLine((line) => {
      const message = JSON.parse(line) as SockprogReply | SockprogEvent;
      if (isEvent(message)) {
        this.events.push(message);
      } else {
        this.#replies.set(message.seq, message);
      }
      this.#notice.give();
    });
    void process.ended.then(() => {
      this.#notice.give();
    });
  }

  /** Starts it inside a namespace and waits until it takes commands. */
  static async start(lab: NetnsLab, namespace: LabNamespace): Promise<Sockprog> {
    const program = await buildSockprog();
    const sockprog = new Sockprog(lab.spawnIn(namespace, [program]));
    await sockprog.waitEvent({ event: 'ready' });
    return sockprog;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Sends a command, to itself or to a child, and waits for its answer, whatever it is. */
  async attempt(command: string, child?: number): Promise<SockprogReply> {
    this.#seq += 1;
    const seq = this.#seq;
    const target = child === undefined ? '' : `to ${String(child)} `;
    this.process.writeLine(`${String(seq)} ${target}${command}`);
    await this.#until(() => this.#replies.has(seq), `an answer to "${command}"`);
    const reply = this.#replies.get(seq);
    this.#replies.delete(seq);
    if (reply === undefined) {
      throw new Error(`no answer to "${command}"`);
    }
    return reply;
  }

  /** As `attempt`, but an answer that is not ok is an error. */
  async command(command: string, child?: number): Promise<SockprogReply> {
    const reply = await this.attempt(command, child);
    if (!reply.ok) {
      throw new Error(`sockprog: ${command}: ${reply.call ?? ''}: ${reply.errno ?? 'failed'}`);
    }
    return reply;
  }

  async info(id: string, child?: number): Promise<SockprogInfo> {
    return (await this.command(`info ${id}`, child)) as SockprogInfo;
  }

  /** Forks; the child has copies of all sockets. @returns its pid. */
  async fork(): Promise<number> {
    const reply = await this.command('fork');
    if (reply.child === undefined) {
      throw new Error('sockprog: fork gave no pid');
    }
    return reply.child;
  }

  /** Connects and waits until the connection stands. @returns the answer, with the local port and the descriptor. */
  async connect(id: string, address: string, port: number, options = ''): Promise<SockprogReply> {
    const reply = await this.command(`connect ${id} ${address} ${String(port)} ${options}`);
    await this.waitEvent({ event: 'connected', id });
    return reply;
  }

  /**
   * Waits for an event, past or to come, whose fields have the given values.
   * @throws Error with all that sockprog said, if it does not come in time or sockprog ends.
   */
  async waitEvent(fields: Partial<SockprogEvent>): Promise<SockprogEvent> {
    const find = (): SockprogEvent | undefined =>
      this.events.find((event) => Object.entries(fields).every(([key, value]) => event[key] === value));
    await this.#until(() => find() !== undefined, `event ${JSON.stringify(fields)}`);
    const event = find();
    if (event === undefined) {
      throw new Error('unreachable');
    }
    return event;
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    try {
      await waitFor(() => condition() || this.process.end, { what, notice: this.#notice });
    } catch (error) {
      throw new Error(`sockprog: no ${what}; it said:\n${this.process.lines.join('\n')}`, { cause: error });
    }
    // Its last lines may still be on their way when it has ended.
    if (!condition()) {
      await this.process.ended;
    }
    if (!condition()) {
      throw new Error(`sockprog ended without ${what}: ${this.process.stderrTail}\n${this.process.lines.join('\n')}`);
    }
  }
}

/** The argument of sockprog's `name` command for a process name of any bytes. */
export function commHex(comm: string): string {
  return Buffer.from(comm).toString('hex');
}
