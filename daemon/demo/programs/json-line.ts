/** One JSON object a line, which is how the demo's programs speak with the demo. */
export function printJsonLine(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
