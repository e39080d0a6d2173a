/** What `ss -tino` prints: a header, then for each connection a line and an indented line with its details. */

/** @returns how many connections the output lists. */
export function countSsConnections(output: string): number {
  return output.split('\n').filter((line) => /^[A-Z]/.test(line) && !line.startsWith('State ')).length;
}
