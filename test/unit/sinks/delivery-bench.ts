/** Alert delivery with real endpoints on loopback, a directory of its own and a source of alerts made by hand. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { AlertDelivery, type AlertDeliveryOptions } from '../../../daemon/sinks/alert-delivery.js';
import { receiversSchema, type ReceiverConfig } from '../../../daemon/sinks/receiver-config.js';
import { waitFor } from '../../support/wait-for.js';
import { Endpoint } from './endpoint.js';
import { alertJson, FakeAlerts } from './sample-alerts.js';

export function receivers(...settings: readonly object[]): readonly ReceiverConfig[] {
  return receiversSchema.parse(settings.map((setting) => ({ allowLoopback: true, ...setting })));
}

export class DeliveryBench {
  readonly directory = mkdtempSync(join(tmpdir(), 'stuckd-delivery-'));
  readonly alerts: FakeAlerts;
  readonly log: string[] = [];
  readonly #stops: (() => Promise<void>)[] = [];

  constructor(context: TestContext, alerts = new FakeAlerts()) {
    this.alerts = alerts;
    context.after(async () => {
      for (const stop of this.#stops.reverse()) {
        await stop();
      }
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  async endpoint(port = 0): Promise<Endpoint> {
    const endpoint = await Endpoint.start(port);
    this.#stops.push(() => endpoint.close());
    return endpoint;
  }

  /** A daemon's delivery: the last one must have been stopped before. */
  async start(configs: readonly ReceiverConfig[], options: Partial<AlertDeliveryOptions> = {}): Promise<AlertDelivery> {
    const keep = (message: string): void => {
      this.log.push(message);
    };
    this.alerts.configure(configs.map(({ name }) => name));
    const delivery = new AlertDelivery({
      source: this.alerts,
      alertJson,
      stateDir: this.directory,
      node: 'web-1',
      receivers: configs,
      log: { info: keep, warn: keep, error: keep },
      // Waits in tests are short, but not none, or a failing endpoint would be asked without end.
      random: () => 0.02,
      ...options,
    });
    await delivery.start();
    this.#stops.push(() => delivery.stop(0));
    return delivery;
  }

  /** As the daemon does when its configuration is read again. */
  reload(delivery: AlertDelivery, configs: readonly ReceiverConfig[]): void {
    this.alerts.configure(configs.map(({ name }) => name));
    delivery.reload(configs);
  }
}

/** Waits until nothing is pending. */
export async function settled(delivery: AlertDelivery): Promise<void> {
  await waitFor(() => delivery.deliveries().every(({ state }) => state !== 'pending'), { what: 'all deliveries' });
}
