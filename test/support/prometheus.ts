/** A real Prometheus and its promtool: Debian's, unpacked by "node deploy/setup/setup.mjs prometheus", or installed ones. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import type { Ending } from './lab.js';
import { packageRoot } from './package-root.js';
import type { RuleFile } from './prometheus-files.js';
import { waitFor } from './wait-for.js';

const UNPACKED = join(packageRoot(), 'build/tools/prometheus/usr/bin');
const INSTALLED = '/usr/bin';

function find(program: string): string | undefined {
  return [UNPACKED, INSTALLED].map((folder) => join(folder, program)).find((path) => existsSync(path));
}

const PROMETHEUS = find('prometheus');
const PROMTOOL = find('promtool');

/** For the `skip` option of a test: why they are not there; false if they are. */
export function prometheusSkipReason(): string | false {
  return PROMETHEUS === undefined || PROMTOOL === undefined
    ? 'there is no Prometheus: "npm run test:prometheus" fetches one'
    : false;
}

export interface ToolResult {
  /** Null if it could not be started. */
  readonly code: number | null;
  /** What it printed, both streams. */
  readonly output: string;
}

export function promtool(args: readonly string[], input = ''): ToolResult {
  return tool(PROMTOOL ?? 'promtool', args, input);
}

export function tool(file: string, args: readonly string[], input = ''): ToolResult {
  const { status, stdout, stderr, error } = spawnSync(file, args, { input, encoding: 'utf8' });
  return { code: status, output: error === undefined ? stdout + stderr : error.message };
}

/** One series of an answer, with one value or many. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly number[];
}

export interface ActiveAlert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Answer<Data> {
  readonly status: 'success' | 'error';
  readonly error?: string;
  readonly data: Data;
}

type Sample = readonly [timeSeconds: number, value: string];

interface QueryData {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly value?: Sample;
    readonly values?: readonly Sample[];
  }[];
}

export class PrometheusUnderTest {
  readonly url: string;

  private constructor(url: string) {
    this.url = url;
  }

  /**
   * Starts one that ends with the test.
   * @param config without `rule_files`
   */
  static async start(test: Ending, config: object, rules: readonly RuleFile[]): Promise<PrometheusUnderTest> {
    const directory = mkdtempSync(join(tmpdir(), 'stuckd-prometheus-'));
    mkdirSync(join(directory, 'rules'));
    for (const { name, groups } of rules) {
      writeFileSync(join(directory, 'rules', name), JSON.stringify({ groups }));
    }
    const configPath = join(directory, 'prometheus.yml');
    writeFileSync(configPath, JSON.stringify({ ...config, rule_files: [join(directory, 'rules/*.yaml')] }));
    const url = `http://127.0.0.1:${await freePort()}`;
    const logPath = join(directory, 'log');
    const log = openSync(logPath, 'w');
    const child = spawn(
      PROMETHEUS ?? 'prometheus',
      [
        `--config.file=${configPath}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=${url.slice(7)}`,
      ],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    const ended = new Promise((resolve) => child.once('close', resolve));
    test.after(async () => {
      child.kill('SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    });
    const isReady = async (): Promise<boolean> => child.exitCode !== null || (await fetch(`${url}/-/ready`)).ok;
    await waitFor(isReady, { what: 'Prometheus' });
    if (child.exitCode !== null) {
      throw new Error(`Prometheus has ended:\n${readFileSync(logPath, 'utf8')}`);
    }
    return new PrometheusUnderTest(url);
  }

  /** The value of each series now. @throws Error if the expression is wrong, or its evaluation fails. */
  async query(expr: string): Promise<readonly Series[]> {
    return seriesOf(await this.#get<QueryData>('query', { query: expr }));
  }

  /** The values of each series within the last `seconds`, one a second. */
  async queryRange(expr: string, seconds: number): Promise<readonly Series[]> {
    const end = Date.now() / 1000;
    const times = { start: String(end - seconds), end: String(end), step: '1' };
    return seriesOf(await this.#get<QueryData>('query_range', { query: expr, ...times }));
  }

  /** Values of a label, as variables of a dashboard get them. */
  async labelValues(label: string, selector: string): Promise<readonly string[]> {
    return this.#get(`label/${label}/values`, { 'match[]': selector });
  }

  async alerts(): Promise<readonly ActiveAlert[]> {
    return (await this.#get<{ readonly alerts: readonly ActiveAlert[] }>('alerts', {})).alerts;
  }

  async #get<Data>(path: string, parameters: Readonly<Record<string, string>>): Promise<Data> {
    const query = new URLSearchParams(parameters).toString();
    const answer = (await (await fetch(`${this.url}/api/v1/${path}?${query}`)).json()) as Answer<Data>;
    if (answer.status !== 'success') {
      throw new Error(`${parameters['query'] ?? path}: ${answer.error ?? answer.status}`);
    }
    return answer.data;
  }
}

function seriesOf({ result }: QueryData): readonly Series[] {
  return result.map(({ metric, value, values }) => ({
    metric,
    values: (values ?? (value === undefined ? [] : [value])).map(([, text]) => Number(text)),
  }));
}
