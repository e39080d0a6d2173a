/** BPF programs of the benchmarks' own, and what the kernel counts for theirs and the sensor's. */
import { readdirSync, readFileSync } from 'node:fs';
import { startProcess } from '../../daemon/demo/lab/managed-process.js';
import type { PartContext } from './part.js';
import { buildBpfObject, buildProgram, LineTool } from './tools.js';

/** Totals of one program since counting was enabled. */
export interface ProgramCount {
  readonly runs: number;
  readonly nanoseconds: number;
}

/** By the name of the program. */
export type ProgramCounts = ReadonlyMap<string, ProgramCount>;

/** @param words ID NAME RUNS NANOSECONDS of each program, as bench-programs answers. */
export function parseCounts(words: readonly string[]): ProgramCounts {
  const counts = new Map<string, ProgramCount>();
  for (let at = 0; at + 4 <= words.length; at += 4) {
    counts.set(String(words[at + 1]), { runs: Number(words[at + 2]), nanoseconds: Number(words[at + 3]) });
  }
  return counts;
}

/** @returns the ids of the BPF programs to which a process holds descriptors. */
export function programIdsOf(pid: number): readonly number[] {
  const directory = `/proc/${pid}/fdinfo`;
  const ids = new Set<number>();
  for (const fd of readdirSync(directory)) {
    const match = /^prog_id:\s*(\d+)$/m.exec(readFileSync(`${directory}/${fd}`, 'utf8'));
    if (match !== null) {
      ids.add(Number(match[1]));
    }
  }
  return [...ids];
}

/** The programs of one BPF object, attached until the part ends. */
export class BenchPrograms {
  readonly ids: readonly number[];
  readonly #tool: LineTool;

  private constructor(tool: LineTool, ids: readonly number[]) {
    this.#tool = tool;
    this.ids = ids;
  }

  /** @param name of the object: test/bench/NAME.bpf.c */
  static async attach({ cleanup }: PartContext, name: string): Promise<BenchPrograms> {
    const loader = await buildProgram('programs', ['-lbpf']);
    const tool = new LineTool(startProcess([loader, await buildBpfObject(name)]));
    cleanup.push(`programs of ${name}`, async () => {
      await tool.process.stop();
    });
    return new BenchPrograms(tool, (await tool.expect('ready')).map(Number));
  }

  /** Runs the object's iterator once. @returns milliseconds */
  async iterate(): Promise<number> {
    const [microseconds] = await this.#tool.command('iterate', 'iterated');
    return Number(microseconds) / 1000;
  }

  /** From now on, and until the part ends, the kernel counts runs and run time of every program. */
  async enableCounting(): Promise<void> {
    await this.#tool.command('enable', 'enabled');
  }

  async count(ids: readonly number[]): Promise<ProgramCounts> {
    return parseCounts(await this.#tool.command(`count ${ids.join(' ')}`, 'counted'));
  }
}
