/** What the sweeps and their peers took, as a table: at each size, and what each socket more adds. */
import type { ListingTool, ToolName } from './listing-tools.js';
import type { Figures, PartResult, Row } from './part.js';
import { formatMs } from './report.js';
import { type Listing, ratio, ratioVsSs, significant, slopeUs } from './statistics.js';

/** Medians of one size. */
export interface SizeResult {
  readonly connections: number;
  readonly rounds: number;
  readonly tools: ReadonlyMap<ToolName, Listing>;
  readonly sweep: Listing;
  readonly countingMs: number;
  readonly emptyMs: number;
}

type Tools = ReadonlyMap<ToolName, ListingTool>;

/** Every tool is compared as `ss` is in the contract: time for each thing that it lists by time for each socket visited. */
function perItemRatio(listing: Listing | undefined, sweep: Listing): number {
  return listing === undefined ? NaN : ratioVsSs(listing, sweep);
}

function sizeRows(size: SizeResult, tools: Tools): readonly Row[] {
  const { connections, sweep, emptyMs, countingMs } = size;
  const measured = `${formatMs(sweep.wallMs)} for ${sweep.count.toFixed(0)} sockets`;
  const toolRows = [...tools].map(([name, { title, items }], index): Row => {
    const { wallMs = NaN, count = NaN } = size.tools.get(name) ?? {};
    const contract = name === 'ss' ? ' (ratioVsSs)' : '';
    return {
      what: index === 0 ? `${connections}: sweep with owners, all namespaces` : '',
      measured: index === 0 ? measured : '',
      compared: `${title}: ${formatMs(wallMs)} for ${count} ${items}`,
      ratio: `${perItemRatio(size.tools.get(name), sweep).toFixed(0)} x faster for each${contract}`,
    };
  });
  return [
    ...toolRows,
    {
      what: '',
      measured: '',
      compared: `iterator that reads nothing: ${formatMs(emptyMs)}`,
      ratio: `${ratio(sweep.wallMs, emptyMs).toFixed(2)} x the limit (ratioVsEmptyIterator)`,
    },
    {
      what: `${connections}: sweep that counts every connection`,
      measured: formatMs(countingMs),
      compared: `where nothing is stuck: ${formatMs(sweep.wallMs)}`,
      ratio: `${ratio(countingMs, sweep.wallMs).toFixed(2)} x as long (ratioCounting)`,
    },
  ];
}

function sizeFigures(size: SizeResult): Figures {
  const { connections, rounds, sweep, emptyMs, countingMs } = size;
  const tools = Object.fromEntries(
    [...size.tools].map(([name, listing]): [string, Figures] => [
      name,
      {
        ms: significant(listing.wallMs),
        count: listing.count,
        ratio: significant(perItemRatio(listing, sweep)),
      },
    ]),
  );
  return {
    connections,
    rounds,
    ...tools,
    sweepMs: significant(sweep.wallMs),
    sweepSockets: sweep.count,
    emptyIteratorMs: significant(emptyMs),
    ratioVsSs: significant(perItemRatio(size.tools.get('ss'), sweep)),
    ratioVsEmptyIterator: significant(ratio(sweep.wallMs, emptyMs)),
    ratioCounting: significant(ratio(countingMs, sweep.wallMs)),
  };
}

/** What one thing more costs, between two sizes; microseconds. */
interface Slopes {
  readonly from: number;
  readonly to: number;
  readonly sweepUs: number;
  readonly emptyUs: number;
  readonly toolsUs: ReadonlyMap<ToolName, number>;
}

function slopesBetween(small: SizeResult, large: SizeResult): Slopes {
  const toolsUs = new Map<ToolName, number>();
  for (const [name, listing] of large.tools) {
    const before = small.tools.get(name);
    if (before !== undefined) {
      toolsUs.set(name, slopeUs(before, listing));
    }
  }
  return {
    from: small.connections,
    to: large.connections,
    sweepUs: slopeUs(small.sweep, large.sweep),
    emptyUs: slopeUs({ ...small.sweep, wallMs: small.emptyMs }, { ...large.sweep, wallMs: large.emptyMs }),
    toolsUs,
  };
}

function slopeRows({ from, to, sweepUs, emptyUs, toolsUs }: Slopes, tools: Tools): readonly Row[] {
  const peers = [...toolsUs].map(([name, us]): readonly [string, string] => [
    `${String(tools.get(name)?.title)}: ${us.toFixed(1)} us`,
    `${ratio(us, sweepUs).toFixed(0)} x less`,
  ]);
  const limit = [`iterator: ${emptyUs.toFixed(2)} us`, `${ratio(sweepUs, emptyUs).toFixed(2)} x the limit`] as const;
  return [...peers, limit].map(([compared, ratioText], index): Row => ({
    what: index === 0 ? `one more, from ${from} to ${to} connections` : '',
    measured: index === 0 ? `${sweepUs.toFixed(2)} us` : '',
    compared,
    ratio: ratioText,
  }));
}

function slopeFigures({ sweepUs, emptyUs, toolsUs }: Slopes): Figures {
  const toolFigures = [...toolsUs].map(([name, us]): [string, number] => [`${name}Us`, significant(us)]);
  return {
    sweepUs: significant(sweepUs),
    emptyIteratorUs: significant(emptyUs),
    ...Object.fromEntries(toolFigures),
  };
}

/** @param sizes in rising order, at least one. The contract's figure is that of the largest. */
export function summarize(sizes: readonly SizeResult[], tools: Tools): PartResult {
  const largest = sizes.at(-1);
  const slopes = sizes
    .slice(1)
    .flatMap((size, index) => sizes.slice(index, index + 1).map((before) => slopesBetween(before, size)));
  const counts = sizes.map(({ connections }) => connections).join(', ');
  const rounds = sizes.map((size) => size.rounds).join(', ');
  const skipped = tools.has('lsof') ? [] : [{ what: 'lsof', measured: 'not installed', compared: '', ratio: '' }];
  return {
    headline: {
      ratioVsSs: significant(perItemRatio(largest?.tools.get('ss'), largest?.sweep ?? { wallMs: 0, count: 0 })),
    },
    title: `${counts} connections between two namespaces, both ends on this machine; medians of ${rounds} rounds`,
    rows: [
      ...sizes.flatMap((size) => sizeRows(size, tools)),
      ...slopes.flatMap((slope) => slopeRows(slope, tools)),
      ...skipped,
    ],
    figures: {
      sizes: Object.fromEntries(sizes.map((size) => [String(size.connections), sizeFigures(size)])),
      slopes: Object.fromEntries(slopes.map((slope) => [`${slope.from}-${slope.to}`, slopeFigures(slope)])),
    },
  };
}
