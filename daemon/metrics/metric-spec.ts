/** What there is to say of a metric. */

/** All values of a label; or a text that says where they come from, where they are not known in advance. */
export type LabelValues = readonly string[] | string;

interface SpecBase {
  readonly name: string;
  /** As HELP says it: one sentence or two. */
  readonly help: string;
  readonly unit: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** It gets the labels of `http.metrics.workloadLabels` as well. */
  readonly hasWorkloadLabels?: boolean;
  /** Without a value there is no series, where 0 would be wrong. */
  readonly isSparse?: boolean;
}

export type MetricSpec =
  | (SpecBase & { readonly type: 'gauge' | 'counter' })
  | (SpecBase & {
      readonly type: 'histogram';
      /** Upper bounds in the unit of the metric, ascending; +Inf is added. */
      readonly buckets: readonly number[];
    });

export type MetricTable = Readonly<Record<string, MetricSpec>>;

/** Every combination of the known values; none if a label's values are not known in advance. */
export function knownLabelSets(labels: MetricSpec['labels']): readonly Readonly<Record<string, string>>[] {
  return Object.entries(labels).reduce<readonly Readonly<Record<string, string>>[]>(
    (sets, [label, values]) =>
      typeof values === 'string' ? [] : sets.flatMap((set) => values.map((value) => ({ ...set, [label]: value }))),
    [{}],
  );
}
