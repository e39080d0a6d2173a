/** Patterns of names: `*` is any text, `?` any one character; everything else is itself. */

/**
 * Names are untrusted, so this takes time in proportion to pattern times text at worst, which a regular expression made
 * from the pattern would not promise.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let next = 0;
  let starAt = -1;
  let starText = 0;
  while (next < text.length) {
    if (pattern[at] === '*') {
      starAt = at;
      starText = next;
      at += 1;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[next])) {
      at += 1;
      next += 1;
    } else if (starAt >= 0) {
      // The last star takes one character more; earlier ones need not be tried again.
      at = starAt + 1;
      starText += 1;
      next = starText;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') {
    at += 1;
  }
  return at === pattern.length;
}
