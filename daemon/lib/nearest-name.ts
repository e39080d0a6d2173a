/** Finds the word that somebody probably meant. */

/** Letters to insert, remove or change, to make one word of the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(b).entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? a.length;
}

/** Words of files are bounded, and so is the time that comparing them takes. */
const LENGTH_MAX = 64;

/** @returns the name that is most like `word`, or null if none is so like it that it may be meant. */
export function nearestName(word: string, names: readonly string[]): string | null {
  const given = word.slice(0, LENGTH_MAX).toLowerCase();
  const ranked = names
    .map((name) => ({ name, apart: distance(given, name.toLowerCase()) }))
    .sort((a, b) => a.apart - b.apart);
  const [best] = ranked;
  return best !== undefined && best.apart <= (given.length + 2) / 3 ? best.name : null;
}
