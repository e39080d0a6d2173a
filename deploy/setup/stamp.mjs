import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashFiles } from './files.mjs';
import { root } from './run-tool.mjs';

const stampFile = (step) => join(root, 'build/.stamps', step.name);

/** How often a step is repeated when its inputs change under it, for example because it writes one of them. */
const runsMax = 3;

function inputsHash(step) {
  return hashFiles(step.inputs().filter((path) => existsSync(join(root, path))));
}

/** True when the step's outputs stand and were made from exactly the inputs of now, or when its own check says so. */
export function isDone(step) {
  if (step.isDone !== undefined) {
    return step.isDone();
  }
  const stamp = stampFile(step);
  return (
    existsSync(stamp) &&
    step.outputs.every((path) => existsSync(join(root, path))) &&
    readFileSync(stamp, 'utf8') === inputsHash(step)
  );
}

/** Runs a step. The stamp is gone while it runs, so that an interrupted step is never taken for a finished one. */
export async function runStep(step) {
  if (step.isDone !== undefined) {
    await step.run();
    return;
  }
  const stamp = stampFile(step);
  rmSync(stamp, { force: true });
  for (let runs = 0; runs < runsMax; runs += 1) {
    const before = inputsHash(step);
    await step.run();
    if (inputsHash(step) === before) {
      mkdirSync(join(root, 'build/.stamps'), { recursive: true });
      writeFileSync(stamp, before);
      return;
    }
  }
}
