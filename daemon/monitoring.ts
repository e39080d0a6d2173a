/** Puts together how stuckd itself is watched: its metrics, and the HTTP endpoint that serves them. */
import { HTTP_OFF } from './config-http.js';
import type { Config } from './config.js';
import type { PassReport } from './core/snapshot.js';
import type { HttpServer, HttpServerOptions } from './http/http-server.js';
import type { CleanupStack } from './lib/cleanup-stack.js';
import type { Logger } from './lib/logger.js';
import type { Metrics, MetricsOptions } from './metrics/metrics.js';
import { type Address, isLoopback, parseAddress } from './rpc/address.js';

/** How long a scrape that is under way may take when the daemon stops. */
const DRAIN_MS = 1000;

export interface MonitoringParts extends Omit<MetricsOptions, 'workloadLabels' | 'maxWorkloads'> {
  readonly config: Config['http'];
  readonly log: Logger;
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

type TcpAddress = Extract<Address, { readonly kind: 'tcp' }>;

export class Monitoring {
  readonly #parts: MonitoringParts;
  #metrics: Metrics | null = null;
  #server: HttpServer | null = null;

  constructor(parts: MonitoringParts) {
    this.#parts = parts;
  }

  /** Where it listens; null if it does not. */
  get address(): string | null {
    return this.#server?.address ?? null;
  }

  /** Connections that it had no room for. */
  get dropped(): number {
    return this.#server?.dropped ?? 0;
  }

  /**
   * Starts to count; before the first record changes. Without HTTP nothing is counted, and prom-client is not loaded.
   * @param cleanup learns how it ends
   * @throws Error if it cannot listen, for whoever wrote the configuration
   */
  async start(cleanup: CleanupStack): Promise<void> {
    const { config, log } = this.#parts;
    if (config.address === HTTP_OFF) {
      return;
    }
    const [{ Metrics }, { startHttpServer }] = await Promise.all([
      import('./metrics/metrics.js'),
      import('./http/http-server.js'),
    ]);
    const metrics = new Metrics({ ...this.#parts, ...config.metrics });
    this.#metrics = metrics;
    cleanup.push('metrics', () => {
      metrics.stop();
    });
    const address = parseAddress(config.address);
    if (address.kind !== 'tcp') {
      return; // the schema lets no other through
    }
    if (!isLoopback(address)) {
      log.warn(`metrics and health are served at ${config.address} to whoever can reach it, without TLS`);
    }
    const server = await this.#listen(startHttpServer, address, metrics);
    if (server !== null) {
      this.#server = server;
      cleanup.push('HTTP server', () => server.close(DRAIN_MS));
    }
  }

  /** @returns null if the address is taken and need not be had */
  async #listen(
    startHttpServer: (options: HttpServerOptions) => Promise<HttpServer>,
    address: TcpAddress,
    metrics: Metrics,
  ): Promise<HttpServer | null> {
    const { config, log, status } = this.#parts;
    return startHttpServer({
      ...{ host: address.host, port: address.port },
      sources: { metrics: () => metrics.render(), readiness: () => status.status() },
      onError: (message) => {
        log.error(`http: ${message}`);
      },
      onCrowd: (count) => {
        log.warn(`http: ${count} connections are open, which is the most; further ones are refused`);
      },
    }).catch((error: unknown) => {
      if (!config.required && isTaken(error)) {
        log.info(
          `metrics and health are not served: ${config.address} is taken, probably by the stuckd of this node; ` +
            '--http-address gives another address',
        );
        return null;
      }
      throw new Error(
        `metrics and health (http.address, STUCKD_HTTP_ADDRESS) cannot be served at ${config.address}: ` +
          `${error instanceof Error ? error.message : String(error)}; another address, or "${HTTP_OFF}", will do`,
        { cause: error },
      );
    });
  }

  /** A pass of the sensor begins or ends. */
  passed(pass: PassReport): void {
    this.#metrics?.passed(pass);
  }
}
