/** What there is to say of a metric. */

/**
 * All values of a label, or all with what they mean; or a text that says where they come from, where they are not known in
 * advance.
 */
export type LabelValues = readonly string[] | Readonly<Record<string, string>> | string;

interface SpecBase {
  readonly name: string;
  /** As HELP says it: one sentence or two. */
  readonly help: string;
  readonly unit: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** It gets the labels of `http.metrics.workloadLabels` as well; `required`: without any it does not exist. */
  readonly workloadLabels?: 'optional' | 'required';
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

/** @returns null if they are not known in advance. */
export function knownValues(values: LabelValues): readonly string[] | null {
  if (typeof values === 'string') {
    return null;
  }
  return Array.isArray(values) ? (values as readonly string[]) : Object.keys(values);
}

/** Every combination of the known values; none if a label's values are not known in advance. */
export function knownLabelSets(labels: MetricSpec['labels']): readonly Readonly<Record<string, string>>[] {
  return Object.entries(labels).reduce<readonly Readonly<Record<string, string>>[]>(
    (sets, [label, values]) =>
      sets.flatMap((set) => (knownValues(values) ?? []).map((value) => ({ ...set, [label]: value }))),
    [{}],
  );
}
