// Brings a fresh clone to the point where stuckd can be started, and does only what is missing. Plain Node without
// packages, because it runs before there are any. Usage: node deploy/setup/setup.mjs [STEP...]
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { arm64Step, sysrootStep } from './arm64.mjs';
import { bundleStep } from './bundle.mjs';
import { compileStep } from './compile.mjs';
import { alertmanagerStep, prometheusStep } from './debian-tools.mjs';
import { generateStep } from './generate.mjs';
import { manStep } from './man.mjs';
import { newestClangStep } from './newest-clang.mjs';
import { npmPackagesStep } from './npm-packages.mjs';
import { root, ToolError } from './run-tool.mjs';
import { sensorStep } from './sensor.mjs';
import { isDone, runStep } from './stamp.mjs';
import {
  arm64GuestPackagesStep,
  crossPackagesStep,
  guestPackagesStep,
  systemPackagesStep,
  terminalPackagesStep,
} from './system-packages.mjs';

/** In the order in which each may use the results of those before it. */
const steps = [systemPackagesStep, npmPackagesStep, generateStep, sensorStep, compileStep, bundleStep, manStep];

/** Steps that run only when they are named. */
const extraSteps = [
  ...[guestPackagesStep, terminalPackagesStep, alertmanagerStep, prometheusStep],
  ...[arm64GuestPackagesStep, crossPackagesStep, sysrootStep, arm64Step, newestClangStep],
];

const nodeMajorMin = 20;

/** What flock(1) is told to answer when another setup holds the lock. */
const lockedExitCode = 75;

// Standard error throughout: standard output belongs to the program that is started after the setup.
function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

async function runSteps(wanted) {
  for (const step of wanted) {
    if (!isDone(step)) {
      say(`${step.doing} ...`);
      const startMs = Date.now();
      await runStep(step);
      say(`${step.doing}: done in ${((Date.now() - startMs) / 1000).toFixed(1)} s`);
    }
  }
}

/**
 * Runs this file again under flock(1), so that two setups never write the same tree. The kernel drops such a lock with
 * the process that holds it: there is nothing stale to clean up after a crash.
 */
function runLocked(names) {
  const lock = join(root, 'build/.setup.lock');
  mkdirSync(join(root, 'build'), { recursive: true });
  const command = [lock, process.execPath, fileURLToPath(import.meta.url), '--locked', ...names];
  const flock = (...options) => spawnSync('flock', [...options, ...command], { stdio: 'inherit' });
  let result = flock('--nonblock', '--conflict-exit-code', String(lockedExitCode));
  if (result.status === lockedExitCode) {
    say('another setup is at work in this folder; waiting for it');
    result = flock();
  }
  if (result.error !== undefined) {
    throw new ToolError(`flock (of util-linux) could not be started: ${result.error.message}`);
  }
  return result.status ?? 1;
}

async function main(args) {
  if (Number.parseInt(process.versions.node, 10) < nodeMajorMin) {
    throw new ToolError(`stuckd needs Node.js ${nodeMajorMin} or newer; this is ${process.version}.`);
  }
  const locked = args[0] === '--locked';
  const names = locked ? args.slice(1) : args;
  const all = [...steps, ...extraSteps];
  const unknown = names.find((name) => !all.some((step) => step.name === name));
  if (unknown !== undefined) {
    say(`there is no step "${unknown}"; the steps are ${all.map((step) => step.name).join(', ')}`);
    return 2;
  }
  const wanted = names.length === 0 ? steps : all.filter((step) => names.includes(step.name));
  if (locked) {
    await runSteps(wanted);
    return 0;
  }
  return wanted.every(isDone) ? 0 : runLocked(names);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ToolError)) {
    throw error;
  }
  say(error.message);
  process.exitCode = 1;
}
