/** What one hit of a BPF program costs, from the kernel's running totals. */
import { median, ratio, significant } from './statistics.js';

/** Runs and run time of programs so far, by name. */
export type HitSample = ReadonlyMap<string, { readonly runs: number; readonly nanoseconds: number }>;

export interface HookCost {
  readonly hits: number;
  readonly nsPerHit: number;
  readonly emptyNsPerHit: number;
  readonly ratioVsEmpty: number;
}

/** A slice with fewer hits than this says more about its interruptions than about the program. */
const HITS_PER_SLICE_MIN = 20;

interface Slice {
  readonly hits: number;
  readonly nsPerHit: number;
}

function total(sample: HitSample, program: string): { readonly runs: number; readonly nanoseconds: number } {
  const found = sample.get(program);
  if (found === undefined) {
    throw new RangeError(`nothing was counted for the program ${program}: it is not attached`);
  }
  return found;
}

function slicesOf(samples: readonly HitSample[], program: string): Slice[] {
  const slices: Slice[] = [];
  for (const [index, sample] of samples.slice(1).entries()) {
    const start = total(samples[index] ?? sample, program);
    const end = total(sample, program);
    const hits = end.runs - start.runs;
    if (hits >= HITS_PER_SLICE_MIN) {
      slices.push({ hits, nsPerHit: (end.nanoseconds - start.nanoseconds) / hits });
    }
  }
  return slices;
}

/**
 * Compares two programs on one hook. The cost of a hit is the median over the slices between samples: an interrupt, or
 * a hypervisor that takes the CPU away, hits a run of a program now and then and would spoil a mean.
 * @throws RangeError if there were too few hits to tell.
 */
export function compareHits(samples: readonly HitSample[], program: string, empty: string): HookCost {
  const slices = slicesOf(samples, program);
  const emptySlices = slicesOf(samples, empty);
  if (slices.length === 0 || emptySlices.length === 0) {
    throw new RangeError(`too few hits of ${program} or ${empty} to tell what one costs`);
  }
  const nsPerHit = median(slices.map((slice) => slice.nsPerHit));
  const emptyNsPerHit = median(emptySlices.map((slice) => slice.nsPerHit));
  return {
    hits: slices.reduce((sum, { hits }) => sum + hits, 0),
    nsPerHit: significant(nsPerHit),
    emptyNsPerHit: significant(emptyNsPerHit),
    ratioVsEmpty: significant(ratio(nsPerHit, emptyNsPerHit)),
  };
}
