/** The names in a PromQL expression: metrics, labels and their values. No parser: promtool is one, and runs in other tests. */

export interface Matcher {
  readonly metric: string;
  readonly label: string;
  /** The alternatives, where the matcher is a plain text or a list of such. */
  readonly values: readonly string[];
}

const STRING = /"(?:[^"\\]|\\.)*"/g;
const NAME = /[a-zA-Z_:][\w:]*/g;
const SELECTOR = /([a-zA-Z_:][\w:]*)\{([^}]*)\}/g;
const MATCHER = /(\w+)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g;
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/** Words that look like metrics: not of the language, no labels, and not what a variable of Grafana stands for. */
export function metricsIn(expr: string): readonly string[] {
  const bare = expr
    .replaceAll(STRING, '')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(GROUPING, '')
    .replaceAll(/\b\d+[smhd]\b/g, '');
  const words = bare.match(NAME) ?? [];
  const called = new Set([...bare.matchAll(/([a-zA-Z_]\w*)\s*\(/g)].map(([, name]) => name));
  return words.filter((word) => !called.has(word) && !LANGUAGE.has(word));
}

const LANGUAGE = new Set([
  ...['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right'],
  ...['sum', 'min', 'max', 'avg', 'count', 'topk', 'Inf', 'NaN'],
]);

export function matchersIn(expr: string): readonly Matcher[] {
  return [...expr.matchAll(SELECTOR)].flatMap(([, metric = '', inner = '']) =>
    [...inner.matchAll(MATCHER)].map(([, label = '', text = '']) => ({
      metric,
      label,
      values: /^[\w|+.]+$/.test(text) && !text.includes('.+') ? text.split('|') : [],
    })),
  );
}

export function groupingLabelsIn(expr: string): readonly string[] {
  return [...expr.matchAll(GROUPING)].flatMap(([, inner = '']) => inner.match(/\w+/g) ?? []);
}
