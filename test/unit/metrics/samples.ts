/** The text format of Prometheus, taken apart by a grammar of its own rather than by the library that wrote it. */

/** Values by series as they stand in the text, for example `stuckd_alerts_fired_total` or `x{a="b",c="d"}`. */
export function samplesOf(text: string): ReadonlyMap<string, number> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const match = /^([a-zA-Z_:][\w:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})?) (\S+)$/.exec(line);
        if (match?.[1] === undefined) {
          throw new Error(`no line of the text format: ${line}`);
        }
        return [match[1], Number(match[2])];
      }),
  );
}

/** The series of one metric that are not 0, by what stands between the braces. */
export function nonZero(text: string, name: string): Readonly<Record<string, number>> {
  const found = [...samplesOf(text)].filter(
    ([series, value]) => value !== 0 && (series === name || series.startsWith(`${name}{`)),
  );
  return Object.fromEntries(found.map(([series, value]) => [series.slice(name.length).replace(/^\{|\}$/g, ''), value]));
}
