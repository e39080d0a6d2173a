/** Runs the system's own tools, each as an argument list without a shell. */
import { spawn } from 'node:child_process';

const OUTPUT_LIMIT_BYTES = 4 * 1024 * 1024;

/** A command could not be started, failed, or took too long. */
export class CommandError extends Error {
  readonly command: string;
  readonly stderr: string;
  constructor(argv: readonly string[], problem: string, stderr: string, cause?: unknown) {
    const said = stderr.trim();
    super(`${argv.join(' ')}: ${problem}${said === '' ? '' : `: ${said}`}`, { cause });
    this.name = 'CommandError';
    this.command = argv.join(' ');
    this.stderr = stderr;
  }
}

export interface CommandOptions {
  /** Written to the command's standard input. */
  readonly input?: string;
  /** The command is killed after this time. Default 20 s. */
  readonly timeoutMs?: number;
}

/**
 * @returns what the command wrote to standard output.
 * @throws CommandError if it cannot be started or does not exit with 0.
 */
export function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [file, ...args] = argv;
  if (file === undefined) {
    throw new RangeError('an empty command');
  }
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'pipe' });
    const limit = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 20_000);
    const output: Buffer[] = [];
    let outputBytes = 0;
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      outputBytes += chunk.length;
      if (outputBytes > OUTPUT_LIMIT_BYTES) {
        child.kill('SIGKILL');
      } else {
        output.push(chunk);
      }
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-4096);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(limit);
      const problem = error.code === 'ENOENT' ? 'is not installed' : 'cannot be started';
      reject(new CommandError(argv, problem, error.message, error));
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      if (code === 0 && outputBytes <= OUTPUT_LIMIT_BYTES) {
        resolve(Buffer.concat(output).toString());
      } else {
        reject(new CommandError(argv, signal === null ? `exit code ${String(code)}` : `ended by ${signal}`, stderr));
      }
    });
    // A command that ends without reading its input is judged by its exit code, not by the broken pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}
