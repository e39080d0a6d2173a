/** Durations as people write them. */
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @returns whole milliseconds, rounded, for "500ms", "1.5s", "10m", "2h", "7d"; null for anything else. */
export function parseDurationMs(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  const unitMs = UNITS_MS[match?.[2] ?? ''];
  // Rounded, because 1.005 * 1000 is not quite 1005, and because the sensor takes whole milliseconds only.
  return match?.[1] === undefined || unitMs === undefined ? null : Math.round(Number(match[1]) * unitMs);
}

/** The other way: "10m" for 600000, in the largest unit that needs no fraction. */
export function formatDurationMs(milliseconds: number): string {
  const units = Object.entries(UNITS_MS).toReversed();
  const [unit, unitMs] = units.find(([, size]) => milliseconds !== 0 && milliseconds % size === 0) ?? ['ms', 1];
  return `${milliseconds / unitMs}${unit}`;
}
