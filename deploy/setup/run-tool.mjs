import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The root of the repository; every step and check runs there. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The last part of a tool's output is what explains a failure; the rest of a long log is noise. */
const outputCharsMax = 20_000;

/** A setup step or a check that did not succeed. Its message is written for the person at the terminal. */
export class ToolError extends Error {}

/**
 * Runs a program to its end and resolves to what it printed (both streams, in order of arrival). Nothing is shown
 * meanwhile. Rejects with a ToolError that carries the output when the program is missing or fails.
 */
export function runTool(command, args, env = {}) {
  const shown = [command, ...args].join(' ');
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk) => {
      output = (output + chunk).slice(-outputCharsMax);
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.on('error', (error) => reject(new ToolError(`${shown} could not be started: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve(output);
      } else {
        const ending = signal === null ? `exit code ${code}` : `signal ${signal}`;
        reject(new ToolError(`${output.trimEnd()}\n${shown} failed (${ending}).`.trimStart()));
      }
    });
  });
}

/** Runs a JavaScript tool of node_modules with this same Node, which is faster and surer than npx. */
export function runNodeTool(script, args) {
  return runTool(process.execPath, [`node_modules/${script}`, ...args]);
}
