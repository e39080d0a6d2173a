/** The Dockerfile of the image, as far as tests look at it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package-root.js';

/** `COPY --from=build SOURCE TARGET`. */
export interface Copy {
  readonly from: string;
  readonly source: string;
  readonly target: string;
}

export interface Instruction {
  /** In upper case. */
  readonly word: string;
  readonly argument: string;
}

export interface Stage {
  readonly image: string;
  /** Empty if it has none. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
  /** Those from another stage. */
  readonly copies: readonly Copy[];
}

export interface Dockerfile {
  readonly build: Stage;
  /** What is shipped. */
  readonly runtime: Stage;
}

/** Without comments; a line that ends in a backslash goes on in the next one. */
function instructionsIn(text: string): readonly Instruction[] {
  const lines = text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, word = '', argument = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
      return { word: word.toUpperCase(), argument };
    });
}

function copyOf({ argument }: Instruction): Copy | null {
  const [, from, source, target] = /^--from=(\S+) (\S+) (\S+)$/.exec(argument) ?? [];
  return from === undefined || source === undefined || target === undefined ? null : { from, source, target };
}

function stageOf([first, ...instructions]: readonly Instruction[]): Stage {
  const [, image = '', name = ''] = /^(\S+)(?: AS (\S+))?$/.exec(first?.argument ?? '') ?? [];
  const copies = instructions.filter(({ word }) => word === 'COPY').map(copyOf);
  return { image, name, instructions, copies: copies.filter((copy) => copy !== null) };
}

/** @throws Error unless it has the two stages. */
export function readDockerfile(): Dockerfile {
  const instructions = instructionsIn(readFileSync(join(packageRoot(), 'deploy/container/Dockerfile'), 'utf8'));
  const starts = instructions.flatMap(({ word }, index) => (word === 'FROM' ? [index] : []));
  const [build, runtime, ...more] = starts.map((start, index) => stageOf(instructions.slice(start, starts[index + 1])));
  if (build === undefined || runtime === undefined || more.length > 0) {
    throw new Error('the Dockerfile has not two stages');
  }
  return { build, runtime };
}
