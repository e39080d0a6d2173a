/**
 * How many changes a second reach subscribers of WatchStuckConnections: through the daemon's own server, with changes that
 * are encoded already and with changes that are not; against a gRPC server of Node.js that sends the same bytes in the same
 * batches and does nothing for it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Mailbox } from './mailbox.js';
import type { Part, PartContext, PartResult, Row } from './part.js';
import { median, significant } from './statistics.js';
import type { Feed, ServerOrder, ServerReport, SubscribersOrder, SubscribersReport } from './stream-messages.js';

const SUBSCRIBERS = [1, 10, 64] as const;
/** Together, in one round. */
const CHANGES = 512 * 1024;
/** What is mapped and encoded first comes much slower. */
const FRESH_CHANGES = 32 * 1024;
const ROUNDS = 3;
const WARM_UP_CHANGES = 64 * 1024;
const TIMEOUT_MS = 60_000;
const TARGET_PER_SECOND = 500_000;

interface Speed {
  /** To all subscribers together. */
  readonly changesPerSecond: number;
  readonly bytesPerChange: number;
  /** Of the server, microseconds a change and subscriber. */
  readonly serverUs: number;
}

interface Child<Report> {
  readonly process: ChildProcess;
  readonly reports: Mailbox<Report>;
}

function start<Report>(file: string): Child<Report> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)));
  const reports = new Mailbox<Report>(file);
  child.on('message', (report) => {
    reports.put(report as Report);
  });
  child.once('exit', (code, signal) => {
    reports.close(`it ended with ${signal ?? `status ${String(code)}`}`);
  });
  return { process: child, reports };
}

/** Lets it end. One that has died has no channel, and to close it once more would hide why it died. */
function disconnect(child: ChildProcess): void {
  if (child.connected) {
    child.disconnect();
  }
}

class Stage {
  readonly #server: Child<ServerReport>;
  readonly #address: string;
  readonly #limitAddress: string;

  private constructor(server: Child<ServerReport>, address: string, limitAddress: string) {
    this.#server = server;
    this.#address = address;
    this.#limitAddress = limitAddress;
  }

  static async start({ cleanup }: PartContext): Promise<Stage> {
    const server = start<ServerReport>('stream-server.js');
    cleanup.push('server', () => {
      disconnect(server.process);
    });
    const report = await server.reports.take(TIMEOUT_MS);
    if (report.type !== 'ready') {
      throw new Error(`the server said ${report.type} first`);
    }
    return new Stage(server, report.address, report.limitAddress);
  }

  async measure(feed: Feed, subscribers: number, changesInAll: number): Promise<Speed> {
    const isLimit = feed === 'limit';
    const changes = Math.ceil(changesInAll / subscribers);
    const receivers = start<SubscribersReport>('stream-subscribers.js');
    const order: SubscribersOrder = { address: isLimit ? this.#limitAddress : this.#address, subscribers, changes };
    receivers.process.send({ ...order, isLimit });
    try {
      await this.#expectReady(receivers);
      const startMs = performance.now();
      this.#order({ type: 'publish', feed, changes });
      for (;;) {
        const report = await receivers.reports.take(TIMEOUT_MS);
        if (report.type === 'taken') {
          this.#order(report);
        } else if (report.type === 'done') {
          const seconds = (performance.now() - startMs) / 1000;
          const delivered = changes * subscribers;
          const cpuMs = await this.#expectPublished();
          return {
            changesPerSecond: delivered / seconds,
            bytesPerChange: report.bytes / delivered,
            serverUs: (1000 * cpuMs) / delivered,
          };
        }
      }
    } finally {
      disconnect(receivers.process);
    }
  }

  #order(order: ServerOrder): void {
    this.#server.process.send(order);
  }

  async #expectReady({ reports }: Child<SubscribersReport>): Promise<void> {
    const { type } = await reports.take(TIMEOUT_MS);
    if (type !== 'ready') {
      throw new Error(`the subscribers said ${type} first`);
    }
  }

  async #expectPublished(): Promise<number> {
    const report = await this.#server.reports.take(TIMEOUT_MS);
    if (report.type !== 'published') {
      throw new Error('the server started anew');
    }
    return report.cpuMs;
  }
}

function rate({ changesPerSecond }: Speed): string {
  return `${Math.round(changesPerSecond / 1000)},000/s`;
}

function row(what: string, speed: Speed, limit: Speed, subscribers: number): Row {
  const target = subscribers === 1 ? `; target: ${TARGET_PER_SECOND / 1000},000/s` : '';
  return {
    what,
    measured: `${rate(speed)} of ${Math.round(speed.bytesPerChange)} bytes`,
    compared: `the same bytes, no work: ${rate(limit)}, ${limit.serverUs.toFixed(2)} us each${target}`,
    ratio: `${(speed.changesPerSecond / limit.changesPerSecond).toFixed(2)} x the limit; server ${speed.serverUs.toFixed(2)} us each`,
  };
}

function figures({ changesPerSecond, bytesPerChange, serverUs }: Speed): Readonly<Record<keyof Speed, number>> {
  return {
    changesPerSecond: significant(changesPerSecond),
    bytesPerChange: significant(bytesPerChange),
    serverUs: significant(serverUs),
  };
}

/** In turns, as a machine has better and worse moments. @returns the median of each */
async function measureInTurns(stage: Stage, subscribers: number): Promise<Readonly<Record<Feed, Speed>>> {
  const speeds: Record<Feed, Speed[]> = { limit: [], encoded: [], fresh: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    speeds.limit.push(await stage.measure('limit', subscribers, CHANGES));
    speeds.encoded.push(await stage.measure('encoded', subscribers, CHANGES));
    speeds.fresh.push(await stage.measure('fresh', subscribers, FRESH_CHANGES * subscribers));
  }
  const middle = (of: readonly Speed[]): Speed => ({
    changesPerSecond: median(of.map(({ changesPerSecond }) => changesPerSecond)),
    bytesPerChange: median(of.map(({ bytesPerChange }) => bytesPerChange)),
    serverUs: median(of.map(({ serverUs }) => serverUs)),
  });
  return { limit: middle(speeds.limit), encoded: middle(speeds.encoded), fresh: middle(speeds.fresh) };
}

async function run(context: PartContext): Promise<PartResult> {
  const stage = await Stage.start(context);
  context.progress('warming up');
  for (const feed of ['limit', 'encoded', 'fresh'] as const) {
    await stage.measure(feed, 1, WARM_UP_CHANGES);
  }
  const rows: Row[] = [];
  const all: Record<string, PartResult['figures']> = {};
  for (const subscribers of SUBSCRIBERS) {
    context.progress(`${subscribers} subscribers`);
    const { limit, encoded, fresh } = await measureInTurns(stage, subscribers);
    const to = `to ${subscribers} subscriber${subscribers === 1 ? '' : 's'}`;
    rows.push(row(`changes ${to}`, encoded, limit, subscribers));
    rows.push(row(`mapped and encoded as well, ${to}`, fresh, limit, subscribers));
    all[`subscribers${subscribers}`] = { limit: figures(limit), encoded: figures(encoded), fresh: figures(fresh) };
  }
  return {
    title:
      'changes of recorded connections over gRPC, all subscribers together; server and subscribers in a process each; ' +
      `medians of ${ROUNDS} rounds`,
    rows,
    figures: all,
  };
}

export const streamPart: Part = {
  name: 'stream',
  summary: 'changes per second to 1, 10 and 64 subscribers, against a gRPC server that does nothing for them',
  run,
};
