/**
 * How long the sensor's sweep takes: against other ways to find connections and their owners (`ss -tinop`, `lsof -i`, a
 * walk of /proc), and against an iterator that visits the same descriptors and reads nothing, which no sweep can beat. At
 * three sizes, so that one sees what grows how.
 */
import { join } from 'node:path';
import { BenchSensor, QUIET } from './bench-sensor.js';
import { BenchPrograms } from './bpf-programs.js';
import { ConnectionLoad, LOAD_INTERESTS } from './connection-load.js';
import { type ListingTool, listingTools, timeListing, type ToolName } from './listing-tools.js';
import type { Part, PartContext, PartResult } from './part.js';
import { scratchDirectory } from './scratch.js';
import { median, type Listing } from './statistics.js';
import { type SizeResult, summarize } from './sweep-table.js';

const SIZES: readonly number[] = [1000, 10_000, 100_000];

const ROUNDS_MAX = 15;
const ROUNDS_MIN = 3;
/** `ss` is quadratic: at 100,000 connections a single round takes 10 s and more. */
const ROUNDS_BUDGET_MS = 20_000;
/** Sweeps and iterations of each round, in changing order: whoever comes second finds the caches warm. */
const PASSES_PER_ROUND = 4;

interface Rounds {
  readonly tools: Map<ToolName, Listing[]>;
  readonly sweep: Listing[];
  /** While every connection is of interest: the totals of an incident that takes the whole node. */
  readonly countingMs: number[];
  readonly emptyMs: number[];
}

function medianListing(listings: readonly Listing[]): Listing {
  return {
    wallMs: median(listings.map(({ wallMs }) => wallMs)),
    count: median(listings.map(({ count }) => count)),
  };
}

class SweepStage {
  readonly #load: ConnectionLoad;
  readonly #sensor: BenchSensor;
  readonly #iterator: BenchPrograms;
  readonly #tools: ReadonlyMap<ToolName, ListingTool>;
  readonly #outputPath: string;

  private constructor(
    load: ConnectionLoad,
    sensor: BenchSensor,
    iterator: BenchPrograms,
    tools: ReadonlyMap<ToolName, ListingTool>,
    outputPath: string,
  ) {
    this.#load = load;
    this.#sensor = sensor;
    this.#iterator = iterator;
    this.#tools = tools;
    this.#outputPath = outputPath;
  }

  static async build(context: PartContext): Promise<SweepStage> {
    const outputPath = join(scratchDirectory(context), 'listing');
    const load = await ConnectionLoad.start(context);
    const sensor = await BenchSensor.start(context, QUIET);
    const iterator = await BenchPrograms.attach(context, 'empty_iterator');
    return new SweepStage(load, sensor, iterator, await listingTools(), outputPath);
  }

  open(count: number): Promise<void> {
    return this.#load.open(count);
  }

  /** @param connections that are open */
  async measure(connections: number): Promise<SizeResult> {
    const rounds: Rounds = { tools: new Map(), sweep: [], countingMs: [], emptyMs: [] };
    await this.#pass({ ...rounds, sweep: [], countingMs: [], emptyMs: [] }, 0); // the first meets cold caches and pays for them
    const endMs = performance.now() + ROUNDS_BUDGET_MS;
    let done = 0;
    while (done < ROUNDS_MAX && (done < ROUNDS_MIN || performance.now() < endMs)) {
      await this.#round(rounds);
      done += 1;
    }
    return {
      connections,
      rounds: done,
      tools: new Map([...rounds.tools].map(([name, listings]) => [name, medianListing(listings)])),
      sweep: medianListing(rounds.sweep),
      countingMs: median(rounds.countingMs),
      emptyMs: median(rounds.emptyMs),
    };
  }

  async #round(rounds: Rounds): Promise<void> {
    for (const [name, tool] of this.#tools) {
      const listings = rounds.tools.get(name) ?? [];
      listings.push(await timeListing(tool, this.#load.client, this.#outputPath));
      rounds.tools.set(name, listings);
    }
    for (let number = 0; number < PASSES_PER_ROUND; number += 1) {
      await this.#pass(rounds, number);
    }
  }

  async #pass({ sweep, countingMs, emptyMs }: Rounds, number: number): Promise<void> {
    const steps = [
      async (): Promise<void> => {
        const pass = await this.#sensor.sweep();
        sweep.push({ wallMs: pass.durationUs / 1000, count: pass.sockets });
      },
      async (): Promise<void> => {
        emptyMs.push(await this.#iterator.iterate());
      },
    ];
    for (const step of number % 2 === 0 ? steps : steps.reverse()) {
      await step();
    }
    this.#sensor.setInterests(LOAD_INTERESTS, true);
    countingMs.push((await this.#sensor.sweep()).durationUs / 1000);
    this.#sensor.setInterests(LOAD_INTERESTS, false);
  }
}

async function run(context: PartContext): Promise<PartResult> {
  const { connections } = context.arguments;
  const stage = await SweepStage.build(context);
  const sizes: SizeResult[] = [];
  let open = 0;
  for (const size of connections === null ? SIZES : [connections]) {
    context.progress(`opening ${size} connections`);
    await stage.open(size - open);
    open = size;
    context.progress('measuring');
    sizes.push(await stage.measure(size));
  }
  return summarize(sizes, await listingTools());
}

export const sweepPart: Part = {
  name: 'sweep',
  summary: `the sweep over ${SIZES.join(', ')} connections against ss, lsof, a walk of /proc and an empty iterator; --connections N`,
  run,
};
