/** A crowd of connections that share one fate, and what is said of them. */
import assert from 'node:assert/strict';
import { CleanupStack } from '../../daemon/lib/cleanup-stack.js';
import { ConnectionLoad } from '../bench/connection-load.js';
import type { Ending } from './lab.js';
import { kernelLatenessMs, tcpCounter } from './record-checks.js';
import type { StuckdUnderTest, StuckJson } from './stuckd.js';
import { waitFor } from './wait-for.js';

/** What is stuck with data in flight crosses the threshold with its third RTO. */
const RTO_THRESHOLD = 3;
/** Where timers are on time. A black hole shows by the first RTO, some 200 ms after what was sent; the threshold 1.2 s later. */
const FIRST_RTO_MAX_MS = 1000;
/** Two clocks, each converted on its own. */
const CLOCK_ERROR_MS = 50;
const RELEASE_TIMEOUT_MS = 60_000;

export class StuckCrowd {
  readonly load: ConnectionLoad;
  readonly size: number;
  /** Between these its data was sent, milliseconds since 1970. */
  #sentFromMs = 0;
  #sentUntilMs = 0;
  /** RTOs in its namespace before. */
  #earlierTimeouts = 0;

  private constructor(load: ConnectionLoad, size: number) {
    this.load = load;
    this.size = size;
  }

  /**
   * Opens `size` connections of one process between two namespaces of their own.
   * @param clientPort the only one that its connections may have, each to another port of the server; default: any
   */
  static async open(test: Ending, size: number, options: { readonly clientPort?: number } = {}): Promise<StuckCrowd> {
    const cleanup = new CleanupStack(RELEASE_TIMEOUT_MS);
    test.after(() => cleanup.releaseAll());
    const load = await ConnectionLoad.start({ cleanup });
    if (options.clientPort !== undefined) {
      await load.setClientSysctl('net.ipv4.ip_local_port_range', `${options.clientPort} ${options.clientPort}`);
    }
    await load.open(size);
    return new StuckCrowd(load, size);
  }

  async blackHole(): Promise<void> {
    this.#earlierTimeouts = this.#counter('TCPTimeouts');
    this.#sentFromMs = Date.now();
    await this.load.blackHole();
    this.#sentUntilMs = Date.now();
  }

  /** Waits until the kernel itself says that all have crossed the threshold. */
  async untilCrossed(): Promise<void> {
    const count = this.#earlierTimeouts + RTO_THRESHOLD * this.size;
    await waitFor(() => this.#counter('TCPTimeouts') >= count, { what: 'the third RTO of each' });
  }

  /** Waits until the kernel has given up on all. */
  async untilTimedOut(): Promise<void> {
    await waitFor(() => this.#counter('TCPAbortOnTimeout') >= this.size, { what: 'the end of each' });
  }

  /** Heals the network, and waits until something has arrived on each. */
  async heal(): Promise<void> {
    const arrived = (): number => tcpCounter({ pid: this.load.serverPid }, 'InSegs');
    const before = arrived();
    await this.load.heal();
    await waitFor(() => arrived() >= before + this.size, { what: 'a retransmission of each' });
  }

  /** Records of it that are open, as the watch tells. */
  openIn(stuckd: StuckdUnderTest): readonly StuckJson[] {
    return [...stuckd.story.open.values()].filter(({ netns }) => netns === this.load.client.inode);
  }

  /** Its records that have ended, as the watch has told. */
  endedIn(stuckd: StuckdUnderTest): readonly StuckJson[] {
    return stuckd.changesIn(this.load.client).flatMap(({ kind, record }) => (kind === 'ended' ? [record] : []));
  }

  /** How many of them have ended in each way. */
  outcomesIn(stuckd: StuckdUnderTest): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { outcome = 'none' } of this.endedIn(stuckd)) {
      const name = outcome.replace('OUTCOME_', '').toLowerCase();
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  async untilOpen(stuckd: StuckdUnderTest, count = this.size): Promise<void> {
    await untilTold(stuckd, `${count} records, all of them open`, () => this.openIn(stuckd).length === count);
  }

  async untilOwned(stuckd: StuckdUnderTest): Promise<void> {
    const isOwned = (): boolean => this.openIn(stuckd).every(({ ownerType }) => ownerType !== undefined);
    await untilTold(stuckd, 'owners of all', isOwned);
  }

  /** Asserts that what is open says of every connection, and of none twice, what befell it. */
  assertAllTold(stuckd: StuckdUnderTest): void {
    const records = this.openIn(stuckd);
    assert.equal(new Set(records.map(({ cookie }) => cookie)).size, this.size, 'each connection has a record');
    assert.equal(records.length, this.size, 'and none has two');
    for (const record of records) {
      this.assertTrue(record);
    }
  }

  /** Asserts what is the same of each: kind, owner, and since when. */
  assertTrue({ kind, ownerType, owner, since, sinceAtLeast }: StuckJson): void {
    assert.equal(kind, 'STUCK_KIND_RETRANSMITTING');
    assert.equal(ownerType, 'OWNER_TYPE_PROCESS');
    assert.equal(owner?.pid, this.load.clientPid);
    assert.notEqual(sinceAtLeast, true);
    const sinceMs = Date.parse(since);
    assert.ok(sinceMs >= this.#sentFromMs - CLOCK_ERROR_MS, `${since} is before it was sent`);
    assert.ok(
      sinceMs <= this.#sentUntilMs + FIRST_RTO_MAX_MS + kernelLatenessMs(),
      `${since} is long after it was sent`,
    );
  }

  #counter(name: string): number {
    return tcpCounter({ pid: this.load.clientPid }, name);
  }
}

/** Waits for something that the watch tells. @throws Error with the last words of a daemon that ends instead */
async function untilTold(stuckd: StuckdUnderTest, what: string, isTold: () => boolean): Promise<void> {
  await waitFor(() => isTold() || !stuckd.process.running, { what });
  assert.ok(stuckd.process.running, `the daemon has ended without ${what}:\n${stuckd.process.stderrTail}`);
}

/** What `stuckd_dropped_total` says of one stage. */
export async function droppedAt(stuckd: StuckdUnderTest, stage: string): Promise<number> {
  const response = await fetch(`${stuckd.httpOrigin}/metrics`, { headers: { connection: 'close' } });
  const line = new RegExp(`^stuckd_dropped_total\\{stage="${stage}"\\} (\\d+)$`, 'm').exec(await response.text());
  assert.ok(line !== null, `a counter of stage ${stage}`);
  return Number(line[1]);
}
